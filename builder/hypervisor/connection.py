"""Connecting to a hypervisor, and finding its domains, networks and pools."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import libvirt

from builder import locks
from builder.errors import HypervisorError, RequestError, did_you_mean
from builder.events import Decision, Emit, Notice
from builder.hypervisor.calls import call, find, none_if_gone
from builder.hypervisor.domains import Domain
from builder.hypervisor.embedded import prepare
from builder.hypervisor.networks import Definition, Network
from builder.hypervisor.pools import FolderPool, LibvirtPool, Pool
from builder.hypervisor.xml import render

DAEMONS = ("qemu:///system", "qemu:///session")
"""The daemons to try, in this order, if no URI is given; the embedded driver comes last."""

EMBEDDED = "embed"
"""Names the embedded driver in place of a URI."""

X86 = ("x86_64", "i686")
"""Architectures that use machine type q35 with UEFI."""

DEFAULT_POOL = "default"
FOLDERS = {"qemu:///system": "/var/lib/libvirt/images", "qemu:///session": "~/.local/share/libvirt/images"}
"""The folder of the default pool, if golden creates it; virt-install and virt-manager use the same."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """The host's number of processors, and its total memory in bytes."""

    processors: int
    memory: int


class Hypervisor:
    """A connection to libvirt. Get one with `connect` in a `with` statement."""

    def __init__(self, connection: Any, uri: str, folder: Path, emit: Emit) -> None:
        """`connection` is libvirt's; `folder` holds the volumes of the embedded driver."""
        self.uri = uri
        self.embedded = urlsplit(uri).path == "/embed"
        self.connection = connection
        self._folder = folder
        self._emit = emit

    @property
    def local(self) -> bool:
        """Whether its files are on this host."""
        return not urlsplit(self.uri).netloc

    @property
    def user_network_only(self) -> bool:
        """Whether nodes can only use QEMU's user-mode network: unprivileged drivers have no libvirt networks."""
        return self.embedded or urlsplit(self.uri).path == "/session"

    # --- domains -----------------------------------------------------------------------------

    def domains(self) -> list[Domain]:
        """All domains, running or not. Raises HypervisorError."""
        return [Domain(each) for each in call(self.connection.listAllDomains)]

    def definitions(self) -> list[tuple[Domain, ElementTree.Element]]:
        """All domains with their definitions; skips those that vanish meanwhile. Raises HypervisorError."""
        return [(domain, tree) for domain in self.domains() if (tree := none_if_gone(domain.tree)) is not None]

    def find_domain(self, name: str) -> Domain | None:
        found = find(self.connection.lookupByName, name)
        return Domain(found) if found else None

    def define(self, xml: str) -> Domain:
        """Define a domain; libvirt validates the XML against its schema. Raises HypervisorError."""
        return Domain(call(self.connection.defineXMLFlags, xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE))

    @property
    def offers_kvm(self) -> bool:
        """Whether libvirt offers domains of type `kvm`. On a local host /dev/kvm may still be broken."""
        capabilities = ElementTree.fromstring(call(self.connection.getCapabilities))
        return any(each.get("type") == "kvm" for each in capabilities.findall("guest/arch/domain"))

    def offers_uefi(self, arch: str) -> bool:
        """Whether libvirt has UEFI firmware without secure boot for that architecture. Raises HypervisorError."""
        about = call(self.connection.getDomainCapabilities, None, arch, "q35" if arch in X86 else None, None, 0)
        found = ElementTree.fromstring(about).findall("os/enum[@name='firmware']/value")
        return any(each.text == "efi" for each in found)

    @property
    def capacity(self) -> Capacity:
        """The host's processors and memory. Raises HypervisorError."""
        about = call(self.connection.getInfo)
        return Capacity(processors=about[2], memory=about[1] << 20)

    # --- networks ----------------------------------------------------------------------------

    def networks(self) -> list[Network]:
        """All networks, active or not; empty if the driver has no networks. Raises HypervisorError."""
        if self.user_network_only:
            return []
        return [Network(each) for each in call(self.connection.listAllNetworks)]

    def network_definitions(self) -> list[Definition]:
        """The definitions of all networks; skips those that vanish meanwhile. Raises HypervisorError."""
        found = [none_if_gone(network.definition) for network in self.networks()]
        return [definition for definition in found if definition is not None]

    def find_network(self, name: str) -> Network | None:
        if self.user_network_only:
            return None
        found = find(self.connection.networkLookupByName, name)
        return Network(found) if found else None

    def network(self, name: str) -> Network:
        """The network of that name. Raises RequestError, listing the existing networks."""
        found = self.find_network(name)
        if found is None:
            names = [each.name for each in self.networks()]
            raise RequestError(
                f"no such network: {name}{did_you_mean(name, names)}",
                hint=f"choose one of {', '.join(sorted(names))}"
                if names
                else f"run `golden network create {name} --address 192.168.150.1/24`",
            )
        return found

    def define_network(self, xml: str) -> Network:
        """Define a network; libvirt validates the XML against its schema. Raises HypervisorError."""
        return Network(call(self.connection.networkDefineXMLFlags, xml, libvirt.VIR_NETWORK_DEFINE_VALIDATE))

    def has_bridge(self, name: str) -> bool:
        """Whether the host has a bridge of that name; True for a remote host, where golden cannot look."""
        return not self.local or Path("/sys/class/net", name, "bridge").is_dir()

    # --- pools -------------------------------------------------------------------------------

    def pool(self, name: str | None = None) -> Pool:
        """A storage pool; without a name libvirt's `default`, which is created if it is missing.

        Raises RequestError, listing the existing pools, and HypervisorError.
        """
        if self.embedded:
            if name is not None:
                raise RequestError("the embedded driver has no storage pools", hint="leave --pool out")
            return FolderPool(self._folder)
        found = find(self.connection.storagePoolLookupByName, name or DEFAULT_POOL)
        if found is None and name is None and self.uri in FOLDERS:
            found = self._create_default_pool(Path(FOLDERS[self.uri]).expanduser())
        if found is None:
            names = [each.name() for each in call(self.connection.listAllStoragePools)]
            wanted = name or DEFAULT_POOL
            raise RequestError(
                f"no such pool: {wanted}{did_you_mean(wanted, names)}",
                hint=f"choose one of {', '.join(sorted(names))}"
                if names
                else f"run `virsh --connect {self.uri} pool-define-as NAME dir --target FOLDER` and pool-start it",
            )
        return LibvirtPool(found)

    def find_pool(self, name: str) -> Pool | None:
        """The pool of that name; None if it does not exist. Raises RequestError if it is not active."""
        if self.embedded:
            return FolderPool(self._folder)
        found = find(self.connection.storagePoolLookupByName, name)
        return LibvirtPool(found) if found else None

    def _create_default_pool(self, folder: Path) -> Any:
        self._emit(Notice(f"creating the storage pool {DEFAULT_POOL} in {folder}, because it does not exist"))
        pool = call(self.connection.storagePoolDefineXML, render("pool", name=DEFAULT_POOL, folder=folder))
        call(pool.build)
        call(pool.setAutostart, 1)
        call(pool.create)
        return pool

    def close(self) -> None:
        self.connection.close()


