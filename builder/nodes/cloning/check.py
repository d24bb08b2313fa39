"""Checking a clone request, and deciding everything about its nodes before anything is created."""

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

RESERVED_VARIABLES = frozenset(
    {"name", "uuid", "domain_type", "memory", "vcpus", "disks", "nics", "volumes", "reservations", "console_log"}
)
"""Variables of domain.xml.j2 that the clone sets itself; `--set` may set all others."""

OVERLAY = 256 << 10
"""Bytes that an empty overlay takes."""

MAX_EXTRA_DISKS = 24
"""vdb to vdy; vdz is left for the seed."""


def check(
    request: CloneRequest, version: Version, hypervisor: Hypervisor, pool: Pool, others: Sequence[CloneClaim]
) -> CloneSpec:
    """Check a request and specify its nodes; `others` are the claims of calls that still run. Changes nothing.

    Raises RequestError and HostError.
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
            f"--disk-size is smaller than the template's disk ({manifest.disk.size >> 20} MiB)",
            hint="set a larger --disk-size, or leave it out: a disk can only grow",
        )
    _check_names_are_free(request, hypervisor, pool, others)
    _check_space(request, version, pool)
    nics = request.nics or (_default_nic(hypervisor, manifest.domain.network),)
    for nic in nics:
        check_nic(nic, hypervisor)
    if len(request.names) > 1 and any(nic.mac for nic in nics):
        raise RequestError(
            "several nodes cannot share one MAC address", hint="leave mac= out: golden chooses free ones"
        )
    macs = taken_macs(hypervisor) | {mac for claim in others for mac in claim.macs}
    assigner = AddressAssigner(nics[0], hypervisor, request, others)
    nodes = []
    for name in request.names:
        node = NodeSpec(
            name=name,
            uuid=str(uuid.uuid4()),
            hostname=request.hostname or name,
            nics=tuple(_with_mac(nic, macs) for nic in nics),
            disk_size=size,
            disks=request.disks,
        )
        node = assigner.assign(node)
        # cloud-init reads everything from the seed. DHCP gives a host name and an address, nothing else.
        offline = not cloud_init and (node.reserved is None or bool(request.ssh_keys))
        nodes.append(dataclasses.replace(node, offline=offline))
    return CloneSpec(version, request, tuple(nodes), pool.name, cloud_init)


def claim_for(spec: CloneSpec, uri: str) -> CloneClaim:
    """The names, volumes and addresses that these nodes take."""
    return CloneClaim(
        uri=uri,
        pool=spec.pool,
        base=base_volume_name(spec.version.template, spec.version.name, spec.version.manifest.disk.format),
        names=[node.name for node in spec.nodes],
        volumes=[name for node in spec.nodes for name in volume_names(node.name, len(node.disks))],
        macs=[nic.mac for node in spec.nodes for nic in node.nics if nic.mac],
        addresses=[node.reserved.reservation.address for node in spec.nodes if node.reserved]
        + [node.static.address.partition("/")[0] for node in spec.nodes if node.static and node.static.address],
    )


def volume_names(node: str, disks: int) -> list[str]:
    """All volumes that a node may get."""
    return [root_name(node), *(disk_name(node, device_name(number)) for number in range(1, disks + 1)), seed_name(node)]


def device_name(number: int) -> str:
    """The device of a node's disk, counted from 0: vda, vdb, …"""
    return f"vd{chr(ord('a') + number)}"


def _check_options(request: CloneRequest, cloud_init: bool) -> None:
    if request.hostname is not None and len(request.names) > 1:
        raise RequestError(
            "several nodes cannot share one --hostname",
            hint="leave --hostname out: each node takes its own name as its host name",
        )
    if request.user_data is not None and not cloud_init:
        raise RequestError(
            "--user-data needs cloud-init, and the template does not contain it",
            hint="add `install: [cloud-init]` to the recipe's steps and build it again",
        )
    if len(request.disks) > MAX_EXTRA_DISKS:
        raise RequestError(
            f"too many --disk options: a node can have at most {MAX_EXTRA_DISKS} extra disks",
            hint="use fewer, larger disks",
        )


def _check_settings(request: CloneRequest, version: Version) -> None:
    """Check that `--set` names variables of the version's domain, with values that XML can hold."""
    known = _variables(version) - RESERVED_VARIABLES
    for key, value in request.settings.items():
        if key in RESERVED_VARIABLES:
            raise RequestError(
                f"--set cannot set {key}", hint="golden sets it; use options such as --memory, --cpus, --disk or --nic"
            )
        if key not in known:
            raise RequestError(
                f"the domain of {version} has no variable {key}{did_you_mean(key, known)}",
                hint=f"use one of {', '.join(sorted(known))}",
            )
        check_text(value, f"--set {key}")


def _variables(version: Version) -> set[str]:
    file = version.folder / "domain.xml.j2"
    try:
        text = file.read_text()
    except OSError as error:
        raise HostError(f"cannot read the domain XML of {version}", details=str(error)) from error
    return meta.find_undeclared_variables(jinja2.Environment().parse(text))


def _check_names_are_free(
    request: CloneRequest, hypervisor: Hypervisor, pool: Pool, others: Sequence[CloneClaim]
) -> None:
    """Check that no domain and no volume has a name that the nodes would get."""
    domains = {domain.name for domain in hypervisor.domains()} | {name for claim in others for name in claim.names}
    if taken := [name for name in request.names if name in domains]:
        raise RequestError(
            f"a domain of this name already exists: {', '.join(taken)}",
            hint=f"choose other names; if they are old nodes, run `golden node remove {' '.join(taken)}` first",
        )
    existing = pool.names() | {name for claim in others for name in claim.volumes}
    wanted = [name for node in request.names for name in volume_names(node, len(request.disks))]
    if taken := [name for name in wanted if name in existing]:
        raise RequestError(
            f"a volume of this name already exists in the pool {pool.name}: {', '.join(taken)}",
            hint="choose another node name, or delete the volume with `virsh vol-delete` if nothing uses it",
        )


def _check_space(request: CloneRequest, version: Version, pool: Pool) -> None:
    disk = version.manifest.disk
    base = 0 if pool.find(base_volume_name(version.template, version.name, disk.format)) else disk.bytes
    needed = base + len(request.names) * OVERLAY * (2 + len(request.disks))
    if needed > pool.free:
        raise HostError(
            f"not enough space in the pool {pool.name}: {needed >> 20} MiB needed, {pool.free >> 20} MiB free",
            hint="free space in this pool, such as with `golden prune`, or choose another pool with --pool",
        )


def _default_nic(hypervisor: Hypervisor, name: str) -> Nic:
    return Nic("user", "") if hypervisor.user_network_only else Nic("network", name)


def _with_mac(nic: Nic, taken: set[str]) -> Nic:
    """The interface with a MAC address of its own, which is added to `taken`."""
    if nic.mac in taken:
        raise RequestError(
            f"another domain has the MAC address {nic.mac}", hint="leave mac= out: golden chooses a free one"
        )
    mac = nic.mac or new_mac(taken)
    taken.add(mac)
    return dataclasses.replace(nic, mac=mac)
