from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from builder.guest.guest import Guest
from builder.steps.sysctl import FILE, Sysctl, as_name, as_path, parse


def test_shapes() -> None:
    step = Sysctl.model_validate({"net.ipv4.ip_forward": 1, "kernel.core_pattern": "|/bin/false"})
    assert step.settings == {"net.ipv4.ip_forward": "1", "kernel.core_pattern": "|/bin/false"}
    assert step.title == "sysctl net.ipv4.ip_forward"
    assert Sysctl.model_validate({"settings": {"vm.swappiness": 10}}).settings == {"vm.swappiness": "10"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({}, "at least 1"),
        ("net.ipv4.ip_forward=1", "dict"),
        ({"swappiness": 1}, "the name of a kernel parameter"),
        ({"vm.swap piness": 1}, "the name of a kernel parameter"),
        ({"vm.x\ny.z": 1}, "the name of a kernel parameter"),
        ({"vm.swappiness": ""}, "one line of text"),
        ({"vm.swappiness": "1\nvm.x = 2"}, "one line of text"),
        ({"vm.swappiness": True}, "string"),
        ({"vm.swappiness": 1.5}, "string"),
    ],
)
def test_refused(value: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Sysctl.model_validate(value)


def test_names() -> None:
    for name, path, again in (
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward", "net.ipv4.ip_forward"),
        ("net/ipv4/ip_forward", "net/ipv4/ip_forward", "net.ipv4.ip_forward"),
        ("net.ipv4.conf.eth0/7.rp_filter", "net/ipv4/conf/eth0.7/rp_filter", "net/ipv4/conf/eth0.7/rp_filter"),
    ):
        assert as_path(name) == path
        assert as_name(path) == again


def test_parse() -> None:
    text = "# vm.a = 1\n; vm.b=2\n vm.c =3 \n-net/x=  4 5\nvm.c=6\nnothing\n=7\nkernel.d = a=b\n"
    assert parse(text) == {"vm/c": "6", "net/x": "4 5", "kernel/d": "a=b"}


def test_sysctl(folder_debian: Guest) -> None:
    guest = folder_debian
    step = Sysctl.model_validate({"net.ipv4.ip_forward": 1, "net.ipv4.ip_local_port_range": "1024 65535"})
    assert [finding.message for finding in step.check(guest)] == [
        "net/ipv4/ip_forward is not set in any file (expected 1)",
        "net/ipv4/ip_local_port_range is not set in any file (expected 1024 65535)",
    ]
    step.apply(guest)
    assert all(finding.ok for finding in step.check(guest))
    Sysctl.model_validate({"vm.swappiness": 10, "net/ipv4/ip_forward": 0}).apply(guest)
    assert guest.read(FILE) == (
        "net.ipv4.ip_forward = 0\nnet.ipv4.ip_local_port_range = 1024 65535\nvm.swappiness = 10\n"
    )
    stat = guest.find_stat(FILE)
    assert stat is not None
    assert (stat.mode, stat.uid, stat.gid) == (0o644, 0, 0)
    # systemd's own tool reads the file.
    guest.run("/usr/lib/systemd/systemd-sysctl --cat-config | grep -qx 'vm.swappiness = 10'")

    # The last file read wins, and a file in /etc hides the one of the same name in /usr.
    swap = Sysctl.model_validate({"vm.swappiness": 10})
    assert all(finding.ok for finding in swap.check(guest))
    guest.write("/usr/lib/sysctl.d/99-zz.conf", "vm.swappiness = 60\n")
    assert [(finding.ok, finding.message) for finding in swap.check(guest)] == [
        (False, "vm/swappiness is 60 in /usr/lib/sysctl.d/99-zz.conf (expected 10)")
    ]
    guest.link("/dev/null", "/etc/sysctl.d/99-zz.conf")
    assert all(finding.ok for finding in swap.check(guest))
