from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from builder.findings import Finding
from builder.guest import network
from builder.guest.guest import Guest
from builder.inputs import Matching
from builder.steps.step import Step

RESOLV_CONF = "/etc/resolv.conf"


def _check_address(value: str) -> str:
    ipaddress.ip_address(value)
    return value


def _check_network_address(value: str) -> str:
    if "/" not in value:
        raise ValueError("must have a prefix length, as in 192.168.1.10/24")
    ipaddress.ip_interface(value)
    return value


Address = Annotated[str, AfterValidator(_check_address)]
NetworkAddress = Annotated[str, AfterValidator(_check_network_address)]


class Interface(
    Step,
    name="interface",
    version=2,
    example="interface: {name: eth0, method: dhcp, ipv6: false}",
):
    """Configure a network interface.

    The step configures whatever the guest uses: ifupdown, systemd-networkd, EL's network-scripts or
    NetworkManager. A node without the interface still boots.

    To name interfaces eth0, eth1 and so on whatever bus they are on, add
    `kernel-args: {add: [net.ifnames=0, biosdevname=0]}` to the recipe.
    """

    name: Annotated[
        str,
        Matching(
            r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$",
            "must be 1 to 15 letters, digits, dots, dashes and underscores, and start with a letter or digit",
        ),
    ] = Field(description="Name of the interface.")
    method: Literal["dhcp", "static"] = Field(description="`dhcp`, or `static` for a fixed address.")
    address: NetworkAddress | None = Field(default=None, description="With `static`: the address and prefix length.")
    gateway: Address | None = Field(default=None, description="With `static`: the default gateway.")
    dns: list[Address] = Field(default=[], description="With `static`: addresses of name servers.")
    ipv6: bool = Field(default=True, description="Use IPv6 on the interface.")

    @model_validator(mode="after")
    def _check_consistent(self) -> Interface:
        if self.method == "dhcp":
            if self.address or self.gateway or self.dns:
                raise ValueError("address, gateway and dns require method: static")
            return self
        if self.address is None:
            raise ValueError("method: static requires an address")
        check_addresses(self.address, self.gateway)
        if ":" in self.address and not self.ipv6:
            raise ValueError("an IPv6 address requires ipv6: true")
        return self

    @property
    def _settings(self) -> network.InterfaceSettings:
        return network.InterfaceSettings(self.name, self.address, self.gateway, self.dns, self.ipv6)

    def apply(self, guest: Guest) -> None:
        backend = network.of(guest)
        backend.prepare(self._settings)
        guest.write(backend.path(self.name), backend.text(self._settings), mode=backend.mode, owner="0:0")
        if self.ipv6:
            guest.remove(self._sysctl_file)
        else:
            guest.write(self._sysctl_file, self._sysctl_text, mode=0o644)
        if self._writes_resolv_conf(guest, backend):
            guest.write(RESOLV_CONF, self._resolv_conf_text, mode=0o644)

    def check(self, guest: Guest) -> Iterator[Finding]:
        backend = network.of(guest)
        files = {backend.path(self.name): backend.text(self._settings)}
        if not self.ipv6:
            files[self._sysctl_file] = self._sysctl_text
        if self._writes_resolv_conf(guest, backend):
            files[RESOLV_CONF] = self._resolv_conf_text
        for path, text in files.items():
            same = guest.is_file(path) and guest.read(path) == text
            yield Finding(same, f"{path} {'has' if same else 'does not have'} the recipe's settings for {self.name}")
        enabled = backend.is_enabled()
        yield Finding(enabled, f"{backend.unit} is {'' if enabled else 'not '}enabled")

    def kept_paths(self) -> Iterable[str]:
        yield from (backend.path(self.name) for backend in network.BACKENDS)
        yield self._sysctl_file
        if self.dns:
            yield RESOLV_CONF

    @property
    def _sysctl_file(self) -> str:
        return f"/etc/sysctl.d/60-golden-{self.name}.conf"

    @property
    def _sysctl_text(self) -> str:
        # udev applies this when the interface appears. Slashes, because an interface name may have dots.
        return f"net/ipv6/conf/{self.name}/disable_ipv6 = 1\n"

    def _writes_resolv_conf(self, guest: Guest, backend: network.NetworkBackend) -> bool:
        """Whether this step must write resolv.conf: if it is a link, resolvconf or systemd-resolved writes it."""
        found = guest.find_stat(RESOLV_CONF)
        return bool(self.dns) and not backend.writes_resolv_conf and (found is None or found.kind != "link")

    @property
    def _resolv_conf_text(self) -> str:
        return "".join(f"nameserver {server}\n" for server in self.dns)


def check_addresses(address: str, gateway: str | None) -> None:
    """Raise ValueError for an address that no host can have, or a gateway that it cannot reach."""
    own = ipaddress.ip_interface(address)
    ends = (own.network.network_address, own.network.broadcast_address)
    if own.version == 4 and own.network.prefixlen < 31 and own.ip in ends:
        raise ValueError(f"{own.ip} is the network or broadcast address of {own.network}; use a host address")
    if gateway is None:
        return
    hop = ipaddress.ip_address(gateway)
    on_link = own.version == hop.version == 6 and hop.is_link_local
    if hop not in own.network and not on_link:
        raise ValueError(f"the gateway {hop} is not in the network {own.network}")
    if hop == own.ip:
        raise ValueError("the gateway is the address of the interface itself")
