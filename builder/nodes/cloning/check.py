"""Deciding all that there is to decide about nodes, before anything is made."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Sequence

import jinja2
from jinja2 import meta

from builder.errors import HostError, RequestError, did_you_mean
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.pools import Pool
from builder.hypervisor.xml import check_text
from builder.nodes.cloning import capabilities
from builder.nodes.identity.address_assignment import AddressAssigner
from builder.nodes.identity.names import base_volume_name, disk_name, root_name, seed_name
from builder.nodes.identity.nics import Nic, check_nic, new_mac, taken_macs
from builder.nodes.identity.request import CloneRequest, CloneSpec, NodeSpec
from builder.nodes.journal import CloneClaim
from builder.store import Version

OURS = frozenset(
    {"name", "uuid", "domain_type", "memory", "vcpus", "disks", "nics", "volumes", "reservations", "console_log"}
)
"""Variables of a version's domain.xml.j2 that a clone sets itself; `--set` has the others."""

OVERLAY = 256 << 10
"""Bytes that an empty overlay takes."""


def check(
    request: CloneRequest, version: Version, hypervisor: Hypervisor, pool: Pool, others: Sequence[CloneClaim]
) -> CloneSpec:
    """The order for what is requested. `others` are the choices of calls that are under way.

    Raises RequestError and HostError for what cannot be; nothing was changed then.
    """
    manifest = version.manifest
    cloud_init = any(package.get("name") == "cloud-init" for package in manifest.packages)
    _check_options(request, cloud_init)
    _check_settings(request, version)
    cpus, memory = request.cpus or manifest.domain.vcpus, request.memory or manifest.domain.memory
    capabilities.check_capacity(hypervisor, cpus, memory)
    capabilities.check_firmware(hypervisor, manifest.firmware, manifest.guest.arch)
    size = request.disk_size or manifest.disk.size
    if size < manifest.disk.size:
        raise RequestError(
            f"--disk-size is smaller than the template's disk, which has {manifest.disk.size >> 20} MiB",
            hint="a disk can only grow",
        )
    _check_taken(request, hypervisor, pool, others)
    _check_space(request, version, pool)
    nics = request.nics or (_default_nic(hypervisor, manifest.domain.network),)
    for nic in nics:
        check_nic(nic, hypervisor)
    if len(request.names) > 1 and any(nic.mac for nic in nics):
        raise RequestError("one hardware address cannot be that of several nodes", hint="leave mac= out")
    macs = taken_macs(hypervisor) | {mac for choice in others for mac in choice.macs}
    addressing = AddressAssigner(nics[0], hypervisor, request, others)
    nodes = []
    for name in request.names:
        own = tuple(_with_mac(nic, macs) for nic in nics)
        node = NodeSpec(
            name=name,
            uuid=str(uuid.uuid4()),
            hostname=request.hostname or name,
            nics=own,
            disk_size=size,
            disks=request.disks,
        )
        node = addressing.give(node)
        # A seed tells cloud-init everything; DHCP tells a name and an address, and nothing else.
        offline = not cloud_init and (node.reserved is None or bool(request.ssh_keys))
        nodes.append(dataclasses.replace(node, offline=offline))
    return CloneSpec(version, request, tuple(nodes), pool.name, cloud_init)


def claim_for(order: CloneSpec, uri: str) -> CloneClaim:
    """What an order takes for itself."""
    return CloneClaim(
        uri=uri,
        pool=order.pool,
        base=base_volume_name(order.version.template, order.version.name, order.version.manifest.disk.format),
        names=[node.name for node in order.nodes],
        volumes=[name for node in order.nodes for name in volume_names(node.name, len(node.disks))],
        macs=[nic.mac for node in order.nodes for nic in node.nics if nic.mac],
        addresses=[node.reserved.reservation.address for node in order.nodes if node.reserved]
        + [node.static.address.partition("/")[0] for node in order.nodes if node.static and node.static.address],
    )


def volume_names(node: str, disks: int) -> list[str]:
    """All volumes that a node may get."""
    return [root_name(node), *(disk_name(node, device(number)) for number in range(1, disks + 1)), seed_name(node)]


def device(number: int) -> str:
    """The name of a node's disk, counted from 0: vda, vdb, …"""
    return f"vd{chr(ord('a') + number)}"


def _check_options(request: CloneRequest, cloud_init: bool) -> None:
    if request.hostname is not None and len(request.names) > 1:
        raise RequestError("one --hostname cannot be that of several nodes", hint="a node is called by its own name")
    if request.user_data is not None and not cloud_init:
        raise RequestError(
            "the template has no cloud-init, which would read --user-data",
            hint="install it in the recipe: `install: [cloud-init]`",
        )
    if len(request.disks) > 24:
        raise RequestError("more than 24 further disks")


def _check_settings(request: CloneRequest, version: Version) -> None:
    """That `--set` names variables of the version's domain, with values that XML can hold."""
    known = _variables(version) - OURS
    for key, value in request.settings.items():
        if key in OURS:
            raise RequestError(f"--set cannot set {key}", hint="it has an option of its own, or is the node's alone")
        if key not in known:
            raise RequestError(
                f"the domain of {version} has no variable {key}{did_you_mean(key, known)}",
                hint=f"it has {', '.join(sorted(known))}",
            )
        check_text(value, f"--set {key}")


def _variables(version: Version) -> set[str]:
    try:
        text = (version.folder / "domain.xml.j2").read_text()
    except OSError as error:
        raise HostError(f"the domain of {version} cannot be read", details=str(error)) from error
    return meta.find_undeclared_variables(jinja2.Environment().parse(text))


def _check_taken(request: CloneRequest, hypervisor: Hypervisor, pool: Pool, others: Sequence[CloneClaim]) -> None:
    """That no domain and no volume has a name that the nodes would get."""
    domains = {domain.name for domain in hypervisor.domains()} | {name for choice in others for name in choice.names}
    if taken := [name for name in request.names if name in domains]:
        raise RequestError(
            f"there is a domain called {', '.join(taken)}",
            hint="choose another name, or `golden node remove` it",
        )
    there = pool.names() | {name for choice in others for name in choice.volumes}
    wanted = [name for node in request.names for name in volume_names(node, len(request.disks))]
    if taken := [name for name in wanted if name in there]:
        raise RequestError(
            f"the pool {pool.name} has a volume called {', '.join(taken)}",
            hint="choose another name for the node; no domain of that name is left",
        )


def _check_space(request: CloneRequest, version: Version, pool: Pool) -> None:
    disk = version.manifest.disk
    base = 0 if pool.find(base_volume_name(version.template, version.name, disk.format)) else disk.bytes
    wanted = base + len(request.names) * OVERLAY * (2 + len(request.disks))
    if wanted > pool.free:
        raise HostError(
            f"not enough space in the pool {pool.name}: {wanted >> 20} MiB are needed, {pool.free >> 20} MiB are free",
            hint="free some, or name another pool with --pool",
        )


def _default_nic(hypervisor: Hypervisor, name: str) -> Nic:
    return Nic("user", "") if hypervisor.user_network_only else Nic("network", name)


def _with_mac(nic: Nic, taken: set[str]) -> Nic:
    """The interface with an address of its own, which is taken from now on."""
    if nic.mac in taken:
        raise RequestError(f"the hardware address {nic.mac} is taken")
    mac = nic.mac or new_mac(taken)
    taken.add(mac)
    return dataclasses.replace(nic, mac=mac)
