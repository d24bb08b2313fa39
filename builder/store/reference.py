"""The names of templates, and references to one of their versions."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
NAME_HINT = (
    "lower-case letters, digits, dots, dashes and underscores, at most 63 characters, starting with a letter or digit"
)
VERSION = re.compile(r"(\d{8})\.(\d+)-[0-9a-f]{8}")
LATEST = "latest"
FORM = re.compile(r"([^@:]*)([@:]?)(.*)", re.DOTALL)


def check_name(name: str) -> str:
    """Return the name if it is safe for a folder and for a domain. Raises ValueError."""
    if not NAME.fullmatch(name) or ".." in name:
        raise ValueError(f"must be {NAME_HINT}; two dots in a row are not allowed")
    return name


@dataclass(frozen=True, slots=True)
class Reference:
    """NAME, NAME@CHANNEL or NAME:VERSION. NAME alone means the channel `latest`."""

    template: str
    channel: str | None = LATEST
    version: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """The reference in a text; it may name a version that does not exist. Raises ValueError for an invalid one."""
        found = FORM.fullmatch(text)
        assert found, "the pattern matches any text"
        template, mark, rest = found.groups()
        if not NAME.fullmatch(template) or ".." in template:
            raise ValueError(
                f'"{template}" is not a valid template name: use {NAME_HINT}; write NAME, NAME@CHANNEL or NAME:VERSION'
            )
        if mark == ":":
            if not VERSION.fullmatch(rest):
                meant = f"; write a channel as {template}@{rest}" if NAME.fullmatch(rest) else ""
                raise ValueError(f'"{rest}" is not a valid version: versions look like 20261123.1-ab12cd34{meant}')
            return cls(template, None, rest)
        if mark and not NAME.fullmatch(rest):
            raise ValueError(f'"{rest}" is not a valid channel name: use {NAME_HINT}, for example stable')
        return cls(template, rest or LATEST)

    @property
    def moves(self) -> bool:
        """Whether the next build of the template moves this reference to another version."""
        return self.channel == LATEST

    def __str__(self) -> str:
        return f"{self.template}:{self.version}" if self.version else f"{self.template}@{self.channel}"
