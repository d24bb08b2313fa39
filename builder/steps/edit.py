from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.steps.step import GuestPath, Step

_EXAMPLE = """\
edit:
  path: /etc/login.defs
  pattern: '^UMASK\\s.*'
  replace: 'UMASK 027'
"""


def _check_expression(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


class Edit(Step, name="edit", version=1, example=_EXAMPLE):
    """Replace what a regular expression matches in a file, each time that it does.

    The expression is Python's; `^` and `$` match at the ends of every line. Mode and owner of the
    file stay.
    """

    path: GuestPath = Field(description="The file; of a link, what it leads to.")
    pattern: Annotated[str, AfterValidator(_check_expression)] = Field(
        description="The regular expression, best in single quotes.", min_length=1
    )
    replace: str = Field(description=r"What comes instead; `\1` or `\g<name>` is what a group matched.")
    optional: bool = Field(default=False, description="Whether it is fine when nothing matches.")

    @model_validator(mode="after")
    def _fitting(self) -> Edit:
        # A match is needed to try the replacement. The line break ends a comment of (?x).
        anything = re.compile(f"{self.pattern}\n|")
        try:
            anything.sub(self.replace, "")
        except (re.error, IndexError) as error:
            raise ValueError(f"replace does not fit the pattern: {error}") from error
        return self

    def _edited(self, text: str) -> tuple[str, int]:
        return re.subn(self.pattern, self.replace, text, flags=re.MULTILINE)

    def apply(self, guest: Guest) -> None:
        guest.want(self.path)
        text, matches = self._edited(guest.read(self.path))
        if matches:
            guest.write(self.path, text)
        elif not self.optional:
            raise GuestError(f"nothing in {self.path} matches {self.pattern}", hint="if that is fine: `optional: true`")

    def check(self, guest: Guest) -> Iterator[Finding]:
        if not guest.is_file(self.path):
            yield Finding(False, f"{self.path} is missing")
            return
        text = guest.read(self.path)
        done = self._is_done(text)
        yield Finding(done, f"{self.path} {'is' if done else 'is not'} edited: {self.pattern}")

    def _is_done(self, text: str) -> bool:
        """Whether a second edit would change nothing, or would as one of an edited file does."""
        again, _ = self._edited(text)
        if again == text:
            return True
        # An edit that matches what it made itself never comes to an end; its own text is there.
        return self._edited(again)[0] != again and self._made.search(text) is not None

    @property
    def _made(self) -> re.Pattern[str]:
        """Matches what the edit leaves: the replacement, with anything where it has groups or escapes."""
        return re.compile(".*".join(map(re.escape, re.split(r"\\g<\w+>|\\.", self.replace))), re.DOTALL)

    def kept_paths(self) -> Iterable[str]:
        yield self.path
