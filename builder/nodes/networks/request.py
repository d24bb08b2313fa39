"""The request for a new network, as the command line gives it, and the definition that it stands for. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from builder.errors import all_together
from builder.hypervisor.networks import Address, Definition
from builder.nodes.networks.environment import NetworkEnvironment
from builder.nodes.networks.problems import OPTIONS, NetworkProblem, find_problems

MODES = ("nat", "route", "isolated")
EXAMPLE = "192.168.150.1/24"


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """The options of `golden network create`.

    `modes` has the given ones of nat, route and isolated; none stands for nat. `dhcp` has ranges, FIRST-LAST.
    """

    name: str
    modes: tuple[str, ...] = ()
    address: str | None = None
    dhcp: tuple[str, ...] = ()
    bridge: str | None = None
    host_bridge: str | None = None
    domain: str | None = None

    @property
    def mode(self) -> str:
        if self.host_bridge is not None:
            return "bridge"
        return self.modes[0] if self.modes else "nat"


def check(request: NetworkRequest, environment: NetworkEnvironment) -> Definition:
    """The requested definition. Raises RequestError with all its problems."""
    problems = list(_find_option_conflicts(request))
    definition = _parse_request(request, problems)
    problems += find_problems(definition, environment)
    if problems:
        raise all_together([problem.error(OPTIONS) for problem in problems])
    return definition


def _find_option_conflicts(request: NetworkRequest) -> Iterator[NetworkProblem]:
    """Options that exclude or need each other."""
    modes = " ".join(f"--{mode}" for mode in request.modes)
    if request.host_bridge is not None:
        yield from _find_host_bridge_conflicts(request, modes)
        return
    if len(request.modes) > 1:
        yield NetworkProblem("mode", modes, "a network has only one mode", hint="give one of them, or none for --nat")
    if request.address is not None:
        return
    if request.dhcp:
        yield NetworkProblem(
            "dhcp",
            ",".join(request.dhcp),
            "DHCP needs a subnet",
            "the host needs an address in it to serve DHCP",
            f"add --address, such as --address {EXAMPLE}",
        )
    if request.mode != "isolated":
        yield NetworkProblem(
            "mode",
            f"--{request.mode}",
            "the network needs an address",
            "the host is the gateway of its guests",
            f"add --address, such as --address {EXAMPLE}, or --isolated",
        )


def _find_host_bridge_conflicts(request: NetworkRequest, modes: str) -> Iterator[NetworkProblem]:
    options = {
        modes: request.modes,
        f"--bridge {request.bridge}": request.bridge,
        f"--address {request.address}": request.address,
        f"--dhcp {','.join(request.dhcp)}": request.dhcp,
        f"--domain {request.domain}": request.domain,
    }
    for option, value in options.items():
        if value:
            yield NetworkProblem(
                "mode",
                option,
                "cannot be combined with --host-bridge",
                "libvirt adds nothing to a host bridge; the host provides addresses, DHCP and routing",
                f"leave out either this option or --host-bridge {request.host_bridge}",
            )


def _parse_request(request: NetworkRequest, problems: list[NetworkProblem]) -> Definition:
    """The definition without its invalid parts, which are added to `problems`."""
    mode = request.mode
    # With --host-bridge, each of the other options is a problem already.
    host_bridge = mode == "bridge"
    own = _parse_address(request.address, problems) if request.address is not None and not host_bridge else None
    ranges = [] if host_bridge else [_parse_range(text, problems) for text in request.dhcp]
    return Definition(
        name=request.name,
        bridge=request.host_bridge if host_bridge else request.bridge,
        forward=None if mode == "isolated" else mode,
        addresses=(own,) if own else (),
        ranges=tuple(each for each in ranges if each),
        domain=None if host_bridge else request.domain,
    )


def _parse_address(text: str, problems: list[NetworkProblem]) -> ipaddress.IPv4Interface | None:
    address, slash, _ = text.partition("/")
    try:
        own = ipaddress.IPv4Interface(text)
    except ValueError as error:
        hint = (
            "create the network with IPv4, then run `golden network edit` to add IPv6"
            if ":" in address
            else f"write an address such as {EXAMPLE}"
        )
        problems.append(NetworkProblem("address", text, "not an IPv4 address with a prefix length", str(error), hint))
        return None
    if not slash:
        problems.append(
            NetworkProblem(
                "address", text, "the prefix length is missing", "it sets the size of the subnet", f"write {own.ip}/24"
            )
        )
        return None
    return own


def _parse_range(text: str, problems: list[NetworkProblem]) -> tuple[Address, Address] | None:
    first, _, last = text.partition("-")
    try:
        return ipaddress.IPv4Address(first.strip()), ipaddress.IPv4Address(last.strip())
    except ValueError as error:
        problems.append(
            NetworkProblem(
                "dhcp",
                text,
                "not a range of IPv4 addresses",
                str(error),
                "write FIRST-LAST, such as 192.168.150.100-192.168.150.200",
            )
        )
        return None
