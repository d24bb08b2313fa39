"""Finding a hypervisor, and what it has."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
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
"""What is tried, in this order, where nobody says which; after them libvirt's embedded driver."""

EMBEDDED = "embed"
"""The word that names the embedded driver, in the place of a URI."""

X86 = ("x86_64", "i686")
"""Architectures whose machine with UEFI is q35."""

DEFAULT_POOL = "default"
FOLDERS = {"qemu:///system": "/var/lib/libvirt/images", "qemu:///session": "~/.local/share/libvirt/images"}
"""Where virt-install and virt-manager, too, make the default pool of a host that has none."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the host has: processors, and bytes of memory in all."""

    processors: int
    memory: int


class Hypervisor:
    """A connection to libvirt. Use it in a `with` statement, by way of `connect`."""

    def __init__(self, connection: Any, uri: str, folder: Path, emit: Emit) -> None:
        """`connection` is libvirt's; `folder` is where an embedded driver's volumes lie."""
        self.uri = uri
        self.embedded = urlsplit(uri).path == "/embed"
        self.connection = connection
        self._folder = folder
        self._emit = emit

    @property
    def local(self) -> bool:
        """Whether its files are this host's."""
        return not urlsplit(self.uri).netloc

    @property
    def user_network_only(self) -> bool:
        """Whether nodes can have no libvirt network: unprivileged drivers give them QEMU's user-mode one."""
        return self.embedded or urlsplit(self.uri).path == "/session"

    # --- domains -----------------------------------------------------------------------------

    def domains(self) -> list[Domain]:
        """All domains, running or not. Raises HypervisorError."""
        return [Domain(each) for each in call(self.connection.listAllDomains)]

    def definitions(self) -> list[tuple[Domain, ElementTree.Element]]:
        """All domains with their definitions, those left out that end meanwhile. Raises HypervisorError."""
        return [(domain, tree) for domain in self.domains() if (tree := none_if_gone(domain.tree)) is not None]

    def find_domain(self, name: str) -> Domain | None:
        found = find(self.connection.lookupByName, name)
        return Domain(found) if found else None

    def define(self, xml: str) -> Domain:
        """Define a domain, checked against libvirt's schema. Raises HypervisorError."""
        return Domain(call(self.connection.defineXMLFlags, xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE))

    @property
    def offers_kvm(self) -> bool:
        """Whether libvirt would start domains of type `kvm`; on a local host /dev/kvm may be broken all the same."""
        capabilities = ElementTree.fromstring(call(self.connection.getCapabilities))
        return any(each.get("type") == "kvm" for each in capabilities.findall("guest/arch/domain"))

    def offers_uefi(self, arch: str) -> bool:
        """Whether libvirt finds UEFI firmware for that architecture, without secure boot. Raises HypervisorError."""
        about = call(self.connection.getDomainCapabilities, None, arch, "q35" if arch in X86 else None, None, 0)
        found = ElementTree.fromstring(about).findall("os/enum[@name='firmware']/value")
        return any(each.text == "efi" for each in found)

    @property
    def capacity(self) -> Capacity:
        """What the host has in all. Raises HypervisorError."""
        about = call(self.connection.getInfo)
        return Capacity(processors=about[2], memory=about[1] << 20)

    # --- networks ----------------------------------------------------------------------------

    def networks(self) -> list[Network]:
        """All networks, active or not; none where the driver knows no networks. Raises HypervisorError."""
        if self.user_network_only:
            return []
        return [Network(each) for each in call(self.connection.listAllNetworks)]

    def network_definitions(self) -> list[Definition]:
        """All networks' definitions, those left out that end meanwhile. Raises HypervisorError."""
        found = [none_if_gone(network.definition) for network in self.networks()]
        return [definition for definition in found if definition is not None]

    def find_network(self, name: str) -> Network | None:
        if self.user_network_only:
            return None
        found = find(self.connection.networkLookupByName, name)
        return Network(found) if found else None

    def network(self, name: str) -> Network:
        """Raises RequestError with what there is."""
        found = self.find_network(name)
        if found is None:
            names = [each.name for each in self.networks()]
            raise RequestError(
                f"no such network: {name}{did_you_mean(name, names)}",
                hint=f"{self.uri} has {', '.join(sorted(names)) or 'none'}; `golden network create` makes one",
            )
        return found

    def define_network(self, xml: str) -> Network:
        """Define a network, checked against libvirt's schema. Raises HypervisorError."""
        return Network(call(self.connection.networkDefineXMLFlags, xml, libvirt.VIR_NETWORK_DEFINE_VALIDATE))

    def has_bridge(self, name: str) -> bool:
        """Whether the host has a bridge of that name; True where it cannot be told."""
        return not self.local or Path("/sys/class/net", name, "bridge").is_dir()

    # --- pools -------------------------------------------------------------------------------

    def pool(self, name: str | None = None) -> Pool:
        """A pool of volumes, by default libvirt's `default`, which is made where it is missing.

        Raises RequestError with what there is, and HypervisorError.
        """
        if self.embedded:
            if name is not None:
                raise RequestError("the embedded driver has no pools", hint="leave --pool out")
            return FolderPool(self._folder)
        found = find(self.connection.storagePoolLookupByName, name or DEFAULT_POOL)
        if found is None and name is None and self.uri in FOLDERS:
            found = self._make_default_pool(Path(FOLDERS[self.uri]).expanduser())
        if found is None:
            names = [each.name() for each in call(self.connection.listAllStoragePools)]
            wanted = name or DEFAULT_POOL
            raise RequestError(
                f"no such pool: {wanted}{did_you_mean(wanted, names)}",
                hint=f"{self.uri} has {', '.join(sorted(names)) or 'none'}",
            )
        return LibvirtPool(found)

    def find_pool(self, name: str) -> Pool | None:
        """The pool that a node's metadata name; None where it is gone. Raises RequestError for one that sleeps."""
        if self.embedded:
            return FolderPool(self._folder)
        found = find(self.connection.storagePoolLookupByName, name)
        return LibvirtPool(found) if found else None

    def _make_default_pool(self, folder: Path) -> Any:
        self._emit(Notice(f"making the pool {DEFAULT_POOL} of {folder}, as there is none"))
        made = call(self.connection.storagePoolDefineXML, render("pool", name=DEFAULT_POOL, folder=folder))
        call(made.build)
        call(made.setAutostart, 1)
        call(made.create)
        return made

    def close(self) -> None:
        self.connection.close()


