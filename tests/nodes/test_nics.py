"""Parsing `--nic`: any text is an interface or an error."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import RequestError
from builder.nodes.identity.nics import MODELS, PREFIX, Nic, new_mac, parse_nic

WORD = st.sampled_from(
    ["network", "bridge", "mac", "model", "user", "=", ",", "default", "52:54:00:12:34:56", "e1000", "", "<a/>", "é"]
)


@pytest.mark.parametrize(
    ("text", "nic"),
    [
        ("network=default", Nic("network", "default")),
        ("bridge=br0,model=e1000", Nic("bridge", "br0", "e1000")),
        ("mac=52:54:00:AA:BB:CC,network=lan.1", Nic("network", "lan.1", "virtio", "52:54:00:aa:bb:cc")),
        ("user,model=rtl8139", Nic("user", "", "rtl8139")),
    ],
)
def test_valid_interfaces(text: str, nic: Nic) -> None:
    assert parse_nic(text) == nic


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "unknown interface option ''"),
        ("default", "unknown interface option 'default'"),
        ("netwrk=default", 'did you mean "network"?'),
        ("network=", "network needs a value"),
        ("network", "network needs a value"),
        ("network=a,bridge=b", "either network=NAME or bridge=NAME"),
        ("user,network=a", "either network=NAME or bridge=NAME"),
        ("model=virtio", "either network=NAME or bridge=NAME"),
        ("network=a,network=b", "network is given twice"),
        ("network=a,mac=52:54:00:12:34", "invalid MAC address 52:54:00:12:34"),
        ("network=a,mac=53:54:00:12:34:56", "is a multicast address"),
        ("network=a,model=virtoi", 'unknown interface model virtoi; did you mean "virtio"?'),
    ],
)
def test_invalid_interfaces(text: str, message: str) -> None:
    with pytest.raises(RequestError) as error:
        parse_nic(text)
    assert message in str(error.value)


@given(st.text() | st.lists(WORD).map("".join))
def test_any_text_is_an_interface_or_an_error(text: str) -> None:
    try:
        nic = parse_nic(text)
    except RequestError:
        return
    assert nic.model in MODELS
    assert bool(nic.source) == (nic.kind != "user")
    assert nic.mac is None or re.fullmatch("[0-9a-f]{2}(:[0-9a-f]{2}){5}", nic.mac)


def test_a_new_mac_address_is_free() -> None:
    taken: set[str] = set()
    for _ in range(500):
        taken.add(new_mac(taken))
    assert len(taken) == 500
    assert all(mac.startswith(PREFIX) for mac in taken)
