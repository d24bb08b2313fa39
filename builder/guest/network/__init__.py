"""The guest's own way to set up its network."""

from __future__ import annotations

from builder.errors import GuestError
from builder.events import Decision
from builder.guest.guest import Guest
from builder.guest.network.backend import InterfaceSettings, NetworkBackend
from builder.guest.network.ifcfg import FOLDER, INIT_SCRIPT, NETWORK_MANAGER, Ifcfg
from builder.guest.network.ifupdown import Ifupdown
from builder.guest.network.keyfile import Keyfile
from builder.guest.network.networkd import Networkd

__all__ = ["BACKENDS", "InterfaceSettings", "NetworkBackend", "of"]

BACKENDS: tuple[type[NetworkBackend], ...] = (Ifupdown, Networkd, Ifcfg, Keyfile)


def of(guest: Guest) -> NetworkBackend:
    """The guest's way. Raises GuestError for a guest that has none we know."""
    backend = _choose(guest)
    guest.emit(Decision(f"set up the guest's network with {type(backend).__name__.lower()}", "its files are there"))
    return backend


def _choose(guest: Guest) -> NetworkBackend:
    if guest.info.family == "debian" and guest.is_file("/usr/sbin/ifup"):
        return Ifupdown(guest)
    if guest.is_file("/usr/sbin/netplan"):
        raise GuestError("the guest sets up its network with netplan, which golden cannot write yet")
    if guest.info.family == "redhat":
        manager = guest.is_file(NETWORK_MANAGER)
        # EL 9 and Fedora keep ifcfg files for old profiles only.
        scripts = guest.is_folder(FOLDER) and guest.info.distribution != "fedora" and guest.info.major < 9
        if scripts and (manager or guest.is_file(INIT_SCRIPT)):
            return Ifcfg(guest)
        if manager:
            return Keyfile(guest)
    if guest.is_file("/usr/lib/systemd/systemd-networkd"):
        return Networkd(guest)
    raise GuestError(
        "the guest has nothing that sets up its network, of what golden knows",
        hint="known are ifupdown, systemd-networkd, network-scripts and NetworkManager; install one in an earlier step",
    )
