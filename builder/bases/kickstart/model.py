"""What a recipe says of a base that is installed, and what follows from that before anything runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from builder import digest
from builder.bases.base import Base, Firmware, Wanted, Workshop, with_firmware
from builder.bases.kickstart.address import Address
from builder.bases.kickstart.render import Rendered, Template, render
from builder.errors import HostError, Problem, RecipeError, RequestError
from builder.guest.info import Family
from builder.inputs import InputFile, KeyContext, Place, Secret, find_host_path
from builder.installer import seen_from_installer
from builder.trees.tree import Tree, open_tree

VERSION = 1
"""Part of every key: raise it when `make` changes what ends up on the disk."""

SIZE = 8 << 30
"""Bytes of the disk where the recipe names no size."""

ARCH = "x86_64"

DISK = "vda"
"""The installer's name for the disk, and the node's."""

OWN = ("tree", "disk", "firmware", "secrets")
"""The variables that every template has from us."""

SERVED = Address("http://10.0.2.2/tree")
"""What stands for the URL of a tree that is served for the time of the install, whatever its port will be."""

TREE = f"tree for {ARCH}"
"""What the identities of trees are remembered as."""

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
    arguments: tuple[Annotated[str, Field(pattern=r"^\S+$")], ...] = Field(
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


class KickstartBase(Base):
    """Install unattended: `kickstart: {file: ../kickstart/almalinux9.ks.j2, tree: URL}`."""

    kickstart: Kickstart = Field(description="Install a system by its distribution's own installer, unattended.")

    _variables: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _take_variables(self, info: ValidationInfo) -> KickstartBase:
        if isinstance(info.context, Place):
            self._variables = info.context.variables
        return self

    @property
    def title(self) -> str:
        return f"install {self.kickstart.file.name.removesuffix('.j2')}"

    @property
    def family(self) -> Family | None:
        return "debian" if self.kickstart.is_preseed else "redhat"

    def find_problems(self, firmware: Firmware) -> Iterator[Problem]:
        # What a secret is, no message needs to say.
        words = {name: f"secret-{name}" for name in self.kickstart.secrets}
        try:
            rendered = self.render(words, firmware, self.kickstart.address)
        except RecipeError as error:
            yield from error.problems
        else:
            yield from self.find_flaws(rendered)

    def find_flaws(self, rendered: Rendered) -> Iterator[Problem]:
        """What is wrong with the answers, once rendered."""
        from builder.bases.kickstart import lint

        if self.kickstart.is_preseed:
            return lint.find_preseed_problems(rendered)
        return lint.find_kickstart_problems(rendered, self.kickstart.syntax)

    def render(self, secrets: Mapping[str, str], firmware: Firmware, address: Address | None) -> Rendered:
        """The answers for an installer that reaches the tree at `address`. Raises RecipeError."""
        own = {"tree": address, "disk": DISK, "firmware": firmware, "secrets": dict(secrets)}
        return render(Template.read(self.kickstart.file), {**self._variables, **self.kickstart.vars, **own})

    def identity(self, wanted: Wanted) -> dict[str, object]:
        source = self.kickstart.iso or self.kickstart.tree or ""
        answers = self._digest_answers(wanted)
        with open_tree(source) as tree:
            self.check_tree(tree)
            found = tree.identity(ARCH)
        if wanted.memory and not self._is_here:
            wanted.memory.note(TREE, str(source), {"identity": found})
        return self._identity(wanted, answers, found)

    def known_facts(self, wanted: Wanted) -> dict[str, object] | None:
        if not wanted.memory or self._is_here:
            return None
        known = wanted.memory.find(TREE, self.kickstart.tree or "")
        if known is None or "identity" not in known:
            return None
        return with_firmware(self._identity(wanted, self._digest_answers(wanted), known["identity"]), wanted.firmware)

    @property
    def _is_here(self) -> bool:
        """Whether what is installed from is on this host."""
        return self.kickstart.iso is not None or self.kickstart.folder is not None

    def _digest_answers(self, wanted: Wanted) -> str:
        """Raises HostError for a secret that cannot be read, and RecipeError."""
        context = KeyContext(wanted.secret_key)
        try:
            secrets = {name: f"secret:{secret.key(context)}" for name, secret in self.kickstart.secrets.items()}
        except (OSError, UnicodeDecodeError) as error:
            raise HostError("a secret of the kickstart cannot be read", details=str(error)) from error
        return digest.of_value(self.render(secrets, wanted.firmware, self.kickstart.address).text)

    def _identity(self, wanted: Wanted, answers: str, tree: object) -> dict[str, object]:
        return {
            "kind": "kickstart",
            "version": VERSION,
            "answers": answers,
            "arguments": list(self.kickstart.arguments),
            "tree": tree,
            "size": wanted.size or SIZE,
            "firmware": wanted.firmware,
        }

    def check_tree(self, tree: Tree) -> None:
        """Raises RequestError where the tree is for another kind of installer, or of machine."""
        is_debian = tree.treeinfo_path is None
        if is_debian != self.kickstart.is_preseed:
            one, other = ("kickstart", "preseed file") if is_debian else ("preseed file", "kickstart")
            family = tree.info.family
            raise RequestError(
                f"{self.kickstart.file.name} is a {one}, and the tree is one of {family} {tree.info.version}: {tree}",
                hint=f"the installer of {family} takes a {other}; a preseed file has preseed in its name",
            )
        tree.boot_files(ARCH)

    def make(self, workshop: Workshop, target: Path) -> None:
        from builder.bases.kickstart.make import make

        make(self, workshop, target)
