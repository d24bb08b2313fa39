from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest import systemd
from builder.guest.guest import Guest
from builder.steps.step import Step

RESOLV_CONF = "/etc/resolv.conf"
INTERFACES = "/etc/network/interfaces"
DHCP_CLIENTS = ("/usr/sbin/dhclient", "/usr/sbin/dhcpcd", "/usr/sbin/udhcpc")
STANZA = re.compile(r"(iface|mapping|auto|allow-\S+|no-auto-down|no-scripts|source|source-directory|rename)\s")
"""What begins a new stanza of ifupdown's configuration."""


def _address(value: str) -> str:
    ipaddress.ip_address(value)
    return value


def _network_address(value: str) -> str:
    if "/" not in value:
        raise ValueError("must have a prefix length, as in 192.168.1.10/24")
    ipaddress.ip_interface(value)
    return value


Address = Annotated[str, AfterValidator(_address)]
NetworkAddress = Annotated[str, AfterValidator(_network_address)]


class Interface(
    Step,
    name="interface",
    version=1,
    families={"debian"},
    example="interface: {name: eth0, method: dhcp, ipv6: false}",
):
    """Set up a network interface, with what the guest uses for that: ifupdown, else systemd-networkd.

    A guest with such an interface boots without it too. To be called eth0 whatever the bus, an
    interface needs `kernel-args: {add: [net.ifnames=0, biosdevname=0]}` in the recipe.
    """

    name: str = Field(description="The interface's name.", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$")
    method: Literal["dhcp", "static"] = Field(description="Where its address comes from.")
    address: NetworkAddress | None = Field(default=None, description="With `static`: its address and prefix length.")
    gateway: Address | None = Field(default=None, description="With `static`: the default route's next hop.")
    dns: list[Address] = Field(default=[], description="With `static`: the addresses of name servers.")
    ipv6: bool = Field(default=True, description="Whether the interface may have IPv6 addresses.")

    @model_validator(mode="after")
    def _consistent(self) -> Interface:
        if self.method == "dhcp":
            if self.address or self.gateway or self.dns:
                raise ValueError("address, gateway and dns are for the method static")
            return self
        if self.address is None:
            raise ValueError("the method static needs an address")
        check_addresses(self.address, self.gateway)
        if ":" in self.address and not self.ipv6:
            raise ValueError("an IPv6 address needs ipv6: true")
        return self

    def apply(self, guest: Guest) -> None:
        if uses_ifupdown(guest):
            if self.method == "dhcp" and not any(map(guest.is_file, DHCP_CLIENTS)):
                raise GuestError("the guest has no DHCP client", hint="install isc-dhcp-client in an earlier step")
            self._take_over(guest)
            guest.write(self._ifupdown_file, self._ifupdown_text(), mode=0o644)
        else:
            guest.write(self._networkd_file, self._networkd_text(), mode=0o644)
            systemd.systemctl(guest, "enable", ["systemd-networkd.service"])
        if self.ipv6:
            guest.remove(self._sysctl_file)
        else:
            guest.write(self._sysctl_file, self._sysctl_text, mode=0o644)
        if self._writes_resolv_conf(guest):
            guest.write(RESOLV_CONF, self._resolv_conf_text, mode=0o644)

    def check(self, guest: Guest) -> Iterator[Finding]:
        if uses_ifupdown(guest):
            files, unit = {self._ifupdown_file: self._ifupdown_text()}, "networking.service"
        else:
            files, unit = {self._networkd_file: self._networkd_text()}, "systemd-networkd.service"
        if not self.ipv6:
            files[self._sysctl_file] = self._sysctl_text
        if self._writes_resolv_conf(guest):
            files[RESOLV_CONF] = self._resolv_conf_text
        for path, text in files.items():
            same = guest.is_file(path) and guest.read(path) == text
            yield Finding(same, f"{path} {'sets up' if same else 'does not set up'} {self.name} as the recipe says")
        enabled = systemd.is_enabled(guest, unit)
        yield Finding(enabled, f"{unit} is {'' if enabled else 'not '}enabled")

    def kept_paths(self) -> Iterable[str]:
        yield from (self._ifupdown_file, self._networkd_file, self._sysctl_file)
        if self.dns:
            yield RESOLV_CONF

    # --- ifupdown ----------------------------------------------------------------------------

    @property
    def _ifupdown_file(self) -> str:
        return f"/etc/network/interfaces.d/{self.name}"

    def _ifupdown_text(self) -> str:
        # Not `auto`: that one makes networking.service fail, and wait, at a boot without the interface.
        lines = [f"allow-hotplug {self.name}"]
        if self.address is None:
            lines.append(f"iface {self.name} inet dhcp")
        else:
            family = "inet6" if ipaddress.ip_interface(self.address).version == 6 else "inet"
            lines += [f"iface {self.name} {family} static", f"    address {self.address}"]
            if self.gateway:
                lines.append(f"    gateway {self.gateway}")
            if self.dns:
                # Heard by resolvconf, where that is installed.
                lines.append(f"    dns-nameservers {' '.join(self.dns)}")
        return "\n".join(lines) + "\n"

    def _take_over(self, guest: Guest) -> None:
        """See that ifupdown reads our file, and that no other file speaks of the interface."""
        for path in [INTERFACES, *guest.glob(f"{INTERFACES}.d/*")]:
            text = guest.read(path) if guest.is_file(path) else ""
            kept = forget_interface(text, self.name)
            if path == INTERFACES:
                if not re.search(r"^\s*iface\s+lo\s", kept, re.MULTILINE):
                    kept = f"{kept}\nauto lo\niface lo inet loopback\n"
                if not re.search(rf"^\s*source(-directory)?\s+{INTERFACES}\.d(/\*)?/?\s*$", kept, re.MULTILINE):
                    kept = f"{kept}\nsource {INTERFACES}.d/*\n"
            if kept != text:
                guest.write(path, kept.lstrip("\n"))

    # --- systemd-networkd --------------------------------------------------------------------

    @property
    def _networkd_file(self) -> str:
        return f"/etc/systemd/network/10-golden-{self.name}.network"

    def _networkd_text(self) -> str:
        lines = ["[Match]", f"Name={self.name}", "", "[Network]"]
        if self.address is None:
            lines.append(f"DHCP={'yes' if self.ipv6 else 'ipv4'}")
        else:
            lines.append(f"Address={self.address}")
            lines += [f"Gateway={self.gateway}"] if self.gateway else []
            lines += [f"DNS={server}" for server in self.dns]
        if not self.ipv6:
            lines += ["LinkLocalAddressing=no", "IPv6AcceptRA=no"]
        return "\n".join(lines) + "\n"

    # --- both --------------------------------------------------------------------------------

    @property
    def _sysctl_file(self) -> str:
        return f"/etc/sysctl.d/60-golden-{self.name}.conf"

    @property
    def _sysctl_text(self) -> str:
        # udev has this applied when the interface appears; slashes, because a name may have dots.
        return f"net/ipv6/conf/{self.name}/disable_ipv6 = 1\n"

    def _writes_resolv_conf(self, guest: Guest) -> bool:
        """Whether nobody else does: where the file is a link, resolvconf or systemd-resolved makes it."""
        found = guest.find_stat(RESOLV_CONF)
        return bool(self.dns) and (found is None or found.kind != "link")

    @property
    def _resolv_conf_text(self) -> str:
        return "".join(f"nameserver {server}\n" for server in self.dns)


def check_addresses(address: str, gateway: str | None) -> None:
    """Raises ValueError for what no host can be set to, or cannot reach."""
    own = ipaddress.ip_interface(address)
    ends = (own.network.network_address, own.network.broadcast_address)
    if own.version == 4 and own.network.prefixlen < 31 and own.ip in ends:
        raise ValueError(f"{own.ip} is no host's address in the network {own.network}")
    if gateway is None:
        return
    hop = ipaddress.ip_address(gateway)
    on_link = own.version == hop.version == 6 and hop.is_link_local
    if hop not in own.network and not on_link:
        raise ValueError(f"the gateway {hop} is not in the network {own.network}")
    if hop == own.ip:
        raise ValueError("the gateway is the interface itself")


def uses_ifupdown(guest: Guest) -> bool:
    """Whether the guest sets up its network with ifupdown, else with systemd-networkd. Raises GuestError for others."""
    if guest.is_file("/usr/sbin/ifup"):
        return True
    if guest.is_file("/usr/sbin/netplan"):
        raise GuestError("the guest sets up its network with netplan, which golden cannot write yet")
    if guest.is_file("/usr/lib/systemd/systemd-networkd"):
        return False
    raise GuestError("the guest has neither ifupdown nor systemd-networkd", hint="install ifupdown in an earlier step")


def forget_interface(text: str, name: str) -> str:
    """A file of ifupdown without what it says of one interface."""
    lines = []
    forgetting = False
    for line in text.splitlines(keepends=True):
        words = line.split()
        if STANZA.match(line.lstrip()):
            forgetting = words[0] in ("iface", "mapping") and words[1:2] == [name]
            if re.fullmatch(r"auto|allow-\S+|no-auto-down|no-scripts", words[0]) and name in words[1:]:
                others = [word for word in words[1:] if word != name]
                line = " ".join([words[0], *others]) + "\n" if others else ""
        if not forgetting or line.lstrip().startswith("#"):
            lines.append(line)
    return "".join(lines)
