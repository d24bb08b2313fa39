"""What a step is: its options, what it does to a guest, and how it proves that afterwards."""

from __future__ import annotations

import inspect
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from builder import digest
from builder.findings import Finding
from builder.guest import trees
from builder.guest.guest import Guest
from builder.guest.info import Family
from builder.inputs import InputFile, KeyContext, Matching, RecipeContext, find_host_path, find_input


def _find_tree(value: Any, info: ValidationInfo) -> Path:
    path = find_host_path(value, info)
    try:
        trees.of_host(path, contents=False)
    except OSError as error:
        raise ValueError(f"cannot look at {error.filename}: {error.strerror}") from error
    # Without `.` and `..` at its end it has a name.
    return Path(os.path.abspath(path))


def _tree_digest(path: Path) -> dict[str, str]:
    tree = trees.of_host(path)
    return {"name": path.name, "tree": digest.of_value([[name, *astuple(entry)] for name, entry in tree.items()])}


InputTree = Annotated[
    Path,
    BeforeValidator(_find_tree),
    PlainSerializer(_tree_digest, when_used="json"),
    WithJsonSchema({"type": "string", "description": "a file or folder of the host, relative to the recipe"}),
]
"""A file or folder of the host, named relative to the recipe; an absolute Path once validated.

A key follows its name and all that is in it, with modes and owners.
"""


def _render_input(value: Any, info: ValidationInfo) -> str:
    path = find_input(value, info)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not a text file: {value}") from error
    return info.context.render(text) if isinstance(info.context, RecipeContext) else text


TemplateFile = Annotated[
    str,
    BeforeValidator(_render_input),
    WithJsonSchema({"type": "string", "description": "a Jinja2 template of the host, relative to the recipe"}),
]
"""A template named relative to the recipe; its rendered text once validated, so that a key follows that text."""


def _check_key_file(path: Path) -> Path:
    key_suffix(path.read_bytes())
    return path


def key_suffix(content: bytes) -> str:
    """How a file with this OpenPGP public key is named for apt: `asc` for ASCII armour, `gpg` for binary.

    Raises ValueError for everything else.
    """
    if re.search(rb"^-----BEGIN PGP PUBLIC KEY BLOCK-----\s*$", content, re.MULTILINE):
        return "asc"
    # A keyring begins with a public-key packet, tag 6: the old header with a 1, 2 or 4 byte length, or the new one.
    if content[:1] in (b"\x98", b"\x99", b"\x9a", b"\xc6"):
        return "gpg"
    if b"-----BEGIN PGP PRIVATE KEY BLOCK-----" in content:
        raise ValueError("this is a private key; give the public one")
    raise ValueError("not an OpenPGP public key: neither ASCII-armoured nor binary as `gpg --export` writes it")


KeyFile = Annotated[InputFile, AfterValidator(_check_key_file)]
"""A host's file with an OpenPGP public key, armoured or binary."""


def _check_script(path: Path) -> Path:
    with path.open("rb") as file:
        line = file.readline()
    if not re.match(rb"#![ \t]*/", line):
        raise ValueError("a script begins with #! and the path of what runs it, as in #!/bin/sh")
    if line.endswith(b"\r\n"):
        raise ValueError("it has line ends of Windows, which would be part of the name of what runs it")
    return path


Script = Annotated[InputFile, AfterValidator(_check_script)]
"""A host's file whose first line says what runs it: `interpreter` names that."""


def interpreter(script: Path) -> str:
    """The path of the program that a script's first line names."""
    with script.open("rb") as file:
        return os.fsdecode(file.readline()[2:].split()[0])


