"""Making, changing and removing networks; each refuses before anything is changed, or leaves all as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from xml.etree import ElementTree

from builder.errors import HypervisorError, InUseError, RequestError, all_together
from builder.hypervisor.calls import find
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.networks import Definition, Network, parse_definition
from builder.nodes.identity.names import natural_key
from builder.nodes.networks.environment import read_environment
from builder.nodes.networks.problems import ELEMENTS, find_problems
from builder.nodes.networks.request import NetworkRequest, check
from builder.nodes.networks.users import NetworkUser, list_network_users


@dataclass(frozen=True, slots=True)
class NetworkDescription:
    """A network and its state, with the domains that use it."""

    definition: Definition
    active: bool
    autostart: bool
    users: tuple[NetworkUser, ...]


def check_networks(hypervisor: Hypervisor) -> None:
    """Raises RequestError where the hypervisor has no networks."""
    if hypervisor.user_network_only:
        raise RequestError(
            f"{hypervisor.uri} has no networks",
            details="libvirt's embedded and session drivers give every node QEMU's user-mode network",
            hint="--connect qemu:///system has networks",
        )


def describe_all(hypervisor: Hypervisor) -> list[NetworkDescription]:
    """All networks, in the order of their names. Raises HypervisorError."""
    known = list_network_users(hypervisor)
    found = [find(describe, network, known) for network in hypervisor.networks()]
    return sorted((each for each in found if each), key=lambda each: natural_key(each.definition.name))


def describe(network: Network, known: list[NetworkUser]) -> NetworkDescription:
    """Raises HypervisorError."""
    definition = network.definition()
    using = tuple(user for user in known if user.uses(definition))
    return NetworkDescription(definition, network.active, network.autostart, using)


def create(request: NetworkRequest, hypervisor: Hypervisor, *, start: bool, autostart: bool) -> Network:
    """Define a network and start it; where either fails nothing is left. Raises RequestError, HypervisorError."""
    definition = check(request, read_environment(hypervisor))
    network = hypervisor.define_network(definition.to_xml())
    with _undone(network):
        if start:
            network.start()
        network.set_autostart(autostart)
    return network


@contextmanager
def _undone(network: Network) -> Iterator[None]:
    """What was just defined goes again when it cannot be finished."""
    try:
        yield
    except BaseException:
        with suppress(HypervisorError):
            network.stop()
        with suppress(HypervisorError):
            network.undefine()
        raise


def stop(network: Network, hypervisor: Hypervisor) -> None:
    """Raises InUseError while running domains are connected."""
    _refuse_running(network, hypervisor)
    network.stop()


def check_unused(network: Network, hypervisor: Hypervisor, *, force: bool) -> None:
    """Raises InUseError where running domains are connected, or, unless forced, any domain refers to it."""
    using = _refuse_running(network, hypervisor)
    if using and not force:
        raise InUseError(
            f"the network {network.name} is used by {_names(using)}",
            details="they are shut off, and could not be started again",
            hint="remove them first, or --force",
        )


def remove(network: Network) -> None:
    """Take it away and forget it. What libvirt did not make, such as a bridge of the host's, stays."""
    network.stop()
    network.undefine()


def _refuse_running(network: Network, hypervisor: Hypervisor) -> list[NetworkUser]:
    """The domains that use it, none of which runs. Raises InUseError."""
    definition = network.definition()
    using = [user for user in list_network_users(hypervisor) if user.uses(definition)]
    if running := [user for user in using if user.running]:
        raise InUseError(
            f"the network {network.name} is used by {_names(running)}",
            details="they run, and would be cut off",
            hint="stop them first",
        )
    return using


def _names(using: list[NetworkUser]) -> str:
    return ", ".join(user.name for user in using)


def redefine(network: Network, before: str, after: str, hypervisor: Hypervisor) -> None:
    """Define a network anew as XML that somebody wrote, `before` being what they started from. Raises RequestError."""
    wanted, known = _read(after), parse_definition(before)
    for part, old, new in (("name", known.name, wanted.name), ("uuid", known.uuid, wanted.uuid)):
        if new != old:
            raise RequestError(
                f"must stay {old}",
                where=f"<{part}> {new or ''}".strip(),
                hint="`golden network create` makes another one",
            )
    around = read_environment(hypervisor, known)
    already = set(find_problems(known, around))
    if problems := [each for each in find_problems(wanted, around) if each not in already]:
        raise all_together([each.error(ELEMENTS) for each in problems])
    if network.xml() != before:
        raise RequestError(
            f"the network {known.name} was changed by somebody else meanwhile", hint="edit what it is now"
        )
    try:
        hypervisor.define_network(after)
    except HypervisorError as error:
        raise RequestError("libvirt does not take it", details=error.details, hint=error.hint) from error


def _read(text: str) -> Definition:
    try:
        return parse_definition(text)
    except ElementTree.ParseError as error:
        line, column = error.position
        raise RequestError("not well-formed XML", where=f"{line}:{column + 1}", details=str(error)) from error
    except ValueError as error:
        raise RequestError("an address is none", details=str(error)) from error
