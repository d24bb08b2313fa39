from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field, model_validator

from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPath, Mode, Owner, Step, TemplateFile, compare

_EXAMPLE = """\
write:
  path: /etc/motd
  content: "Built by golden.\\n"
"""


class Write(Step, name="write", version=1, example=_EXAMPLE):
    """Write a file, from text in the recipe or from a Jinja2 template.

    An existing file is overwritten. A symbolic link is followed.
    """

    path: GuestPath = Field(description="The file. Missing parent folders are created.")
    content: str | None = Field(default=None, description="The text of the file.")
    template: TemplateFile | None = Field(
        default=None,
        description="Jinja2 template, relative to the recipe. It can use the recipe's variables.",
    )
    mode: Mode = Field(default="0644", description="Permission bits in octal, in quotes.")
    owner: Owner = Field(default="root:root", description="`user` or `user:group`, by name or number.")

    @model_validator(mode="after")
    def _check_one_source(self) -> Write:
        if (self.content is None) == (self.template is None):
            raise ValueError("set either content or template")
        return self

    @property
    def _text(self) -> str:
        return self.content if self.content is not None else self.template or ""

    def apply(self, guest: Guest) -> None:
        guest.write(self.path, self._text)
        # If the path is a symbolic link, the write changes its target.
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
        yield Finding(same, f"{self.path} {'has' if same else 'does not have'} the text from the recipe")
        yield compare(f"{self.path} has mode", f"{stat.mode:04o}", self.mode)
        uid, gid = guest.owner_ids(self.owner)
        yield compare(f"{self.path} belongs to", f"{stat.uid}:{stat.gid}", f"{uid}:{gid}")

    def kept_paths(self) -> Iterable[str]:
        yield self.path
