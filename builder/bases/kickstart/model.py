"""The recipe options of an unattended install."""

from __future__ import annotations

import re
from collections.abc import Callable
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
from builder.install_trees.url import is_well_formed
from builder.installer import seen_from_installer

SIZE = 8 << 30
"""The size of the disk in bytes, if the recipe has no `size`."""

ARCH = "x86_64"

OWN = ("tree", "disk", "firmware", "secrets")
"""The variables that golden sets in every template."""

SERVED = Address("http://10.0.2.2/tree")
"""A placeholder for the URL of a tree that golden serves during the install, whose port is not known before."""

URL = re.compile(r"(https?|ftp)://[^\s/?#]+(/\S*)?", re.IGNORECASE)


def _check_tree(value: Any, info: ValidationInfo) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a URL or the path of a folder")
    if "://" in value:
        if not URL.fullmatch(value) or not is_well_formed(value):
            raise ValueError("must be a URL that starts with http://, https:// or ftp://, or a folder on this host")
        return value
    path = find_host_path(value or "missing", info)
    if path.is_file():
        raise ValueError(f"not a folder: {value}; give an ISO image as `iso:`")
    return str(path)


def _check_variable(name: str) -> str:
    if not name.isidentifier():
        raise ValueError("a variable name must be letters, digits and underscores, and must not start with a digit")
    if name in OWN:
        raise ValueError(f"golden sets the variable {name} itself; choose a name other than {', '.join(OWN)}")
    return name


def _check_secret(name: str) -> str:
    if not name.isidentifier():
        raise ValueError("a secret name must be letters, digits and underscores, and must not start with a digit")
    return name


class Kickstart(BaseModel):
    """An unattended install."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    file: InputFile = Field(
        description="The answer file, a Jinja2 template, relative to the recipe: a kickstart (EL, Fedora) or a preseed "
        "file (Debian), which must have the word preseed in its name."
    )
    tree: Annotated[str, BeforeValidator(_check_tree), WithJsonSchema({"type": "string", "minLength": 1})] | None = (
        Field(
            default=None,
            description="The install tree: an http, https or ftp URL, or a folder on this host, which golden serves "
            "during the install. The URL of a Debian mirror may end in /dists/RELEASE.",
        )
    )
    iso: InputFile | None = Field(
        default=None, description="An ISO image that contains the tree, such as an install DVD; replaces `tree`."
    )
    vars: dict[Annotated[str, AfterValidator(_check_variable)], Any] = Field(
        default_factory=dict, description="Variables for the template, in addition to the recipe's."
    )
    secrets: dict[Annotated[str, AfterValidator(_check_secret)], Secret] = Field(
        default_factory=dict,
        description="Secrets for the template, each `{env: NAME}` or `{file: PATH}`; use them as `{{ secrets.NAME }}`.",
    )
    syntax: str | None = Field(
        default=None,
        description="The release of the kickstart's syntax, such as RHEL9 or F40. Default: the file's line #version=.",
    )
    arguments: tuple[Annotated[str, Matching(r"^\S+$", "must not be empty or contain spaces")], ...] = Field(
        default=(), strict=False, description="Additional kernel arguments for the installer."
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
            raise ValueError("set either tree or iso")
        if self.is_preseed and self.syntax:
            raise ValueError("remove syntax: it is only for kickstarts, and this is a preseed file")
        return self

    @property
    def is_preseed(self) -> bool:
        """Whether the answer file is for the Debian installer."""
        return "preseed" in re.split(r"[._-]", self.file.name.lower())

    @property
    def folder(self) -> Path | None:
        """The tree's folder on this host; None for a URL or an ISO image."""
        return Path(self.tree) if self.tree is not None and "://" not in self.tree else None

    @property
    def address(self) -> Address | None:
        """The tree's URL for the installer, or `SERVED` for a folder; None for an ISO image."""
        if self.tree is None:
            return None
        return SERVED if self.folder else Address(seen_from_installer(self.tree))

    def reveal_secrets(self) -> dict[str, str]:
        """The secrets' texts, by name. Raises HostError."""
        return {name: read_secret(name, secret.reveal) for name, secret in self.secrets.items()}


def read_secret(name: str, read: Callable[[], str]) -> str:
    """What `read` returns about the secret `name`. Raises HostError."""
    try:
        return read()
    except (OSError, UnicodeDecodeError) as error:
        raise HostError(
            f"cannot read the secret {name} of the kickstart",
            details=str(error),
            hint=f"correct `{name}:` in `secrets:`, or the permissions of its file",
        ) from error
