"""Requests for networks, their problems, and their XML."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import libvirt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder import process
from builder.errors import RequestError
from builder.hypervisor.networks import Definition, parse_definition
from builder.hypervisor.xml import ILLEGAL
from builder.nodes.networks.environment import HostNetworks, NetworkEnvironment, parse_host
from builder.nodes.networks.problems import DOMAIN, INTERFACE, NAME, find_problems, suggest_range
from builder.nodes.networks.request import NetworkRequest, check
from builder.nodes.networks.users import NetworkUser

DEFAULT = Definition("default", "virbr0", "nat", (ipaddress.ip_interface("192.168.122.1/24"),), ())
LAN = Definition("lan", "br0", "bridge", (), ())
HOST = HostNetworks(
    interfaces=frozenset({"lo", "eth0", "br0", "virbr0"}),
    bridges=frozenset({"br0", "virbr0"}),
    subnets=((ipaddress.ip_network("192.0.2.0/24"), "eth0"), (ipaddress.ip_network("172.16.0.0/12"), "wg0")),
)
ENVIRONMENT = NetworkEnvironment((DEFAULT, LAN), HOST)
FULL = NetworkRequest(
    name="vbr",
    modes=("nat",),
    address="192.168.1.254/24",
    dhcp=("192.168.1.10-192.168.1.20", "192.168.1.100-192.168.1.200"),
    bridge="virbr7",
    domain="lab.example.org",
)
BIG = ipaddress.ip_network("10.0.0.0/8")
MINIMAL = NetworkRequest("vbr", address="10.0.0.1/24")


def test_the_golden_file() -> None:
    """Apart from white space, the XML equals network.xml."""
    rendered = check(FULL, ENVIRONMENT).to_xml()
    golden = Path(__file__).with_name("network.xml").read_text()
    assert ElementTree.canonicalize(rendered, strip_text=True) == ElementTree.canonicalize(golden, strip_text=True)


@pytest.mark.parametrize(
    ("given", "mode", "found"),
    [
        ({"address": "10.0.0.1/24"}, "nat", {"name", "forward", "ip"}),
        ({"address": "10.0.0.1/24", "modes": ("route",)}, "route", {"name", "forward", "ip"}),
        ({"address": "10.0.0.1/24", "modes": ("isolated",)}, "isolated", {"name", "ip"}),
        ({"modes": ("isolated",), "bridge": "lonely"}, "isolated", {"name", "bridge"}),
        ({"host_bridge": "br0"}, "bridge", {"name", "forward", "bridge"}),
    ],
)
def test_modes(given: dict[str, Any], mode: str, found: set[str]) -> None:
    definition = check(NetworkRequest("vbr", **given), ENVIRONMENT)
    assert definition.mode == mode
    assert {element.tag for element in ElementTree.fromstring(definition.to_xml())} == found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"name": "a/b"},
            "NAME a/b: invalid network name\n"
            "  allowed: letters, digits, _ and, after the first character, . + -; at most 63 characters",
        ),
        (
            {"name": "default"},
            "NAME default: the name is taken\n  a network named default exists\n"
            "hint: choose another name, or run `golden network remove default` first",
        ),
        (
            {"modes": ("nat", "route")},
            "--nat --route: a network has only one mode\nhint: give one of them, or none for --nat",
        ),
        (
            {"address": None},
            "--nat: the network needs an address\n  the host is the gateway of its guests\n"
            "hint: add --address, such as --address 192.168.150.1/24, or --isolated",
        ),
        (
            {"address": None, "modes": ("isolated",), "dhcp": ("10.0.0.2-10.0.0.9",)},
            "--dhcp 10.0.0.2-10.0.0.9: DHCP needs a subnet\n  the host needs an address in it to serve DHCP\n"
            "hint: add --address, such as --address 192.168.150.1/24",
        ),
        (
            {"address": "10.0.0.1"},
            "--address 10.0.0.1: the prefix length is missing\n"
            "  it sets the size of the subnet\nhint: write 10.0.0.1/24",
        ),
        (
            {"address": "10.0.0.256/24"},
            "--address 10.0.0.256/24: not an IPv4 address with a prefix length\n"
            "  Octet 256 (> 255) not permitted in '10.0.0.256'\nhint: write an address such as 192.168.150.1/24",
        ),
        (
            {"address": "fd00::1/64"},
            "--address fd00::1/64: not an IPv4 address with a prefix length\n"
            "  Expected 4 octets in 'fd00::1'\n"
            "hint: create the network with IPv4, then run `golden network edit` to add IPv6",
        ),
        (
            {"address": "10.0.0.0/24"},
            "--address 10.0.0.0/24: 10.0.0.0 cannot be a host's address\n"
            "  it is the network address of 10.0.0.0/24\nhint: write 10.0.0.1/24",
        ),
        (
            {"address": "10.0.1.255/23"},
            "--address 10.0.1.255/23: 10.0.1.255 cannot be a host's address\n"
            "  it is the broadcast address of 10.0.0.0/23\nhint: write 10.0.0.1/23",
        ),
        (
            {"address": "239.0.0.1/24"},
            "--address 239.0.0.1/24: 239.0.0.1 cannot be a host's address\n  it is reserved for other uses\n"
            "hint: write an address such as 192.168.150.1/24",
        ),
        (
            {"address": "10.0.0.1/31"},
            "--address 10.0.0.1/31: the subnet 10.0.0.0/31 is too small\n"
            "  it has no room for guests and DHCP\nhint: write 10.0.0.1/24",
        ),
        (
            {"address": "10.0.0.1/7"},
            "--address 10.0.0.1/7: the subnet 10.0.0.0/7 is too large\n"
            "  it would leave no addresses for other networks\nhint: write 10.0.0.1/24",
        ),
        (
            {"address": "192.168.122.254/25"},
            "--address 192.168.122.254/25: the subnet 192.168.122.128/25 is taken\n"
            "  the network default has 192.168.122.0/24\nhint: choose another subnet",
        ),
        (
            {"address": "192.0.3.1/20"},
            "--address 192.0.3.1/20: the subnet 192.0.0.0/20 is taken\n"
            "  this host reaches 192.0.2.0/24 via eth0\nhint: choose another subnet",
        ),
        (
            {"address": "172.17.0.1/16"},
            "--address 172.17.0.1/16: the subnet 172.17.0.0/16 is taken\n"
            "  this host reaches 172.16.0.0/12 via wg0\nhint: choose another subnet",
        ),
        (
            {"dhcp": ("10.0.0.100",)},
            "--dhcp 10.0.0.100: not a range of IPv4 addresses\n  Address cannot be empty\n"
            "hint: write FIRST-LAST, such as 192.168.150.100-192.168.150.200",
        ),
        (
            {"dhcp": ("10.0.0.200-10.0.0.100",)},
            "--dhcp 10.0.0.200-10.0.0.100: the range ends before it begins\n"
            "  10.0.0.100 comes before 10.0.0.200\nhint: write 10.0.0.100-10.0.0.200",
        ),
        (
            {"dhcp": ("10.0.0.200-10.0.1.10",)},
            "--dhcp 10.0.0.200-10.0.1.10: the range is not within the subnet 10.0.0.0/24\n"
            "hint: write a range such as 10.0.0.2-10.0.0.254",
        ),
        (
            {"address": "10.0.0.254/24", "dhcp": ("10.0.5.1-10.0.5.2",)},
            "--dhcp 10.0.5.1-10.0.5.2: the range is not within the subnet 10.0.0.0/24\n"
            "hint: write a range such as 10.0.0.1-10.0.0.253",
        ),
        (
            {"dhcp": ("10.0.0.1-10.0.0.9",)},
            "--dhcp 10.0.0.1-10.0.0.9: the range contains the host's own address\n  that is 10.0.0.1\n"
            "hint: leave it out of the range",
        ),
        (
            {"address": "10.0.0.9/24", "dhcp": ("10.0.0.0-10.0.0.8",)},
            "--dhcp 10.0.0.0-10.0.0.8: 10.0.0.0 cannot be a guest's address\n"
            "  it is the network address of 10.0.0.0/24",
        ),
        (
            {"dhcp": ("10.0.0.2-10.0.0.255",)},
            "--dhcp 10.0.0.2-10.0.0.255: 10.0.0.255 cannot be a guest's address\n"
            "  it is the broadcast address of 10.0.0.0/24",
        ),
        (
            {"address": "10.0.0.1/8", "dhcp": ("10.0.1.0-10.1.0.255",)},
            "--dhcp 10.0.1.0-10.1.0.255: the range is too large\n"
            "  libvirt requires that both ends have the same first two numbers\nhint: split it into several ranges",
        ),
        (
            {"dhcp": ("10.0.0.2-10.0.0.9", "10.0.0.9-10.0.0.20")},
            "--dhcp 10.0.0.9-10.0.0.20: the ranges overlap\n  10.0.0.2-10.0.0.9 has some of the same addresses\n"
            "hint: put each address into one range only",
        ),
        (
            {"bridge": "a-very-long-bridge"},
            "--bridge a-very-long-bridge: invalid bridge name\n"
            "  allowed: letters, digits, _ - and, after the first character, dots; at most 15 characters\n"
            "hint: write a name such as virbr7",
        ),
        (
            {"bridge": "virbr0"},
            "--bridge virbr0: the bridge is taken\n  the network default uses it\n"
            "hint: choose another name, or leave --bridge out: libvirt then chooses one",
        ),
        (
            {"bridge": "eth0"},
            "--bridge eth0: cannot create the bridge\n  this host has an interface named eth0\n"
            "hint: choose another name; to use an existing bridge, use --host-bridge eth0",
        ),
        (
            {"address": None, "host_bridge": "br1"},
            "--host-bridge br1: no such bridge\n  this host has br0, virbr0\nhint: run `ip link add br1 type bridge`",
        ),
        (
            {"address": None, "host_bridge": "virbr0"},
            "--host-bridge virbr0: not a bridge of the host\n  libvirt creates it for the network default\n"
            "hint: use the network default instead",
        ),
        (
            {"address": None, "host_bridge": "br0", "modes": ("nat",)},
            "--nat: cannot be combined with --host-bridge\n"
            "  libvirt adds nothing to a host bridge; the host provides addresses, DHCP and routing\n"
            "hint: leave out either this option or --host-bridge br0",
        ),
        (
            {"domain": "-lab.example"},
            "--domain -lab.example: invalid DNS domain\n"
            "  allowed: labels of letters, digits and inner hyphens, at most 63 characters each, separated by dots\n"
            "hint: write a domain such as lab.example.org",
        ),
    ],
)
def test_every_problem(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError) as refused:
        check(replace(MINIMAL, **changes), ENVIRONMENT)
    assert str(refused.value) == message


def test_all_problems_at_once() -> None:
    wrong = NetworkRequest(
        name="",
        modes=("route", "isolated"),
        address="192.168.122.0/24",
        dhcp=("10.0.0.9-10.0.0.1", "x"),
        bridge="virbr0",
        domain="..",
    )
    with pytest.raises(RequestError) as refused:
        check(wrong, ENVIRONMENT)
    lines = [line for line in str(refused.value).splitlines() if not line.startswith(("  ", "hint: "))]
    assert [line.partition(":")[0] for line in lines] == [
        "--route --isolated",
        "--dhcp x",
        "NAME",
        "--bridge virbr0",
        "--domain ..",
        "--address 192.168.122.0/24",
        "--dhcp 10.0.0.9-10.0.0.1",
    ]
    with pytest.raises(RequestError) as refused:
        check(replace(FULL, host_bridge="br0"), ENVIRONMENT)
    assert str(refused.value).count("cannot be combined with --host-bridge") == 5


def test_a_remote_host_s_interfaces_are_unknown() -> None:
    remote = NetworkEnvironment((DEFAULT,))
    check(replace(MINIMAL, address="192.0.2.1/24", bridge="eth0"), remote)
    check(NetworkRequest("vbr", host_bridge="br1"), remote)
    with pytest.raises(RequestError, match="the network default has"):
        check(replace(MINIMAL, address="192.168.122.9/24"), remote)


def test_parse_the_output_of_ip() -> None:
    addresses: list[dict[str, Any]] = [
        {},
        {
            "ifname": "eth0",
            "addr_info": [{"local": "192.0.2.2", "prefixlen": 24}, {"local": "fe80::1", "prefixlen": 64}],
        },
        {
            "ifname": "br0",
            "addr_info": [{"local": "10.1.0.1", "prefixlen": 16}, {}],
            "linkinfo": {"info_kind": "bridge"},
        },
        {
            "ifname": "virbr0",
            "addr_info": [{"local": "10.2.0.1", "prefixlen": 24}],
            "linkinfo": {"info_kind": "bridge"},
        },
    ]
    routes: list[dict[str, Any]] = [
        {"dst": "default", "dev": "eth0"},
        {"dst": "10.2.0.0/24", "dev": "virbr0"},
        {"dst": "198.51.100.7", "dev": "eth0"},
        {"type": "blackhole", "dst": "203.0.113.0/24"},
        {"dst": "fd00::/64", "dev": "eth0"},
        {},
    ]
    host = parse_host(addresses, routes, frozenset({"virbr0"}))
    assert host.interfaces == {"eth0", "br0", "virbr0"}
    assert host.bridges == {"br0", "virbr0"}
    assert [(str(subnet), by) for subnet, by in host.subnets] == [
        ("192.0.2.0/24", "eth0"),
        ("10.1.0.0/16", "br0"),
        ("198.51.100.7/32", "eth0"),
        ("203.0.113.0/24", "a route"),
        ("fd00::/64", "eth0"),
    ]


def test_this_host() -> None:
    addresses, routes = (json.loads(process.run(["ip", "-json", *words])) for words in (["address"], ["route"]))
    host = parse_host(addresses, routes, frozenset())
    assert "lo" in host.interfaces
    assert (ipaddress.ip_network("127.0.0.0/8"), "lo") in host.subnets


def test_users_of_a_network() -> None:
    by_name = NetworkUser("a", False, frozenset({"default"}), frozenset())
    by_bridge = NetworkUser("b", False, frozenset(), frozenset({"virbr0", "br0"}))
    assert by_name.uses(DEFAULT)
    assert by_bridge.uses(DEFAULT)
    assert not by_name.uses(LAN)
    assert not by_bridge.uses(LAN), "a host bridge belongs to no libvirt network"
    assert not by_name.uses(replace(DEFAULT, name="other", bridge=None))


# --- any input -----------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"))).filter(lambda text: not ILLEGAL.search(text))
EVIL = TEXT | st.sampled_from(["<x/>", "</name>", "]]>", "&amp;", '"/><x a="', "'", "{{ 7 }}", "{% for %}", "<!--"])


@given(name=EVIL, domain=EVIL, bridge=EVIL)
def test_any_text_stays_text(name: str, domain: str, bridge: str) -> None:
    definition = replace(check(FULL, ENVIRONMENT), name=name, domain=domain or None, bridge=bridge or None)
    xml = definition.to_xml()
    tags = [element.tag for element in ElementTree.fromstring(xml).iter()]
    expected = ["network", "name", "forward", "bridge", "domain", "ip", "dhcp", "range", "range"]
    left_out = {tag for tag, text in (("bridge", bridge), ("domain", domain)) if not text}
    assert tags == [tag for tag in expected if tag not in left_out]
    assert parse_definition(xml) == definition


@given(name=st.text() | st.from_regex(NAME), bridge=st.text() | st.from_regex(INTERFACE), domain=st.text())
def test_accepted_names_are_harmless(name: str, bridge: str, domain: str) -> None:
    """As file names, interface names and option values."""
    definition = Definition(name, bridge, "nat", (), (), domain=domain)
    wrong = {problem.part for problem in find_problems(definition, NetworkEnvironment())}
    for part, text, longest in (("name", name, 63), ("bridge", bridge, 15), ("domain", domain, 253)):
        if part not in wrong:
            assert text.isascii()
            assert text.isprintable()
            assert 0 < len(text) <= longest
            assert not set(text) & set("/ ,%\"'<>&")
            assert text not in (".", "..")


@st.composite
def subnets(draw: st.DrawFn) -> ipaddress.IPv4Interface:
    """The host's own address in a random subnet of 10.0.0.0/12, so that two often overlap."""
    prefix = draw(st.integers(12, 30))
    room = 1 << (32 - prefix)
    start = int(ipaddress.IPv4Address("10.0.0.0")) + room * draw(st.integers(0, (1 << (prefix - 12)) - 1))
    return ipaddress.IPv4Interface((start + draw(st.integers(1, room - 2)), prefix))


