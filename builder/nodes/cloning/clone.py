"""The driver of `golden clone`: creates nodes from a version, all of them or none."""

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
from builder.nodes.cloning.check import check, claim_for, device_name
from builder.nodes.connections import record_hypervisor
from builder.nodes.identity.names import disk_name, log_name, root_name, seed_name
from builder.nodes.identity.request import CloneRequest, CloneSpec, NodeSpec
from builder.nodes.journal import CloneJournal, CloneJournals, HypervisorObject, LeftoversError, undo
from builder.paths import Output
from builder.store import Version


@dataclass(frozen=True, slots=True)
class CloneResult:
    """The outcome of a call. With `keep_going`, `failed` has the error of each node that failed, by name."""

    spec: CloneSpec
    domains: dict[str, Domain]
    failed: dict[str, GoldenError] = field(default_factory=dict)


def clone(request: CloneRequest, version: Version, hypervisor: Hypervisor, output: Output, emit: Emit) -> CloneResult:
    """Create the requested nodes from that version.

    If one fails, the nodes created before it are removed and the error is raised; with `keep_going`
    the others stay. Raises RequestError, HostError and BuildError.
    """
    pool = hypervisor.pool(request.pool)
    journals = CloneJournals(output.clones)
    journals.recover(hypervisor, emit)
    with journals.open_journal() as journal:
        with journals.locked():
            if not version.manifest_file.is_file():
                raise RequestError(
                    f"another command has just removed {version}",
                    hint="run `golden list` to see the remaining versions",
                )
            spec = check(request, version, hypervisor, pool, journals.claims(hypervisor.uri))
            claim = claim_for(spec, hypervisor.uri)
            record_hypervisor(hypervisor, output)
            journal.write_claim(claim)
        for node in spec.nodes:
            emit(explain_identity(node, spec.cloud_init))
        run = CloneRun(spec, hypervisor, pool, journal, emit)
        try:
            run.run(output)
        except LeftoversError:
            raise
        except BaseException:
            with suppress(GoldenError):  # report the first error, not one of the clean-up
                release_base_volume(claim.base, pool, output, journals.claims(hypervisor.uri, excluding=journal))
            raise
    return CloneResult(spec, run.domains, run.failed)


def explain_identity(node: NodeSpec, cloud_init: bool) -> Decision:
    """How a node gets its name and address, and why."""
    if node.offline:
        reason = "DHCP cannot give it SSH keys" if node.reserved else "it has no DHCP reservation in a libvirt network"
        return Decision(f"write the identity of {node.name} to its disk", f"{reason}, and the image has no cloud-init")
    if cloud_init:
        return Decision(f"give {node.name} a seed", "the image has cloud-init")
    return Decision(f"reserve the address of {node.name}", "its first interface is on a libvirt network with DHCP")


