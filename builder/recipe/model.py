"""The model of a recipe: validated, rendered and frozen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PrivateAttr,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
)
from pydantic_core import CoreSchema, core_schema

from builder import seal
from builder.bases import Base, Firmware
from builder.disks.formats import Compression, DiskFormat, is_compressible
from builder.errors import did_you_mean
from builder.inputs import InputFile, Matching, OptionError
from builder.recipe.media import Media
from builder.recipe.positions import RecipeSource
from builder.sizes import parse_size
from builder.steps import Step, password_crypto
from builder.store.reference import NAME_HINT, check_name

USER_RULE = "must be letters, digits, dots, dashes and underscores, and start with a letter or underscore"
NETWORK_RULE = "must be letters, digits, dots, dashes and underscores, and start with a letter or digit"


@dataclass(frozen=True, slots=True)
class SizeBetween:
    """Marks an int as bytes, written as "32G" or "512M"; the bounds are written in the same way."""

    least: str
    most: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": ["string", "integer"], "pattern": "^[0-9]{1,15}[KMGT]?$"}

    def _check(self, value: Any) -> int:
        size = parse_size(value)
        if not parse_size(self.least) <= size <= parse_size(self.most):
            raise ValueError(f"must be a size from {self.least} to {self.most}")
        return size


class RecipeSection(BaseModel):
    """A map of a recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _check_operation(name: str) -> str:
    operations = seal.registry()
    if name not in operations:
        message = f'unknown seal operation "{name}"{did_you_mean(name, operations)}'
        raise OptionError(message, "run `golden seal` to list all operations")
    return name


Operations = Annotated[tuple[Annotated[str, AfterValidator(_check_operation)], ...], Field(strict=False)]


class SealOptions(RecipeSection):
    """Changes to what the seal does by default."""

    skip: Operations = Field(default=(), description="Default operations to leave out.")
    also: Operations = Field(default=(), description="Operations to add to the default ones.")
    keep_users: Annotated[
        tuple[Annotated[str, Matching(r"^[A-Za-z_][A-Za-z0-9_.-]*$", USER_RULE)], ...], Field(strict=False)
    ] = Field(default=(), alias="keep-users", description="Users whom the operation user-account keeps.")
    script: InputFile | None = Field(
        default=None, description="A script on this host to run in the guest at the end of the seal."
    )


class DomainOptions(RecipeSection):
    """The domain of each node."""

    vcpus: int = Field(default=2, ge=1, le=1024, description="Number of virtual processors of each node.")
    memory: Annotated[int, SizeBetween("64M", "64T")] = Field(
        default=2 << 30, description="Memory of each node, such as 2G or 512M."
    )
    network: Annotated[str, Matching(r"^[A-Za-z0-9][A-Za-z0-9._-]*$", NETWORK_RULE)] = Field(
        default="default", description="Name of the libvirt network that nodes connect to."
    )


class PublishOptions(RecipeSection):
    """The format of the published disk."""

    format: DiskFormat = Field(default="qcow2", description="Format of the published disk.")
    compress: Compression = Field(default="none", description="Compression of the published disk; only for qcow2.")

    @field_validator("compress")
    @classmethod
    def _fits_format(cls, value: str, info: ValidationInfo) -> str:
        if value != "none" and not is_compressible(info.data.get("format", "qcow2")):
            raise ValueError("only a qcow2 disk can be compressed")
        return value


def _check_no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain a NUL character")
    return text


class CommandShorthand:
    """Marks a map with a `command` that may also be written as the command alone."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._expand, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "minLength": 1}, handler(schema)]}

    def _expand(self, value: Any) -> Any:
        if isinstance(value, str):
            return {"command": value}
        if not isinstance(value, dict | VerifyCommand):
            raise ValueError("must be a command, or a map with the option `command`")
        return value


class VerifyCommand(RecipeSection):
    """A command that must succeed in a clone, as root, within two minutes."""

    command: Annotated[str, Field(min_length=1), AfterValidator(_check_no_nul)] = Field(
        description="A shell command, which must exit with status 0."
    )
    expect: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="Text that its output must contain."
    )


def _check_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line of printable characters")
    return text


def _check_variable(name: str) -> str:
    if not name.isidentifier():
        raise ValueError("a variable name must be letters, digits and underscores, and must not start with a digit")
    return name


class Recipe(RecipeSection):
    """A recipe: a base, ordered steps, a seal, a domain."""

    name: Annotated[str, AfterValidator(check_name)] = Field(description=f"Name of the template: {NAME_HINT}.")
    summary: Annotated[str, AfterValidator(_check_line)] = Field(
        default="", description="One line that describes the template."
    )
    vars: dict[Annotated[str, AfterValidator(_check_variable)], Any] = Field(
        default_factory=dict,
        description="Variables for strings below base, steps, domain and verify: write {{ name }} there.",
    )
    base: SerializeAsAny[Base] = Field(description="The disk to start from.")
    size: Annotated[int, SizeBetween("1M", "64T")] | None = Field(
        default=None, description="Virtual size of the published disk, such as 32G. Default: the size of the base."
    )
    firmware: Firmware = Field(
        default="bios",
        description="The firmware of nodes. With `uefi`, a bootstrapped disk gets an EFI system partition; an image "
        "must already have one.",
    )
    media: Media = Field(
        default=(),
        description="ISO images or folders with packages, such as an install DVD. Steps install packages only from "
        "these, without a network. The image keeps no trace of them.",
    )
    steps: tuple[SerializeAsAny[Step], ...] = Field(default=(), description="The customizations, in order.")
    seal: SealOptions = Field(default=SealOptions(), description="Changes to what the seal does by default.")
    domain: DomainOptions = Field(default=DomainOptions(), description="The domain of each node.")
    publish: PublishOptions = Field(default=PublishOptions(), description="The format of the published disk.")
    verify: Annotated[tuple[Annotated[VerifyCommand, CommandShorthand()], ...], Field(strict=False)] = Field(
        default=(),
        description="Commands that `golden verify` runs in clones, in addition to its own checks. A string means the "
        "same as a map with that `command`.",
    )

    _set_crypto = field_validator("steps")(password_crypto.set_crypto)

    _source: RecipeSource = PrivateAttr(default=RecipeSource(Path("recipe.yaml")))
    _own_base: bool = PrivateAttr(default=True)

    @property
    def source(self) -> RecipeSource:
        """The file, and the position of everything in it."""
        return self._source

    @property
    def file(self) -> Path:
        """The recipe's file, as the user named it."""
        return self._source.file

    @property
    def folder(self) -> Path:
        """The absolute folder that paths in the recipe are relative to."""
        return self.file.parent.absolute()

    def where(self, step: Step) -> str:
        """The position of one of the recipe's steps, such as `recipes/x.yaml:14:5`."""
        index = next((index for index, own in enumerate(self.steps) if own is step), None)
        if index is None:  # the plan added it
            return str(self.file)
        return self._source.problem(("steps", index, step.step_name), "", key=True).where

    @property
    def where_base(self) -> str:
        """The position of the base: in the recipe's file, or `--base`."""
        return self._source.problem(("base",), "").where if self._own_base else "--base"

    def read_from(self, source: RecipeSource, *, own_base: bool) -> Self:
        """Set where the recipe was read, and whether its base was, too; returns the recipe."""
        self._source = source
        self._own_base = own_base
        return self
