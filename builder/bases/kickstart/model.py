"""The options of an unattended install, as a recipe gives them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from builder.bases.kickstart.address import Address
from builder.errors import HostError
from builder.inputs import InputFile, Matching, Secret, find_host_path
from builder.installer import seen_from_installer

SIZE = 8 << 30
"""Bytes of the disk where the recipe names no size."""

ARCH = "x86_64"

OWN = ("tree", "disk", "firmware", "secrets")
"""The variables that every template has from us."""

SERVED = Address("http://10.0.2.2/tree")
"""What stands for the URL of a tree that is served for the time of the install, whatever its port will be."""

URL = re.compile(r"(https?|ftp)://[^\s/?#]+(/\S*)?", re.IGNORECASE)


def _check_tree(value: Any, info: ValidationInfo) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a URL or the path of a folder")
    if "://" in value:
        if not URL.fullmatch(value):
            raise ValueError("a tree is a folder of this host, or behind a URL of http, https or ftp")
        return value
    path = find_host_path(value or "missing", info)
    if path.is_file():
        raise ValueError(f"a file, not a folder: {value}; an ISO image stands behind `iso:`")
    return str(path)


def _check_variable(name: str) -> str:
    if not name.isidentifier():
        raise ValueError("a variable's name has letters, digits and underscores, and begins with no digit")
    if name in OWN:
        raise ValueError(f"{name} is set by golden; templates have {', '.join(OWN)}")
    return name


def _check_secret(name: str) -> str:
    if not name.isidentifier():
        raise ValueError("a secret's name has letters, digits and underscores, and begins with no digit")
    return name


class Kickstart(BaseModel):
    """An unattended install."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    file: InputFile = Field(
        description="The answers: a kickstart (EL, Fedora), or a preseed file (Debian), told by preseed in its name. "
        "A Jinja2 template, relative to the recipe."
    )
    tree: Annotated[str, BeforeValidator(_check_tree), WithJsonSchema({"type": "string", "minLength": 1})] | None = (
        Field(
            default=None,
            description="The install tree: a URL of http, https or ftp, or a folder of this host, which is served for "
            "the time of the install. A Debian mirror's may end in /dists/RELEASE.",
        )
    )
    iso: InputFile | None = Field(
        default=None, description="Instead of a tree the ISO image that has it, an install DVD."
    )
    vars: dict[Annotated[str, AfterValidator(_check_variable)], Any] = Field(
        default_factory=dict, description="Variables of the template beside the recipe's own."
    )
    secrets: dict[Annotated[str, AfterValidator(_check_secret)], Secret] = Field(
        default_factory=dict,
        description="Secrets of the template, `{env: NAME}` or `{file: PATH}` each: `{{ secrets.NAME }}` there.",
    )
    syntax: str | None = Field(
        default=None,
        description="The release in whose syntax a kickstart is, such as RHEL9 or F40; else its own line #version= "
        "says so.",
    )
    arguments: tuple[Annotated[str, Matching(r"^\S+$", "must not be empty or contain spaces")], ...] = Field(
        default=(), strict=False, description="More arguments for the installer's kernel."
    )

    @field_validator("syntax")
    @classmethod
    def _known_syntax(cls, name: str | None) -> str | None:
        if name is not None:
            from builder.bases.kickstart.lint import check_syntax

            check_syntax(name)
        return name

    @model_validator(mode="after")
    def _one_source(self) -> Kickstart:
        if (self.tree is None) == (self.iso is None):
            raise ValueError("give either tree or iso")
        if self.is_preseed and self.syntax:
            raise ValueError("syntax is for kickstarts; this is a preseed file")
        return self

    @property
    def is_preseed(self) -> bool:
        """Whether the answers are for the Debian installer."""
        return "preseed" in re.split(r"[._-]", self.file.name.lower())

    @property
    def folder(self) -> Path | None:
        """The tree's folder on this host, where it is one."""
        return Path(self.tree) if self.tree is not None and "://" not in self.tree else None

    @property
    def address(self) -> Address | None:
        """The tree's URL for the installer, as far as it is known before the install; None for an ISO image."""
        if self.tree is None:
            return None
        return SERVED if self.folder else Address(seen_from_installer(self.tree))

    def reveal_secrets(self) -> dict[str, str]:
        """The secrets' texts, by name. Raises HostError."""
        try:
            return {name: secret.reveal() for name, secret in self.secrets.items()}
        except (OSError, UnicodeDecodeError) as error:
            raise HostError("a secret of the kickstart cannot be read", details=str(error)) from error