class CloneRun:
    """One call's work on its hypervisor."""

    def __init__(self, spec: CloneSpec, hypervisor: Hypervisor, pool: Pool, journal: CloneJournal, emit: Emit) -> None:
        self.domains: dict[str, Domain] = {}
        self.failed: dict[str, GoldenError] = {}
        self._spec = spec
        self._hypervisor = hypervisor
        self._pool = pool
        self._journal = journal
        self._emit = emit

    def run(self, output: Output) -> None:
        """Create the nodes and start them. Raises GoldenError after removing all of them."""
        self._template = (self._spec.version.folder / "domain.xml.j2").read_text()
        self._type = capabilities.domain_type(self._hypervisor, self._emit)
        try:
            self._base = ensure_base_volume(self._spec.version, self._pool, output, self._emit)
            with work_folder(output) as self._work:
                overlays = self._personalise(output) if self._spec.needs_appliance else {}
                for node in self._spec.nodes:
                    with self._undone_on_error(node.name):
                        self._create(node, overlays.get(node.name))
            if self._spec.request.start:
                for name, domain in list(self.domains.items()):
                    with self._undone_on_error(name):
                        domain.start()
        except OSError as error:
            self._undo_all(error)
            raise HostError(
                "cannot write the files of the new nodes; the clone was undone",
                details=str(error),
                hint="check the free space and the permissions of the output folder",
            ) from error
        except BaseException as error:
            self._undo_all(error)
            raise

    def _undo_all(self, error: BaseException) -> None:
        """Remove everything that was created, because of that error. Raises LeftoversError with both reasons."""
        self.domains.clear()
        try:
            undo(self._hypervisor, self._spec.pool, self._journal.created)
        except LeftoversError as leftovers:
            raise LeftoversError(
                "the clone failed, and golden could not undo all of it", details=f"{error}\n{leftovers}"
            ) from error

    @contextmanager
    def _undone_on_error(self, name: str) -> Iterator[None]:
        """With `keep_going`, remove a node that fails and keep its error for the end; else pass the error on."""
        try:
            yield
        except GoldenError as error:
            if not self._spec.request.keep_going:
                raise
            self.failed[name] = error
            self.domains.pop(name, None)
            created = [item for item in self._journal.created if item.node == name]
            undo(self._hypervisor, self._spec.pool, created)

    def _personalise(self, output: Output) -> dict[str, Path]:
        count = sum(node.offline for node in self._spec.nodes)
        # Imported here: loading libguestfs takes longer than a clone.
        from builder.nodes.identity.personalise import personalise

        with self._action(f"personalise {count} nodes" if count > 1 else "personalise the node"):
            return personalise(self._spec, self._work, output, self._emit)

    @contextmanager
    def _action(self, title: str) -> Iterator[None]:
        begun = time.monotonic()
        self._emit(ActionStarted(title))
        yield
        self._emit(ActionFinished(title, "ran", time.monotonic() - begun))

    def _create(self, node: NodeSpec, overlay: Path | None) -> None:
        """Create a node's volumes, reservation and domain. `overlay` is its root disk if it was personalised."""
        with self._action(f"clone {node.name}"):
            root = self._create_root(node, overlay)
            volumes = [(root, device_name(0))]
            for number, size in enumerate(node.disks, 1):
                name = disk_name(node.name, device_name(number))
                with self._journal.recording(HypervisorObject("volume", name, node.name)):
                    volumes.append((self._pool.create(name, size), device_name(number)))
            seed = None
            if self._spec.cloud_init:
                seed = self._create_seed(node)
                # A disk, not a CD: kernels built for virtual machines have no CD driver.
                volumes.append((seed, device_name(len(volumes))))
            if node.reserved:
                self._reserve(node)
            self._define(node, volumes, seed)

    def _create_root(self, node: NodeSpec, overlay: Path | None) -> Volume:
        name = root_name(node.name)
        with self._journal.recording(HypervisorObject("volume", name, node.name)):
            if overlay is None:
                return self._pool.create(name, node.disk_size, self._base)
            base = self._base
            disks.set_backing(overlay, Path(base.path), base.format, absolute=True)
            return self._pool.upload(name, overlay, "qcow2")

    def _create_seed(self, node: NodeSpec) -> Volume:
        from builder.nodes.identity.seed import write_seed

        file = self._work / seed_name(node.name)
        write_seed(file, node, self._spec.request)
        with self._journal.recording(HypervisorObject("volume", file.name, node.name)):
            return self._pool.upload(file.name, file, "raw")

    def _reserve(self, node: NodeSpec) -> None:
        assert node.reserved is not None
        network = self._hypervisor.network(node.reserved.network)
        reservation = node.reserved.reservation
        facts = {"network": network.name, "mac": reservation.mac, "address": reservation.address}
        with self._journal.recording(HypervisorObject("reservation", reservation.name, node.name, facts)):
            network.reserve(reservation)

    def _define(self, node: NodeSpec, volumes: list[tuple[Volume, str]], seed: Volume | None) -> None:
        if self._pool.find(self._base.name) is None:
            raise HypervisorError(
                f"the base volume {self._base.name} was removed while the nodes were cloned",
                hint="run the same `golden clone` again",
            )
        request = self._spec.request
        own_volumes = [volume.name for volume, _ in volumes]
        values: dict[str, object] = dict(request.settings)
        if self._hypervisor.embedded:  # without virtlogd, QEMU writes the console log itself
            values["console_log"] = self._pool.file_path(log_name(node.name))
            own_volumes.append(log_name(node.name))
        if request.cpus:
            values["vcpus"] = request.cpus
        if request.memory:
            values["memory"] = request.memory
        values |= {
            "name": node.name,
            "uuid": node.uuid,
            "domain_type": self._type,
            "disks": [
                {"file": volume.path, "format": volume.format, "device": device, "read_only": volume is seed}
                for volume, device in volumes
            ],
            "nics": node.nics,
            "volumes": [NodeVolume(self._pool.name, name) for name in own_volumes],
            "reservations": [node.reserved] if node.reserved else [],
        }
        with self._journal.recording(HypervisorObject("domain", node.name, node.name, {"uuid": node.uuid})):
            domain = self._hypervisor.define(render_text(self._template, **values))
        if request.autostart:
            domain.set_autostart(True)
        self.domains[node.name] = domain


def planned_address(node: NodeSpec) -> str | None:
    """The address that a node will have; None if only somebody else's DHCP server knows it."""
    if node.reserved:
        return node.reserved.reservation.address
    if node.static and node.static.address:
        return node.static.address.partition("/")[0]
    return None
