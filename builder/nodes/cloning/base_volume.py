"""A version's disk in a pool: the base on which its nodes' overlays stand."""

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
    """The version's disk as a volume, uploaded if it is not there whole. Raises HypervisorError or HostError."""
    disk, about, format = version.disk, version.manifest.disk, version.disk_format
    name = base_volume_name(version.template, version.name, format)
    # One upload at a time; the others find it done.
    with locks.held(output.clones / "base.lock"):
        if not pool.has_complete(name, disk):
            pool.delete(name)
            title, begun = f"upload {version} to the pool {pool.name}", time.monotonic()
            emit(ActionStarted(title))
            pool.upload(name, disk, format, about.sha256)
            emit(ActionFinished(title, "ran", time.monotonic() - begun))
        found = pool.find(name)
    if found is None:
        raise HypervisorError(f"the pool {pool.name} lost {name}")
    return found


def release_base_volume(name: str, pool: Pool, output: Output, others: list[CloneClaim]) -> bool:
    """Delete a base on which nothing stands any more; whether it was. `others` are calls that are under way."""
    with locks.held(output.clones / "base.lock"):
        volume = pool.find(name)
        if volume is None or any((choice.pool, choice.base) == (pool.name, name) for choice in others):
            return False
        if pool.has_overlays(volume):
            return False
        pool.delete(name)
        return True
