"""What is requested of a new network, in the words of the command line, and the definition that it stands for. Pure."""

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
    """`modes` are those of nat, route and isolated that are asked for; none stands for nat. `dhcp` has FIRST-LAST."""

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


def check(request: NetworkRequest, around: NetworkEnvironment) -> Definition:
    """The definition that is requested. Raises RequestError with all that is wrong with it."""
    problems = list(_options(request))
    definition = _read(request, problems)
    problems += find_problems(definition, around)
    if problems:
        raise all_together([problem.error(OPTIONS) for problem in problems])
    return definition


def _options(request: NetworkRequest) -> Iterator[NetworkProblem]:
    """Options that exclude or need each other."""
    said = " ".join(f"--{mode}" for mode in request.modes)
    if request.host_bridge is not None:
        yield from _beside_host_bridge(request, said)
        return
    if len(request.modes) > 1:
        yield NetworkProblem("mode", said, "a network is one of them", hint="name one, or none for --nat")
    if request.address is not None:
        return
    if request.dhcp:
        yield NetworkProblem(
            "dhcp",
            ",".join(request.dhcp),
            "DHCP needs a subnet",
            "the host that serves it has an address there",
            f"--address, such as {EXAMPLE}",
        )
    if request.mode != "isolated":
        yield NetworkProblem(
            "mode",
            f"--{request.mode}",
            "the network needs an address",
            "the host is the router of its guests",
            f"--address, such as {EXAMPLE}; or --isolated",
        )


def _beside_host_bridge(request: NetworkRequest, said: str) -> Iterator[NetworkProblem]:
    options = {
        said: request.modes,
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
                "cannot be beside --host-bridge",
                "libvirt adds nothing to a bridge of the host's: addresses, DHCP and routing are the host's own",
                f"leave it out, or leave out --host-bridge {request.host_bridge}",
            )


def _read(request: NetworkRequest, problems: list[NetworkProblem]) -> Definition:
    """The definition, without what cannot be read; that is added to the problems."""
    mode = request.mode
    # What is wrong beside --host-bridge is said already, once.
    plain = mode != "bridge"
    own = _read_address(request.address, problems) if plain and request.address is not None else None
    ranges = [_read_range(text, problems) for text in request.dhcp] if plain else []
    return Definition(
        name=request.name,
        bridge=request.bridge if plain else request.host_bridge,
        forward=None if mode == "isolated" else mode,
        addresses=(own,) if own else (),
        ranges=tuple(each for each in ranges if each),
        domain=request.domain if plain else None,
    )


def _read_address(text: str, problems: list[NetworkProblem]) -> ipaddress.IPv4Interface | None:
    address, slash, _ = text.partition("/")
    try:
        own = ipaddress.IPv4Interface(text)
    except ValueError as error:
        hint = "`golden network edit` adds IPv6" if ":" in address else f"such as {EXAMPLE}"
        problems.append(NetworkProblem("address", text, "no IPv4 address with a prefix length", str(error), hint))
        return None
    if not slash:
        problems.append(
            NetworkProblem(
                "address", text, "the prefix length is missing", "it says how large the subnet is", f"{own.ip}/24"
            )
        )
        return None
    return own


def _read_range(text: str, problems: list[NetworkProblem]) -> tuple[Address, Address] | None:
    first, _, last = text.partition("-")
    try:
        return ipaddress.IPv4Address(first.strip()), ipaddress.IPv4Address(last.strip())
    except ValueError as error:
        problems.append(
            NetworkProblem(
                "dhcp",
                text,
                "no range of IPv4 addresses",
                str(error),
                "FIRST-LAST, such as 192.168.150.100-192.168.150.200",
            )
        )
        return None
