"""Configure a guest's network interfaces with its own network software."""

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
    """The guest's network backend. Raises GuestError if golden supports none of the guest's."""
    backend = _choose(guest)
    guest.emit(
        Decision(f"configure the guest's network with {type(backend).__name__.lower()}", "the guest has its files")
    )
    return backend


def _choose(guest: Guest) -> NetworkBackend:
    if guest.info.family == "debian" and guest.is_file("/usr/sbin/ifup"):
        return Ifupdown(guest)
    if guest.is_file("/usr/sbin/netplan"):
        raise GuestError(
            "the guest configures its network with netplan, which golden does not support",
            hint="remove netplan.io and install ifupdown in an earlier step",
        )
    if guest.info.family == "redhat":
        manager = guest.is_file(NETWORK_MANAGER)
        # EL 9 and Fedora only use ifcfg files for old profiles.
        scripts = guest.is_folder(FOLDER) and guest.info.distribution != "fedora" and guest.info.major < 9
        if scripts and (manager or guest.is_file(INIT_SCRIPT)):
            return Ifcfg(guest)
        if manager:
            return Keyfile(guest)
    if guest.is_file("/usr/lib/systemd/systemd-networkd"):
        return Networkd(guest)
    raise GuestError(
        "the guest has no network software that golden supports",
        hint="install ifupdown, systemd-networkd, network-scripts or NetworkManager in an earlier step",
    )
