"""The parts of a version's manifest that golden reads; the file holds more, for people and other programs."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from builder.errors import HostError


class ManifestPart(BaseModel):
    """Fields that are not declared here are kept. A new field needs a default, because older versions lack it."""

    model_config = ConfigDict(frozen=True, extra="allow")


class ManifestRecipe(ManifestPart):
    file: str
    sha256: str = ""


class ManifestParent(ManifestPart):
    """The published version that this one is based on; `digest` is the SHA-256 of its disk."""

    template: str
    version: str
    digest: str


class KeptState(ManifestPart):
    """What the steps of the recipe and its parents created on purpose: the seal of a child must keep it."""

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
    """The defaults for a node; memory in bytes."""

    vcpus: int = 2
    memory: int = 2 << 30
    network: str = "default"


class ManifestCommand(ManifestPart):
    """A command that must succeed in a clone; its output must contain `expect`."""

    command: str
    expect: str | None = None


class ManifestVerify(ManifestPart):
    """What `golden verify` checks in addition to its own checks; `grown` lists mount points that grow with the disk."""

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
    """The digests of the upstream indexes that it used, by URL; null if a digest would reveal a password."""


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
        """How many findings of the audit passed."""
        return sum(proof.ok for proof in self.audit)


REBUILD = "do not use this version; build its template again"


def parse(value: object, version: str, where: str) -> Manifest:
    """The manifest in a JSON value read from the file `where`. Raises HostError with all problems."""
    try:
        return Manifest.model_validate(value)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        raise HostError(
            f"the manifest of {version} is damaged", where=where, details="\n".join(wrong), hint=REBUILD
        ) from error
