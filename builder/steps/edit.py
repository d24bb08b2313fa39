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
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"invalid regular expression: {error}") from error
    return pattern


class Edit(Step, name="edit", version=1, example=_EXAMPLE):
    """Replace every match of a regular expression in a file.

    The expression has Python's syntax; `^` and `$` match at the beginning and end of every line. The
    file keeps its mode and owner. If nothing matches, the step fails unless it is `optional`.
    """

    path: GuestPath = Field(description="The file. A symbolic link is followed.")
    pattern: Annotated[str, AfterValidator(_check_expression)] = Field(
        description="The regular expression, preferably in single quotes.", min_length=1
    )
    replace: str = Field(description=r"The replacement. `\1` or `\g<name>` inserts what a group matched.")
    optional: bool = Field(default=False, description="Do not fail if nothing matches.")

    @model_validator(mode="after")
    def _check_replacement(self) -> Edit:
        # Only a match tests the replacement, so also match the empty string. The line break ends a comment of (?x).
        always_matching = re.compile(f"{self.pattern}\n|")
        try:
            always_matching.sub(self.replace, "")
        except (re.error, IndexError) as error:
            raise ValueError(f"invalid `replace` for this `pattern`: {error}") from error
        return self

    def _replace_all(self, text: str) -> tuple[str, int]:
        """Return the edited text and the number of matches."""
        return re.subn(self.pattern, self.replace, text, flags=re.MULTILINE)

    def apply(self, guest: Guest) -> None:
        guest.stat(self.path)
        text, matches = self._replace_all(guest.read(self.path))
        if matches:
            guest.write(self.path, text)
        elif not self.optional:
            raise GuestError(
                f"nothing in {self.path} matches {self.pattern}",
                hint="correct `pattern:`, or add `optional: true` if the file may have no match",
            )

    def check(self, guest: Guest) -> Iterator[Finding]:
        if not guest.is_file(self.path):
            yield Finding(False, f"{self.path} is missing")
            return
        text = guest.read(self.path)
        done = self._is_done(text)
        yield Finding(done, f"{self.path} is {'' if done else 'not '}edited with the pattern {self.pattern}")

    def _is_done(self, text: str) -> bool:
        """Whether the text looks like the result of this edit."""
        again, _ = self._replace_all(text)
        if again == text:
            return True
        # Some edits match their own result, so that repeating them always changes the text. Search for the result.
        return self._replace_all(again)[0] != again and self._result.search(text) is not None

    @property
    def _result(self) -> re.Pattern[str]:
        """Matches the replacement, with any text in the place of its groups and escapes."""
        return re.compile(".*".join(map(re.escape, re.split(r"\\g<\w+>|\\.", self.replace))), re.DOTALL)

    def kept_paths(self) -> Iterable[str]:
        yield self.path
