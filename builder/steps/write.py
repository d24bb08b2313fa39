from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field, model_validator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPath, Mode, Owner, Step, TemplateFile

_EXAMPLE = """\
write:
  path: /etc/motd
  content: "Built by golden.\\n"
"""


class Write(Step, name="write", version=1, example=_EXAMPLE):
    """Write a whole file, from text in the recipe or from a template beside it."""

    path: GuestPath = Field(description="The file; its folders are made where they are missing.")
    content: str | None = Field(default=None, description="The file's text.")
    template: TemplateFile | None = Field(
        default=None, description="A Jinja2 template beside the recipe, rendered with the recipe's variables."
    )
    mode: Mode = Field(default="0644", description="Permission bits, in octal and quoted.")
    owner: Owner = Field(default="root:root", description="`user` or `user:group`, by name or number.")

    @model_validator(mode="after")
    def _one_source(self) -> Write:
        if (self.content is None) == (self.template is None):
            raise ValueError("give either content or template")
        return self

    @property
    def _text(self) -> str:
        return self.content if self.content is not None else self.template or ""

    def apply(self, guest: Guest) -> None:
        guest.write(self.path, self._text)
        # A link is written through: what it leads to is the file.
        file = guest.resolve(self.path)
        guest.chown(file, self.owner)
        guest.chmod(file, int(self.mode, 8))

    def check(self, guest: Guest) -> Iterator[Finding]:
        file = guest.resolve(self.path)
        stat = guest.find_stat(file)
        if stat is None or stat.kind != "file":
            yield Finding(False, f"{self.path} is missing")
            return
        same = guest.read(file) == self._text
        yield Finding(same, f"{self.path} {'holds' if same else 'does not hold'} what was written")
        yield Finding(stat.mode == int(self.mode, 8), f"{self.path} has mode {stat.mode:04o}")
        owned = (stat.uid, stat.gid) == guest.owner_ids(self.owner)
        yield Finding(owned, f"{self.path} belongs to {stat.uid}:{stat.gid}")

    def kept_paths(self) -> Iterable[str]:
        yield self.path
