"""The driver of clones: a version becomes nodes, all of them or none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from builder import disks
from builder.domains.metadata import NodeVolume
from builder.errors import GoldenError, HostError, HypervisorError, RequestError
from builder.events import ActionFinished, ActionStarted, Decision, Emit
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import Domain
from builder.hypervisor.pools import Pool, Volume
from builder.hypervisor.xml import render_text
from builder.layers.work import work_folder
from builder.nodes.cloning import capabilities
from builder.nodes.cloning.base_volume import ensure_base_volume, release_base_volume
from builder.nodes.cloning.check import check, claim_for, device
from builder.nodes.connections import record_hypervisor
from builder.nodes.identity.names import disk_name, log_name, root_name, seed_name
from builder.nodes.identity.request import CloneRequest, CloneSpec, NodeSpec
from builder.nodes.journal import CloneJournal, CloneJournals, HypervisorObject, LeftoversError, undo
from builder.paths import Output
from builder.store import Version


@dataclass(frozen=True, slots=True)
class CloneResult:
    """What a call came to. `failed` has the errors of `keep_going`, by the nodes' names."""

    order: CloneSpec
    domains: dict[str, Domain]
    failed: dict[str, GoldenError] = field(default_factory=dict)


def clone(request: CloneRequest, version: Version, hypervisor: Hypervisor, output: Output, emit: Emit) -> CloneResult:
    """Make the nodes that are requested, of that version.

    Where one fails, those made before it are taken back and the error is raised; with
    `keep_going` the others stay. Raises RequestError, HostError and BuildError.
    """
    pool = hypervisor.pool(request.pool)
    journals = CloneJournals(output.clones)
    journals.recover(hypervisor, emit)
    with journals.open_journal() as journal:
        with journals.locked():
            if not version.manifest_file.is_file():
                raise RequestError(f"{version} was removed just now", hint="name another version")
            order = check(request, version, hypervisor, pool, journals.claims(hypervisor.uri))
            choice = claim_for(order, hypervisor.uri)
            record_hypervisor(hypervisor, output)
            journal.write_claim(choice)
        for node in order.nodes:
            emit(explain_identity(node, order.cloud_init))
        cloning = CloneRun(order, hypervisor, pool, journal, emit)
        try:
            cloning.run(output)
        except LeftoversError:
            raise
        except BaseException:
            with suppress(GoldenError):  # of the two the first error is the one to hear of
                release_base_volume(choice.base, pool, output, journals.claims(hypervisor.uri, excluding=journal))
            raise
    return CloneResult(order, cloning.domains, cloning.failed)


def explain_identity(node: NodeSpec, cloud_init: bool) -> Decision:
    """How a node learns its name and address, and why in that way."""
    if node.offline:
        reason = "DHCP gives it no SSH keys" if node.reserved else "no libvirt network with DHCP knows it"
        return Decision(f"write the identity of {node.name} to its disk", f"{reason}, and the image has no cloud-init")
    if cloud_init:
        return Decision(f"give {node.name} a seed", "the image has cloud-init")
    return Decision(f"reserve the address of {node.name}", "its first interface is on a libvirt network with DHCP")


