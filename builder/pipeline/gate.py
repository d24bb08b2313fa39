"""What a version must pass before `latest` moves to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from builder.appliance.appliance import Appliance, Disk
from builder.errors import HostError
from builder.guest.info import GuestInfo
from builder.paths import Output
from builder.plan import Plan
from builder.plan.make import is_published
from builder.store import Store, Version
from builder.store.manifest import ManifestVerify
from builder.store.reference import LATEST

Judge = Callable[[Version], None]
"""Judges a version that was admitted. Raises VerifyError where it does not pass; what was found is kept beside it."""


@dataclass(frozen=True, slots=True)
class SealedDisk:
    """A sealed disk, to put overlays in `work` on while an appliance runs; they are gone at the end."""

    appliance: Appliance
    disk: Disk
    info: GuestInfo
    verify: ManifestVerify
    work: Path


class Gate(Protocol):
    """`builder.verify` has one; what is looked at is its business."""

    def prepare(self, branch: SealedDisk) -> Judge:
        """Do all that needs the appliance. The judge is called once the version is there. Raises GoldenError."""

    def judge(self, version: Version) -> None:
        """Judge a version that was published before, with an appliance of the gate's own. Raises GoldenError."""


def find_waiting(plan: Plan, output: Output) -> Version | None:
    """A version that is what the plan would publish, came after that which `latest` names, and never was `latest`.

    A build that ended between the two left it, or one whose gate it did not pass.
    """
    store, name = Store(output.templates), plan.recipe.name
    versions = store.versions(name)
    if not versions or not all(action.reused for action in (plan.base, *plan.steps, plan.seal)):
        return None
    # One from which somebody went back to an older one waits for nothing.
    released = {move.to for move in store.history(name) if move.channel == LATEST}
    since = plan.current.order if plan.current else ("", 0)
    later = [version for version in versions if version.order > since and version.name not in released]
    return next((version for version in reversed(later) if is_whole(version, plan.publish.key)), None)


def is_whole(version: Version, key: str) -> bool:
    """Whether a version is what a publication of that key would give; a damaged one is not."""
    try:
        return is_published(version, key)
    except HostError:
        return False


def has_passed(version: Version) -> bool:
    verification = version.verification
    return verification is not None and verification.passed