def span(own: ipaddress.IPv4Interface) -> tuple[int, int]:
    low = int(own.ip) >> (32 - own.network.prefixlen) << (32 - own.network.prefixlen)
    return low, low + (1 << (32 - own.network.prefixlen)) - 1


@given(one=subnets(), other=subnets())
def test_two_networks_conflict_only_if_they_overlap(
    one: ipaddress.IPv4Interface, other: ipaddress.IPv4Interface
) -> None:
    first = check(replace(MINIMAL, address=str(one)), ENVIRONMENT)
    second = replace(MINIMAL, name="second", address=str(other))
    (low, high), (bottom, top) = span(one), span(other)
    if high < bottom or top < low:
        check(second, NetworkEnvironment((first,)))
    else:
        with pytest.raises(RequestError, match="the network vbr has"):
            check(second, NetworkEnvironment((first,)))


@given(own=st.integers(1, 30), ends=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=3))
def test_ranges_are_valid_if_each_address_is_a_guest_s_in_one_range(own: int, ends: list[tuple[int, int]]) -> None:
    base = ipaddress.IPv4Address("10.0.0.0")
    request = replace(
        MINIMAL, address=f"{base + own}/27", dhcp=tuple(f"{base + first}-{base + last}" for first, last in ends)
    )
    given = [number for first, last in ends for number in range(first, last + 1)]
    right = (
        all(first <= last for first, last in ends)
        and len(given) == len(set(given))
        and all(0 < number < 31 and number != own for number in given)
    )
    if right:
        assert len(check(request, ENVIRONMENT).ranges) == len(ends)
    else:
        with pytest.raises(RequestError, match="--dhcp "):
            check(request, ENVIRONMENT)