class CloneRun:
    """One call's work on its hypervisor."""

    def __init__(self, order: CloneSpec, hypervisor: Hypervisor, pool: Pool, journal: CloneJournal, emit: Emit) -> None:
        self.domains: dict[str, Domain] = {}
        self.failed: dict[str, GoldenError] = {}
        self._order = order
        self._hypervisor = hypervisor
        self._pool = pool
        self._journal = journal
        self._emit = emit

    def run(self, output: Output) -> None:
        """Make the nodes and start them. Raises GoldenError; then nothing of them is left."""
        self._template = (self._order.version.folder / "domain.xml.j2").read_text()
        self._type = capabilities.domain_type(self._hypervisor, self._emit)
        try:
            self._base = ensure_base_volume(self._order.version, self._pool, output, self._emit)
            with work_folder(output) as self._work:
                written = self._personalise(output) if self._order.needs_appliance else {}
                for node in self._order.nodes:
                    with self._whole(node.name):
                        self._make(node, written.get(node.name))
            if self._order.request.start:
                for name, domain in list(self.domains.items()):
                    with self._whole(name):
                        domain.start()
        except OSError as error:
            self._take_back(error)
            raise HostError("the nodes' files could not be written", details=str(error)) from error
        except BaseException as error:
            self._take_back(error)
            raise

    def _take_back(self, error: BaseException) -> None:
        """Undo it all, because of that error. Raises Remains, with both reasons."""
        self.domains.clear()
        try:
            undo(self._hypervisor, self._order.pool, self._journal.made)
        except LeftoversError as remains:
            raise LeftoversError("the clone failed", details=f"{error}\n{remains}") from error

    @contextmanager
    def _whole(self, name: str) -> Iterator[None]:
        """A node is made whole or not at all; with `keep_going` its error is kept for the end."""
        try:
            yield
        except GoldenError as error:
            if not self._order.request.keep_going:
                raise
            self.failed[name] = error
            self.domains.pop(name, None)
            mine = [thing for thing in self._journal.made if thing.node == name]
            undo(self._hypervisor, self._order.pool, mine)

    def _personalise(self, output: Output) -> dict[str, Path]:
        count = sum(node.offline for node in self._order.nodes)
        from builder.nodes.identity.personalise import (
            personalise,  # libguestfs takes longer to load than a clone to make
        )

        with self._said(f"personalise {count} nodes" if count > 1 else "personalise the node"):
            return personalise(self._order, self._work, output, self._emit)

    @contextmanager
    def _said(self, title: str) -> Iterator[None]:
        begun = time.monotonic()
        self._emit(ActionStarted(title))
        yield
        self._emit(ActionFinished(title, "ran", time.monotonic() - begun))

    def _make(self, node: NodeSpec, written: Path | None) -> None:
        with self._said(f"clone {node.name}"):
            root = self._make_root(node, written)
            disks = [(root, device(0))]
            for number, size in enumerate(node.disks, 1):
                name = disk_name(node.name, device(number))
                with self._journal.making(self._volume(node, name)):
                    disks.append((self._pool.create(name, size), device(number)))
            seed = None
            if self._order.cloud_init:
                seed = self._make_seed(node)
                # No CD: kernels made for virtual machines have no driver for one.
                disks.append((seed, device(len(disks))))
            if node.reserved:
                self._reserve(node)
            self._define(node, disks, seed)

    def _volume(self, node: NodeSpec, name: str) -> HypervisorObject:
        return HypervisorObject("volume", name, node.name)

    def _make_root(self, node: NodeSpec, written: Path | None) -> Volume:
        name = root_name(node.name)
        with self._journal.making(self._volume(node, name)):
            if written is None:
                return self._pool.create(name, node.disk_size, self._base)
            base = self._base
            disks.set_backing(written, Path(base.path), base.format, absolute=True)
            return self._pool.upload(name, written, "qcow2")

    def _make_seed(self, node: NodeSpec) -> Volume:
        from builder.nodes.identity.seed import write_seed

        file = self._work / seed_name(node.name)
        write_seed(file, node, self._order.request)
        with self._journal.making(self._volume(node, file.name)):
            return self._pool.upload(file.name, file, "raw")

    def _reserve(self, node: NodeSpec) -> None:
        assert node.reserved is not None
        network = self._hypervisor.network(node.reserved.network)
        reservation = node.reserved.reservation
        facts = {"network": network.name, "mac": reservation.mac, "address": reservation.address}
        with self._journal.making(HypervisorObject("reservation", reservation.name, node.name, facts)):
            network.reserve(reservation)

    def _define(self, node: NodeSpec, disks: list[tuple[Volume, str]], seed: Volume | None) -> None:
        if self._pool.find(self._base.name) is None:
            raise HypervisorError(f"somebody removed the base volume {self._base.name} meanwhile", hint="try again")
        request = self._order.request
        volumes = [volume.name for volume, _ in disks]
        values: dict[str, object] = dict(request.settings)
        if self._hypervisor.embedded:  # which has no virtlogd to keep what a console shows
            values["console_log"] = self._pool.file_path(log_name(node.name))
            volumes.append(log_name(node.name))
        if request.cpus:
            values["vcpus"] = request.cpus
        if request.memory:
            values["memory"] = request.memory
        values |= {
            "name": node.name,
            "uuid": node.uuid,
            "domain_type": self._type,
            "disks": [
                {"file": volume.path, "format": volume.format, "device": name, "read_only": volume is seed}
                for volume, name in disks
            ],
            "nics": node.nics,
            "volumes": [NodeVolume(self._pool.name, name) for name in volumes],
            "reservations": [node.reserved] if node.reserved else [],
        }
        with self._journal.making(HypervisorObject("domain", node.name, node.name, {"uuid": node.uuid})):
            domain = self._hypervisor.define(render_text(self._template, **values))
        if request.autostart:
            domain.set_autostart(True)
        self.domains[node.name] = domain


def planned_address(node: NodeSpec) -> str | None:
    """The address that a node will have, where that is known."""
    if node.reserved:
        return node.reserved.reservation.address
    if node.static and node.static.address:
        return node.static.address.partition("/")[0]
    return None
