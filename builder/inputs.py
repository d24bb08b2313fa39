"""Types of recipe options: files of this host, secrets, and text that must match a pattern."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from builder import digest


@dataclass(frozen=True, slots=True)
class RecipeContext:
    """What validation needs to know of a recipe; pass it as pydantic's validation context.

    `folder` is the recipe's folder, to which its input files are relative. `render` renders a template with
    the recipe's variables, and raises ValueError for an undefined one. `variables` are the recipe's, for
    templates that have variables of their own, too.
    """

    folder: Path
    render: Callable[[str], str] = lambda text: text
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyContext:
    """What a layer key adds to the options; pass it as pydantic's serialization context.

    `secret_key` is the key for the digests of secrets. `media` is the digest of the recipe's media, for
    steps that install packages from them.
    """

    secret_key: bytes
    media: str = ""


PATH_HINT = "correct the path; it is relative to the recipe's folder"


class OptionError(ValueError):
    """An invalid value of an option, with a hint for the user; validators raise it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Matching:
    """Marks a string that must match a regular expression, with the message for one that does not.

    Users see `message`, such as "must be lower-case letters"; the JSON Schema has `pattern`.
    """

    pattern: str
    message: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        matched = core_schema.str_schema(pattern=self.pattern)
        return core_schema.chain_schema(
            [
                handler(source),
                core_schema.custom_error_schema(matched, "pattern_mismatch", custom_error_message=self.message),
            ]
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": self.pattern}


Sha256 = Annotated[str, Matching(r"^[0-9a-f]{64}$", "must be 64 hexadecimal digits in lower case")]


def find_input(value: Any, info: ValidationInfo) -> Path:
    """The file of this host that a value names. Raises ValueError."""
    path = find_host_path(value, info)
    if not path.is_file():
        raise ValueError(f"not a file: {value}")
    return path


def find_host_path(value: Any, info: ValidationInfo) -> Path:
    """The file or folder of this host that a value names. Raises ValueError."""
    if not isinstance(value, str | Path):
        raise ValueError("must be a path")
    context = info.context
    path = (context.folder if isinstance(context, RecipeContext) else Path()) / value
    try:
        found = path.exists()
    except OSError as error:
        raise ValueError(f"cannot read {value}: {error.strerror}") from error
    if not found:
        raise OptionError(f"no such file: {value}", PATH_HINT)
    return path


InputFile = Annotated[
    Path,
    BeforeValidator(find_input),
    # A key depends on the file's contents, not on its path.
    PlainSerializer(lambda path: {"sha256": digest.of_file(path)}, when_used="json"),
    WithJsonSchema({"type": "string", "description": "a file on this host, relative to the recipe"}),
]
"""A file of this host, relative to the recipe; an absolute Path once validated."""


class Secret(BaseModel):
    """A secret: `{env: NAME}` or `{file: PATH}`. Its text never appears in a log, a manifest or a layer key."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    env: str | None = Field(default=None, description="Environment variable that holds the secret.")
    file: InputFile | None = Field(default=None, description="File whose first line is the secret.")

    @model_validator(mode="after")
    def _one_source(self) -> Secret:
        if (self.env is None) == (self.file is None):
            raise ValueError("set either env or file")
        if self.env is not None and not os.environ.get(self.env):
            message = f"the environment variable {self.env} is not set or is empty"
            raise OptionError(message, "export it before you run golden")
        return self

    def reveal(self) -> str:
        """The secret's text. Raises OSError if its file no longer exists."""
        if self.env is not None:
            return os.environ[self.env]
        assert self.file is not None
        return self.file.read_text().partition("\n")[0]

    def key(self, context: KeyContext) -> str:
        """The digest of the secret for a layer key; it reveals nothing without the context's `secret_key`."""
        return digest.keyed(context.secret_key, self.reveal().encode())