# --- libvirt accepts it ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    """libvirt's test driver. It validates XML against the schema, and has a network `default`."""
    connection = libvirt.open("test:///default")
    yield connection
    connection.close()


def define(driver: Any, definition: Definition) -> Definition:
    """Define it, and return the definition that libvirt keeps."""
    network = driver.networkDefineXMLFlags(definition.to_xml(), libvirt.VIR_NETWORK_DEFINE_VALIDATE)
    try:
        return parse_definition(network.XMLDesc())
    finally:
        network.undefine()


def test_libvirt_accepts_the_golden_file(driver: Any) -> None:
    definition = check(FULL, ENVIRONMENT)
    kept = define(driver, definition)
    assert kept.uuid
    assert replace(kept, uuid=None) == definition


@settings(deadline=None)
@given(
    name=st.from_regex(NAME, fullmatch=True).filter(lambda name: name != "default"),
    own=subnets(),
    domain=st.none() | st.from_regex(DOMAIN, fullmatch=True),
    bridge=st.from_regex(INTERFACE, fullmatch=True),
    modes=st.sampled_from([("nat",), ("route",), ("isolated",)]),
)
def test_libvirt_accepts_valid_definitions(
    driver: Any, name: str, own: ipaddress.IPv4Interface, domain: str | None, bridge: str, modes: tuple[str, ...]
) -> None:
    request = NetworkRequest(name=name, modes=modes, address=str(own), domain=domain, bridge=bridge)
    try:
        definition = check(request, ENVIRONMENT)
    except RequestError:
        return  # a bridge that is taken
    assert replace(define(driver, definition), uuid=None) == definition


@given(
    own=st.integers(1, 1 << 18).map(lambda number: ipaddress.IPv4Interface((int(BIG[0]) + number, 8))),
    ends=st.tuples(*[st.integers(1, 1 << 18).map(lambda number: BIG[number])] * 2).map(sorted),
)
@settings(deadline=None)
def test_libvirt_agrees_about_range_sizes(
    driver: Any, own: ipaddress.IPv4Interface, ends: list[ipaddress.IPv4Address]
) -> None:
    """It accepts the ranges that golden accepts, and rejects those that golden calls too large."""
    definition = Definition("vbr", None, "nat", (own,), ((ends[0], ends[1]),))
    problems = {problem.message for problem in find_problems(definition, NetworkEnvironment())}
    if "the range is too large" in problems:
        with pytest.raises(libvirt.libvirtError, match="too large"):
            define(driver, definition)
    else:
        assert define(driver, definition).ranges == definition.ranges


@given(own=subnets())
@settings(deadline=None)
def test_a_suggested_range_is_valid(driver: Any, own: ipaddress.IPv4Interface) -> None:
    request = replace(MINIMAL, address=str(own), dhcp=(suggest_range((own,)),))
    assert define(driver, check(request, ENVIRONMENT)).ranges
