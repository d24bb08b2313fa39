"""Base volumes: a version's disk in a pool, which backs the overlays of its nodes."""

from __future__ import annotations

import time

from builder import locks
from builder.errors import HypervisorError
from builder.events import ActionFinished, ActionStarted, Emit
from builder.hypervisor.pools import Pool, Volume
from builder.nodes.identity.names import base_volume_name
from builder.nodes.journal import CloneClaim
from builder.paths import Output
from builder.store import Version


def ensure_base_volume(version: Version, pool: Pool, output: Output, emit: Emit) -> Volume:
    """The version's base volume; uploads it if it is missing or incomplete. Raises HypervisorError or HostError."""
    disk, about, format = version.disk, version.manifest.disk, version.disk_format
    name = base_volume_name(version.template, version.name, format)
    # One call uploads; calls that waited for the lock find the volume complete.
    with locks.held(output.clones / "base.lock"):
        if not pool.has_complete(name, disk):
            pool.delete(name)
            title, begun = f"upload {version} to the pool {pool.name}", time.monotonic()
            emit(ActionStarted(title))
            pool.upload(name, disk, format, about.sha256)
            emit(ActionFinished(title, "ran", time.monotonic() - begun))
        volume = pool.find(name)
    if volume is None:
        raise HypervisorError(
            f"the volume {name} disappeared from the pool {pool.name} during the clone",
            hint="run the same `golden clone` again",
        )
    return volume


def release_base_volume(name: str, pool: Pool, output: Output, other_claims: list[CloneClaim]) -> bool:
    """Delete a base volume that backs no overlay and that no running call claims. Returns whether it was deleted."""
    with locks.held(output.clones / "base.lock"):
        volume = pool.find(name)
        if volume is None or any((claim.pool, claim.base) == (pool.name, name) for claim in other_claims):
            return False
        if pool.has_overlays(volume):
            return False
        pool.delete(name)
        return True