def _check_guest_path(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError("must be an absolute path of the guest, beginning with /")
    if not path.isprintable():
        raise ValueError("must not hold line breaks or other control characters")
    if ".." in path.split("/"):
        raise ValueError("must not hold ..")
    normal = posixpath.normpath(path).replace("//", "/", 1)
    if normal != path:
        raise ValueError(f"write it as {normal}")
    return path


def _check_guest_target(path: str) -> str:
    _check_guest_path(path[:-1] if path.endswith("/") and path != "/" else path)
    return path


GuestPath = Annotated[str, AfterValidator(_check_guest_path)]
"""An absolute, normalised path in the guest."""

GuestTarget = Annotated[str, AfterValidator(_check_guest_target)]
"""A GuestPath that may end in a slash: the folder in which to put something under its own name."""


def targets(path: str, name: str) -> Iterator[str]:
    """Where something called `name` can end up that is put at a GuestTarget."""
    # Whether a path without a slash at its end is a folder, only the guest knows.
    if not path.endswith("/"):
        yield path
    yield f"{path.rstrip('/')}/{name}"


GuestPaths = Annotated[
    list[GuestPath],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
"""One path of the guest or several; a list once validated."""


def _normalise_mode(value: Any) -> Any:
    if isinstance(value, int):
        raise ValueError('quote it, as in "0644": YAML reads a bare number as decimal')
    if isinstance(value, str) and re.fullmatch(r"0?[0-7]{3,4}", value):
        return f"{int(value, 8):04o}"
    raise ValueError('must be octal permission bits, as in "0644"')


Mode = Annotated[str, BeforeValidator(_normalise_mode)]
"""Permission bits in octal, four digits once validated: `int(mode, 8)`."""

_USER = r"([A-Za-z_][A-Za-z0-9_.-]*\$?|[0-9]+)"

Owner = Annotated[str, Matching(rf"^{_USER}(:{_USER})?$", "must be USER or USER:GROUP, by name or number")]
"""`user` or `user:group`, by the guest's own names or by number."""

UserName = Annotated[
    str,
    Matching(
        r"^[a-z_][a-z0-9_-]{0,31}$",
        "must be 1 to 32 lower-case letters, digits, dashes and underscores, and start with a letter or underscore",
    ),
]
"""The name of a user or a group, as useradd takes it everywhere."""

Command = Annotated[str, Matching(r"\S", "must not be empty")]
"""A shell command."""


def _check_package(name: str) -> str:
    if name.startswith("-"):
        raise ValueError("a package name does not begin with -")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9+._~^-]*(:[a-z0-9][a-z0-9-]*)?(=[A-Za-z0-9.+~:_^-]+)?", name):
        raise ValueError("not a package name, as in `lftp`, `libc6:i386`, `lftp=4.9.2-2` or `lftp-4.4.8-12.el7.x86_64`")
    if re.match(r"[^:=]*-($|[:=])", name):
        raise ValueError("a package name does not end in -")
    return name


PackageName = Annotated[str, AfterValidator(_check_package)]
"""A package to install, by name, with `:arch` and `=version` where that matters."""


TITLE = 80
"""Characters of a step's title at most."""


class Step(BaseModel):
    """Base of all steps. A step is one module of this folder with one subclass:

    ``class Timezone(Step, name="timezone", version=1, example="timezone: Europe/London")``

    name:      virt-customize's where it has one; kebab-case.
    version:   part of every layer key: raise it when `apply` changes what ends up on the disk.
    example:   one step of a recipe, in YAML, shown by `golden steps` and checked by the tests.
    shorthand: the field that a plain value stands for, where the step need not be a map.
    families:  the guests that it fits; None means all.
    late:      whether it runs after all other steps (passwords).
    changes_boot: whether it changes the boot loader's settings, which the step boot-loader puts into effect.
    takes_packages: whether it may install packages, from the recipe's media if it has any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    step_name: ClassVar[str]
    step_version: ClassVar[int]
    example: ClassVar[str]
    shorthand: ClassVar[str | None] = None
    families: ClassVar[frozenset[Family] | None] = None
    late: ClassVar[bool] = False
    changes_boot: ClassVar[bool] = False
    takes_packages: ClassVar[bool] = False

    def __init_subclass__(
        cls,
        *,
        name: str,
        version: int,
        example: str,
        shorthand: str | None = None,
        families: Iterable[Family] | None = None,
        late: bool = False,
        changes_boot: bool = False,
        takes_packages: bool = False,
    ) -> None:
        super().__init_subclass__()
        cls.step_name, cls.step_version, cls.example = name, version, example
        cls.shorthand, cls.late, cls.changes_boot = shorthand, late, changes_boot
        cls.takes_packages = takes_packages
        cls.families = frozenset(families) if families is not None else None

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, value: Any) -> Any:
        if cls.shorthand is not None and not isinstance(value, dict):
            return {cls.shorthand: value}
        return value

    @classmethod
    def heading(cls) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(cls) or "").partition("\n")[0]

    @property
    def fits(self) -> frozenset[Family] | None:
        """The families that it fits with these options; None means all."""
        return self.families

    @property
    def title(self) -> str:
        """The step as one short line of printable text: its name, and its first option that is text, else a file."""
        values = [getattr(self, name) for name in type(self).model_fields]
        texts = [" ".join(map(str, value)) if isinstance(value, list | tuple) else value for value in values]
        files = [value.name for value in values if isinstance(value, Path)]
        value = next((text for text in (*texts, *files) if isinstance(text, str) and text), "")
        words = " ".join("".join(letter if letter.isprintable() else " " for letter in value).split())
        title = f"{self.step_name} {words}".rstrip()
        return title if len(title) <= TITLE else f"{title[: TITLE - 1]}…"

    def key_options(self, context: KeyContext) -> dict[str, Any]:
        """The options as a layer key sees them: files by digest, secrets by keyed digest."""
        return self.model_dump(mode="json", context=context)

    def apply(self, guest: Guest) -> None:
        """Do it. Raises BuildError."""
        raise NotImplementedError

    def check(self, guest: Guest) -> Iterator[Finding]:
        """Prove from the sealed disk that it is so."""
        raise NotImplementedError

    def kept_paths(self) -> Iterable[str]:
        """The paths that this step put there on purpose, which the seal must leave alone."""
        return ()

    def kept_users(self) -> Iterable[str]:
        """The users that this step made or lets in on purpose, who stay where the seal removes users."""
        return ()

    def concerns(self) -> Iterable[str]:
        """The guest's paths that its proof is about."""
        return self.kept_paths()

    def yields_to(self, later: Iterable[Step]) -> bool:
        """Whether later steps work on the same paths, or above or below them, so that its promise may not last."""
        own = set(self.concerns())
        theirs = {path for step in later for path in step.concerns()}
        return any(not theirs.isdisjoint(_line(path)) for path in own) or any(
            not own.isdisjoint(_line(path)) for path in theirs
        )


def _line(path: str) -> Iterator[str]:
    """A path and the folders above it, the nearest first."""
    while True:
        yield path
        if path in ("/", ""):
            return
        path = posixpath.dirname(path)
