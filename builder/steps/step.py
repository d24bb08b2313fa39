"""The base class of all steps, and the types of their options."""

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
        raise ValueError(f"cannot read {error.filename}: {error.strerror}") from error
    # A path that ends in `.` or `..` has no name of its own.
    return Path(os.path.abspath(path))


def _tree_digest(path: Path) -> dict[str, str]:
    tree = trees.of_host(path)
    return {"name": path.name, "tree": digest.of_value([[name, *astuple(entry)] for name, entry in tree.items()])}


InputTree = Annotated[
    Path,
    BeforeValidator(_find_tree),
    PlainSerializer(_tree_digest, when_used="json"),
    WithJsonSchema({"type": "string", "description": "a file or folder on the host, relative to the recipe"}),
]
"""A file or folder on the host, relative to the recipe; an absolute Path after validation.

The layer key covers its name and its whole contents, with modes and owners.
"""


def _render_input(value: Any, info: ValidationInfo) -> str:
    path = find_input(value, info)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not a text file in UTF-8: {value}") from error
    return info.context.render(text) if isinstance(info.context, RecipeContext) else text


TemplateFile = Annotated[
    str,
    BeforeValidator(_render_input),
    WithJsonSchema({"type": "string", "description": "a Jinja2 template on the host, relative to the recipe"}),
]
"""A template, relative to the recipe; its rendered text after validation, so that the layer key covers that text."""


def _check_key_file(path: Path) -> Path:
    key_suffix(path.read_bytes())
    return path


def key_suffix(content: bytes) -> str:
    """Return the file name suffix that apt requires for an OpenPGP public key.

    `asc` for an ASCII-armoured key, `gpg` for a binary one. Raises ValueError for any other content.
    """
    if re.search(rb"^-----BEGIN PGP PUBLIC KEY BLOCK-----\s*$", content, re.MULTILINE):
        return "asc"
    # A keyring begins with a public-key packet (tag 6): an old header with a length of 1, 2 or 4 bytes, or a new one.
    if content[:1] in (b"\x98", b"\x99", b"\x9a", b"\xc6"):
        return "gpg"
    if b"-----BEGIN PGP PRIVATE KEY BLOCK-----" in content:
        raise ValueError("this is a private key; use the public key")
    raise ValueError("not an OpenPGP public key: export one with `gpg --export --armor KEY`")


KeyFile = Annotated[InputFile, AfterValidator(_check_key_file)]
"""A file on the host with an OpenPGP public key, ASCII-armoured or binary."""


def _check_script(path: Path) -> Path:
    with path.open("rb") as file:
        line = file.readline()
    if not re.match(rb"#![ \t]*/", line):
        raise ValueError("a script must begin with #! and the path of its interpreter, as in #!/bin/sh")
    if line.endswith(b"\r\n"):
        raise ValueError("the script has Windows line endings (CRLF): convert it, for example with dos2unix")
    return path


Script = Annotated[InputFile, AfterValidator(_check_script)]
"""A script on the host; `interpreter` returns the program that its first line names."""


def interpreter(script: Path) -> str:
    """Return the path of the program that the script's `#!` line names."""
    with script.open("rb") as file:
        return os.fsdecode(file.readline()[2:].split()[0])


