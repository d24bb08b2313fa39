"""What golden reads of a version's manifest; it holds more, for people and other programs."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from builder.errors import HostError


class ManifestPart(BaseModel):
    """Fields that are not named here stay as they are. A new one needs a default: older versions lack it."""

    model_config = ConfigDict(frozen=True, extra="allow")


class ManifestRecipe(ManifestPart):
    file: str
    sha256: str = ""


class ManifestParent(ManifestPart):
    """The published version that this one was built on; `digest` is the SHA-256 of its disk."""

    template: str
    version: str
    digest: str


class KeptState(ManifestPart):
    """What its steps, and those below it, put there on purpose: no seal of a child may undo it."""

    paths: list[str] = []
    users: list[str] = []


class ManifestGuest(ManifestPart):
    distribution: str
    major: int
    minor: int
    arch: str


class ManifestDisk(ManifestPart):
    file: str
    format: str
    sha256: str
    size: int
    bytes: int


class ManifestDomain(ManifestPart):
    """What a node gets if a clone says nothing else; memory in bytes."""

    vcpus: int = 2
    memory: int = 2 << 30
    network: str = "default"


class ManifestCommand(ManifestPart):
    """A command that must succeed in a clone; `expect` is what its output must have in it."""

    command: str
    expect: str | None = None


class ManifestVerify(ManifestPart):
    """What `golden verify` looks at beside what it always does; `grown` has mount points that grow with the disk."""

    commands: list[ManifestCommand] = []
    grown: list[str] = []


class ManifestAction(ManifestPart):
    step: str
    title: str
    key: str
    digest: str
    status: str
    seconds: float
    observations: dict[str, str | None] | None = {}
    """What it saw upstream: URLs of indexes, and the digest of each; null where that would tell a password."""


class ManifestFinding(ManifestPart):
    ok: bool


class Manifest(ManifestPart):
    summary: str
    created: str
    builder: str
    key: str
    recipe: ManifestRecipe
    parent: ManifestParent | None = None
    kept: KeptState = KeptState()
    guest: ManifestGuest
    disk: ManifestDisk
    firmware: str = "bios"
    domain: ManifestDomain = ManifestDomain()
    verify: ManifestVerify = ManifestVerify()
    actions: list[ManifestAction]
    audit: list[ManifestFinding]
    packages: list[dict[str, Any]]

    @property
    def passed(self) -> int:
        """How many findings of the audit were good."""
        return sum(proof.ok for proof in self.audit)


def parse(value: object, version: str, where: str) -> Manifest:
    """The manifest in a JSON value, which came from the file `where`. Raises HostError with all that is wrong."""
    try:
        return Manifest.model_validate(value)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        raise HostError(f"the manifest of {version} is damaged", where=where, details="\n".join(wrong)) from error
