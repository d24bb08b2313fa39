from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from builder.guest.guest import Guest
from builder.guest.network.ifupdown import remove_interface
from builder.steps.interface import Interface

STATIC: dict[str, Any] = {"name": "eth0", "method": "static", "address": "192.168.1.10/24"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "eth0", "method": "dhcp", "address": "192.168.1.10/24"}, "require method: static"),
        ({"name": "eth0", "method": "static"}, "requires an address"),
        (STATIC | {"address": "192.168.1.10"}, "prefix length"),
        (STATIC | {"address": "192.168.1.0/24"}, "network or broadcast address"),
        (STATIC | {"address": "192.168.1.300/24"}, "192.168.1.300"),
        (STATIC | {"gateway": "192.168.2.1"}, "not in the network 192.168.1.0/24"),
        (STATIC | {"gateway": "192.168.1.10"}, "itself"),
        (STATIC | {"dns": ["ns.example.com"]}, "ns.example.com"),
        (STATIC | {"address": "fd00::2/64", "ipv6": False}, "requires ipv6"),
        ({"name": "eth0\nauto lo", "method": "dhcp"}, "name"),
        ({"name": "../eth0", "method": "dhcp"}, "name"),
        ({"name": "eth0", "method": "bootp"}, "method"),
    ],
)
def test_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Interface.model_validate(options)


def test_gateway_on_the_link() -> None:
    Interface.model_validate(STATIC | {"address": "fd00::2/64", "gateway": "fe80::1"})


def test_remove_interface() -> None:
    text = (
        "source /etc/network/interfaces.d/*\nauto lo eth0\niface lo inet loopback\n\n"
        "# ours\nallow-hotplug eth0\niface eth0 inet static\n    address 10.0.0.2/8\n# kept\n"
        "iface eth0 inet6 auto\n    accept_ra 1\niface eth01 inet dhcp\n    metric 5\n"
    )
    assert remove_interface(text, "eth0") == (
        "source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n\n"
        "# ours\n# kept\niface eth01 inet dhcp\n    metric 5\n"
    )
    assert remove_interface(text, "eth1") == text


@pytest.mark.slow
def test_ifupdown(guest: Guest) -> None:
    guest.write("/etc/network/interfaces", "auto eth0\niface eth0 inet dhcp\n")
    guest.write("/etc/network/interfaces.d/setup", "auto eth0\niface eth0 inet dhcp\n")
    step = Interface(name="eth0", method="dhcp", ipv6=False)
    assert not all(finding.ok for finding in step.check(guest))
    step.apply(guest)
    assert guest.read("/etc/network/interfaces.d/eth0") == "allow-hotplug eth0\niface eth0 inet dhcp\n"
    assert guest.read("/etc/network/interfaces") == (
        "auto lo\niface lo inet loopback\n\nsource /etc/network/interfaces.d/*\n"
    )
    assert guest.read("/etc/network/interfaces.d/setup") == ""
    # What ifupdown itself reads from the files and would run.
    assert guest.query("ifquery --list --all") == "lo"
    assert guest.query("ifquery --list --allow hotplug") == "eth0"
    assert guest.query("ifup --no-act --force eth0 2>&1").count("dhclient -4") == 1
    assert guest.read("/etc/sysctl.d/60-golden-eth0.conf") == "net/ipv6/conf/eth0/disable_ipv6 = 1\n"
    assert all(finding.ok for finding in step.check(guest))

    step = Interface.model_validate(STATIC | {"gateway": "192.168.1.1", "dns": ["192.168.1.1", "fd00::53"]})
    step.apply(guest)
    assert {"address: 192.168.1.10", "netmask: 255.255.255.0", "gateway: 192.168.1.1"} < set(
        guest.query("ifquery eth0").splitlines()
    )
    assert guest.read("/etc/resolv.conf") == "nameserver 192.168.1.1\nnameserver fd00::53\n"
    assert not guest.exists("/etc/sysctl.d/60-golden-eth0.conf")
    assert all(finding.ok for finding in step.check(guest))


def test_what_was_spoilt_is_found(folder_debian: Guest) -> None:
    guest = folder_debian
    step = Interface.model_validate(STATIC | {"dns": ["192.168.1.1"]})
    step.apply(guest)
    guest.truncate("/etc/resolv.conf")
    assert [finding.message for finding in step.check(guest) if not finding.ok] == [
        "/etc/resolv.conf does not have the recipe's settings for eth0"
    ]
    networkd = Interface(name="eth0", method="dhcp")
    guest.remove("/usr/sbin/ifup")
    networkd.apply(guest)
    assert all(finding.ok for finding in networkd.check(guest))
    assert not all(finding.ok for finding in step.check(guest))


def test_kept_paths() -> None:
    assert set(Interface.model_validate(STATIC | {"dns": ["192.168.1.1"]}).kept_paths()) == {
        "/etc/network/interfaces.d/eth0",
        "/etc/systemd/network/10-golden-eth0.network",
        "/etc/sysconfig/network-scripts/ifcfg-eth0",
        "/etc/NetworkManager/system-connections/eth0.nmconnection",
        "/etc/sysctl.d/60-golden-eth0.conf",
        "/etc/resolv.conf",
    }