def _check_guest_path(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError("must be an absolute path in the guest: begin it with /")
    if not path.isprintable():
        raise ValueError("must not contain line breaks or other control characters")
    if ".." in path.split("/"):
        raise ValueError("must not contain .. as a folder")
    normal = posixpath.normpath(path).replace("//", "/", 1)
    if normal != path:
        raise ValueError(f"must have no needless slashes or dots: write it as {normal}")
    return path


def _check_guest_target(path: str) -> str:
    _check_guest_path(path[:-1] if path.endswith("/") and path != "/" else path)
    return path


GuestPath = Annotated[str, AfterValidator(_check_guest_path)]
"""An absolute, normalised path in the guest."""

GuestTarget = Annotated[str, AfterValidator(_check_guest_target)]
"""A GuestPath that may end in a slash: the file then goes into that folder and keeps its name."""


def targets(path: str, name: str) -> Iterator[str]:
    """Yield the paths at which a file or folder called `name` can end up when `path` is its GuestTarget."""
    # Only the guest knows whether a path without a trailing slash is an existing folder.
    if not path.endswith("/"):
        yield path
    yield f"{path.rstrip('/')}/{name}"


GuestPaths = Annotated[
    list[GuestPath],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
"""One or more paths in the guest; a list after validation."""


def _normalise_mode(value: Any) -> Any:
    if isinstance(value, int):
        raise ValueError('put it in quotes, as in "0644": YAML reads a bare number as decimal')
    if isinstance(value, str) and re.fullmatch(r"0?[0-7]{3,4}", value):
        return f"{int(value, 8):04o}"
    raise ValueError('must be three or four octal digits in quotes, as in "0644"')


Mode = Annotated[str, BeforeValidator(_normalise_mode)]
"""Permission bits in octal; always four digits after validation. Convert with `int(mode, 8)`."""

_USER = r"([A-Za-z_][A-Za-z0-9_.-]*\$?|[0-9]+)"

Owner = Annotated[
    str,
    Matching(rf"^{_USER}(:{_USER})?$", "must be USER or USER:GROUP, by name or number"),
]
"""`user` or `user:group`: names that the guest knows, or numbers."""

UserName = Annotated[
    str,
    Matching(
        r"^[a-z_][a-z0-9_-]{0,31}$",
        "must be 1 to 32 lower-case letters, digits, dashes and underscores, and start with a letter or underscore",
    ),
]
"""The name of a user or group that useradd accepts on every distribution."""

Command = Annotated[str, Matching(r"\S", "must not be empty")]
"""One or more lines for /bin/sh."""


def _check_package(name: str) -> str:
    if name.startswith("-"):
        raise ValueError("a package name must not begin with -")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9+._~^-]*(:[a-z0-9][a-z0-9-]*)?(=[A-Za-z0-9.+~:_^-]+)?", name):
        raise ValueError("must be one package name, such as lftp, libc6:i386, lftp=4.9.2-2 or lftp-4.4.8-12.el7.x86_64")
    if re.match(r"[^:=]*-($|[:=])", name):
        raise ValueError("a package name must not end in -")
    return name


PackageName = Annotated[str, AfterValidator(_check_package)]
"""The name of a package to install, optionally with `:arch` and `=version`."""


def compare(fact: str, found: object, wanted: object) -> Finding:
    """Return a finding that states a fact, such as "the host name is web", and if it is wrong, what is expected."""
    message = f"{fact} {found}"
    return Finding(True, message) if found == wanted else Finding(False, f"{message} (expected {wanted})")


TITLE = 80
"""Maximum length of a step's title, in characters."""


class Step(BaseModel):
    """The base class of all steps. Each step is a subclass in its own module of this folder:

    ``class Timezone(Step, name="timezone", version=1, example="timezone: Europe/London")``

    The docstring of a step is user documentation: `golden steps NAME` prints it.

    name:           in kebab-case; the name of virt-customize's option where there is one.
    version:        part of every layer key. Increase it when `apply` changes what it writes to the disk.
    example:        one step of a recipe in YAML, printed by `golden steps` and validated by the tests.
    shorthand:      the field that a plain value sets, so that the step need not be a map.
    families:       the guest families that the step supports; None means all.
    late:           whether the step runs after all other steps (passwords).
    changes_boot:   whether it changes boot loader settings, which the step boot-loader then applies.
    takes_packages: whether it may install packages, from the recipe's media if there are any.
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
    def _expand_shorthand(cls, value: Any) -> Any:
        if cls.shorthand is not None and not isinstance(value, dict):
            return {cls.shorthand: value}
        return value

    @classmethod
    def heading(cls) -> str:
        """Return the first line of the docstring."""
        return (inspect.getdoc(cls) or "").partition("\n")[0]

    @property
    def supported_families(self) -> frozenset[Family] | None:
        """The guest families that the step supports with these options; None means all."""
        return self.families

    @property
    def title(self) -> str:
        """One short printable line: the step's name and its first text option, or else the name of its first file."""
        values = [getattr(self, name) for name in type(self).model_fields]
        texts = [" ".join(map(str, value)) if isinstance(value, list | tuple) else value for value in values]
        files = [value.name for value in values if isinstance(value, Path)]
        value = next((text for text in (*texts, *files) if isinstance(text, str) and text), "")
        words = " ".join("".join(letter if letter.isprintable() else " " for letter in value).split())
        title = f"{self.step_name} {words}".rstrip()
        return title if len(title) <= TITLE else f"{title[: TITLE - 1]}…"

    def key_options(self, context: KeyContext) -> dict[str, Any]:
        """Return the options as they go into the layer key: files as digests, secrets as keyed digests."""
        return self.model_dump(mode="json", context=context)

    def apply(self, guest: Guest) -> None:
        """Make the change in the guest. Raises BuildError."""
        raise NotImplementedError

    def check(self, guest: Guest) -> Iterator[Finding]:
        """Yield findings that show whether the sealed disk still has the change. Writes nothing."""
        raise NotImplementedError

    def kept_paths(self) -> Iterable[str]:
        """Return the paths that this step writes on purpose and that the seal must keep."""
        return ()

    def kept_users(self) -> Iterable[str]:
        """Return the users that this step creates or gives access, whom the seal must keep when it removes users."""
        return ()

    def affected_paths(self) -> Iterable[str]:
        """Return the guest paths that the step changes and that its check reads."""
        return self.kept_paths()

    def overlaps(self, later: Iterable[Step]) -> bool:
        """Whether later steps work on the same paths, or on parents or children of them.

        If so, they may have changed what this step wrote.
        """
        own = set(self.affected_paths())
        others = {path for step in later for path in step.affected_paths()}
        return any(not others.isdisjoint(_with_parents(path)) for path in own) or any(
            not own.isdisjoint(_with_parents(path)) for path in others
        )


def _with_parents(path: str) -> Iterator[str]:
    """Yield a path and its parent folders, the nearest first."""
    while True:
        yield path
        if path in ("/", ""):
            return
        path = posixpath.dirname(path)