@contextmanager
def connect(uri: str | None, folder: Path, emit: Emit, *, embedded: bool = True) -> Iterator[Hypervisor]:
    """Connect to that URI; without one, to the first that answers: system daemon, session daemon, embedded driver.

    `folder` holds the embedded driver's files. With `embedded=False` that driver is not used.
    Raises HypervisorError.
    """
    with ExitStack() as cleanup:
        daemon = _open_daemon(uri, emit)
        if daemon is None and not embedded:
            raise HypervisorError("no libvirt daemon answers", hint="start libvirtd, or pass --connect URI")
        connection, found = daemon or _open_embedded(uri, folder, emit)
        hypervisor = Hypervisor(connection, found, folder / "volumes", emit)
        cleanup.callback(hypervisor.close)
        yield hypervisor


def _open_daemon(uri: str | None, emit: Emit) -> tuple[Any, str] | None:
    """A connection to the daemon of that URI, or to the first that answers, and its URI; None if none answers."""
    if uri == EMBEDDED:
        return None
    if uri is not None:
        try:
            connection = call(libvirt.open, uri)
        except HypervisorError as error:
            raise HypervisorError(
                f"cannot connect to {uri}", code=error.code, details=error.details, hint=error.hint
            ) from error
        emit(Decision(f"connect to {uri}", "set by --connect or LIBVIRT_DEFAULT_URI"))
        return connection, uri
    # Use a session daemon that is running, but do not start one.
    os.environ.setdefault("LIBVIRT_AUTOSTART", "0")
    for daemon in DAEMONS:
        try:
            connection = call(libvirt.open, daemon)
        except HypervisorError as error:
            emit(Decision(f"do not connect to {daemon}", error.details or error.message))
            continue
        emit(Decision(f"connect to {daemon}", "no URI was given, and this daemon answers"))
        return connection, daemon
    return None


_claimed: set[Path] = set()
"""The folders whose embedded driver this process holds."""


def _claim(folder: Path, emit: Emit) -> None:
    """Take the embedded driver for this process, until it exits; only one process can use it at a time."""
    if folder not in _claimed:
        locks.hold_to_the_end(
            folder / ".lock",
            on_wait=lambda: emit(Notice("waiting for another golden process to release the embedded driver")),
        )
        _claimed.add(folder)


def _open_embedded(uri: str | None, folder: Path, emit: Emit) -> tuple[Any, str]:
    own = folder.absolute()
    address = prepare(own)
    _claim(own, emit)
    if uri is None:
        emit(Notice("no libvirt daemon answers; using libvirt's embedded driver with a user-mode network"))
    return call(libvirt.open, address), address
