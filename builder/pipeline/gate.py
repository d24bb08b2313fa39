"""Gates: what a version must pass before `latest` moves to it."""

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
"""Judges a published version, and saves the result beside it. Raises VerifyError if it does not pass."""


@dataclass(frozen=True, slots=True)
class SealedDisk:
    """A sealed disk, and the appliance that runs. Overlays on it belong in `work`, which is removed at the end."""

    appliance: Appliance
    disk: Disk
    info: GuestInfo
    verify: ManifestVerify
    work: Path


class Gate(Protocol):
    """Decides whether `latest` moves to a version; `builder.verify` has the one that boots clones."""

    def prepare(self, branch: SealedDisk) -> Judge:
        """Do the part that needs the appliance; the judge is called after publishing. Raises GoldenError."""

    def judge(self, version: Version) -> None:
        """Judge a version that an earlier build published. Starts an appliance of its own. Raises GoldenError."""


def find_pending(plan: Plan, output: Output) -> Version | None:
    """A version that the plan would publish, newer than `latest`, that never was `latest` itself.

    A build left it that ended before it moved `latest`, or whose gate it did not pass.
    """
    store, name = Store(output.templates), plan.recipe.name
    versions = store.versions(name)
    if not versions or not all(action.reused for action in (plan.base, *plan.steps, plan.seal)):
        return None
    # A version that somebody rolled back from is not pending.
    released = {move.to for move in store.history(name) if move.channel == LATEST}
    since = plan.current.order if plan.current else ("", 0)
    later = [version for version in versions if version.order > since and version.name not in released]
    return next((version for version in reversed(later) if is_whole(version, plan.publish.key)), None)


def is_whole(version: Version, key: str) -> bool:
    """Whether a version is what publishing under that key would give; a damaged one is not."""
    try:
        return is_published(version, key)
    except HostError:
        return False


def has_passed(version: Version) -> bool:
    verification = version.verification
    return verification is not None and verification.passed
