"""Listing the volumes in all storage pools of a hypervisor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from builder.errors import HypervisorError
from builder.hypervisor.calls import call, none_if_gone
from builder.hypervisor.connection import Hypervisor


@dataclass(frozen=True, slots=True)
class PoolVolume:
    """A volume; its path and the path of its backing file are those on the hypervisor's host."""

    pool: str
    name: str
    path: str
    backing: str | None = None


@dataclass(frozen=True, slots=True)
class UnreadablePool:
    """A pool whose volumes cannot be listed, and why; `folder` is its path if the pool is a folder."""

    pool: str
    reason: str
    folder: str | None = None


def list_pool_volumes(hypervisor: Hypervisor) -> tuple[list[PoolVolume], list[UnreadablePool]]:
    """The volumes of all pools, and the pools whose volumes cannot be listed now. Raises HypervisorError."""
    if hypervisor.embedded:
        pool = hypervisor.pool()
        return [PoolVolume(pool.name, name, pool.path_of(name)) for name in sorted(pool.names())], []
    volumes: list[PoolVolume] = []
    unreadable: list[UnreadablePool] = []
    for handle in call(hypervisor.connection.listAllStoragePools):
        if (xml := none_if_gone(lambda handle=handle: call(handle.XMLDesc))) is None:  # type: ignore[misc]
            continue
        tree, name = ElementTree.fromstring(xml), str(handle.name())
        folder = tree.findtext("target/path") if tree.get("type") == "dir" else None
        try:
            if call(handle.isActive):
                call(handle.refresh)  # other programs create volumes there, too
                volumes += _volumes(handle, name)
            else:
                unreadable.append(UnreadablePool(name, "it is not active", folder))
        except HypervisorError as error:
            unreadable.append(UnreadablePool(name, error.details or error.message, folder))
    return volumes, unreadable


def _volumes(handle: Any, pool: str) -> Iterator[PoolVolume]:
    for volume in call(handle.listAllVolumes):
        xml = none_if_gone(lambda volume=volume: call(volume.XMLDesc))  # type: ignore[misc]
        if xml is not None:
            tree = ElementTree.fromstring(xml)
            backing = tree.findtext("backingStore/path") or None
            yield PoolVolume(pool, tree.findtext("name", ""), tree.findtext("target/path", ""), backing)