@contextmanager
def connect(uri: str | None, folder: Path, emit: Emit, *, embedded: bool = True) -> Iterator[Hypervisor]:
    """The hypervisor that is named, or that answers: libvirt's system daemon, the user's, else the embedded driver.

    `folder` is for the embedded driver's files; without `embedded` it is left alone. Raises HypervisorError.
    """
    with ExitStack() as cleanup:
        daemon = _open_daemon(uri, emit)
        if daemon is None and not embedded:
            raise HypervisorError("no libvirt daemon answers")
        connection, found = daemon or _open_embedded(uri, folder, emit)
        hypervisor = Hypervisor(connection, found, folder / "volumes", emit)
        cleanup.callback(hypervisor.close)
        yield hypervisor


def _open_daemon(uri: str | None, emit: Emit) -> tuple[Any, str] | None:
    """The connection to the daemon that is named, or to one that answers, and its URI; None where none does."""
    if uri == EMBEDDED:
        return None
    if uri is not None:
        try:
            connection = call(libvirt.open, uri)
        except HypervisorError as error:
            raise HypervisorError(
                f"cannot connect to {uri}", code=error.code, details=error.details, hint=error.hint
            ) from error
        emit(Decision(f"connect to {uri}", "--connect or LIBVIRT_DEFAULT_URI names it"))
        return connection, uri
    # A daemon of the user's is used where it runs; none is started behind their back.
    os.environ.setdefault("LIBVIRT_AUTOSTART", "0")
    for daemon in DAEMONS:
        try:
            connection = call(libvirt.open, daemon)
        except HypervisorError as error:
            emit(Decision(f"do not connect to {daemon}", error.details or error.message))
            continue
        emit(Decision(f"connect to {daemon}", "no connection was named, and it answers"))
        return connection, daemon
    return None


_claimed: set[Path] = set()
"""The folders of embedded drivers that this process uses."""


def _claim(folder: Path, emit: Emit) -> None:
    """The driver has room for one process, and stays with it when its connections are closed; the next one waits."""
    if folder not in _claimed:
        locks.hold_to_the_end(folder / ".lock", on_wait=_saying(emit, "waiting for another golden"))
        _claimed.add(folder)


def _open_embedded(uri: str | None, folder: Path, emit: Emit) -> tuple[Any, str]:
    own = folder.absolute()
    address = prepare(own)
    _claim(own, emit)
    if uri is None:
        emit(Notice("no libvirt daemon answers: nodes run by libvirt's embedded driver, on a user-mode network"))
    return call(libvirt.open, address), address


def _saying(emit: Emit, text: str) -> Callable[[], None]:
    return lambda: emit(Notice(text))
