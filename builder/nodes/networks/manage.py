"""Creating, changing and removing networks. Each function either succeeds or changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from xml.etree import ElementTree

from builder.errors import HypervisorError, InUseError, RequestError, all_together
from builder.hypervisor.calls import none_if_gone
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.networks import Definition, Network, parse_definition
from builder.nodes.identity.names import natural_key
from builder.nodes.networks.environment import read_environment
from builder.nodes.networks.problems import ELEMENTS, find_problems
from builder.nodes.networks.request import NetworkRequest, check
from builder.nodes.networks.users import NetworkUser, list_network_users


@dataclass(frozen=True, slots=True)
class NetworkDescription:
    """A network, its state, and the domains that use it."""

    definition: Definition
    active: bool
    autostart: bool
    users: tuple[NetworkUser, ...]


def check_networks(hypervisor: Hypervisor) -> None:
    """Raises RequestError if the hypervisor has no libvirt networks."""
    if hypervisor.user_network_only:
        raise RequestError(
            f"{hypervisor.uri} has no libvirt networks",
            details="under libvirt's embedded and session drivers, nodes use QEMU's user-mode network",
            hint="use --connect qemu:///system",
        )


def describe_all(hypervisor: Hypervisor) -> list[NetworkDescription]:
    """All networks, sorted by name; skips a network that vanishes meanwhile. Raises HypervisorError."""
    users = list_network_users(hypervisor)
    found = [none_if_gone(partial(describe, network, users)) for network in hypervisor.networks()]
    return sorted((each for each in found if each), key=lambda each: natural_key(each.definition.name))


def describe(network: Network, users: list[NetworkUser]) -> NetworkDescription:
    """Describe a network; `users` are all domains. Raises HypervisorError."""
    definition = network.definition()
    own_users = tuple(user for user in users if user.uses(definition))
    return NetworkDescription(definition, network.active, network.autostart, own_users)


def create(request: NetworkRequest, hypervisor: Hypervisor, *, start: bool, autostart: bool) -> Network:
    """Define a network and start it; if either fails, nothing is left. Raises RequestError, HypervisorError."""
    definition = check(request, read_environment(hypervisor))
    network = hypervisor.define_network(definition.to_xml())
    with _removed_on_error(network):
        if start:
            network.start()
        network.set_autostart(autostart)
    return network


@contextmanager
def _removed_on_error(network: Network) -> Iterator[None]:
    """Remove a newly defined network if the body fails."""
    try:
        yield
    except BaseException:
        with suppress(HypervisorError):
            network.stop()
        with suppress(HypervisorError):
            network.undefine()
        raise


def stop(network: Network, hypervisor: Hypervisor) -> None:
    """Stop a network. Raises InUseError if running domains use it."""
    _require_no_running_users(network, hypervisor)
    network.stop()


def check_unused(network: Network, hypervisor: Hypervisor, *, force: bool) -> None:
    """Raises InUseError if running domains use the network, or, without `force`, any domain does."""
    using = _require_no_running_users(network, hypervisor)
    if using and not force:
        raise InUseError(
            f"the network {network.name} is in use by {_names(using)}",
            details="these domains are shut off; without the network they cannot start",
            hint="remove them first, or add --force",
        )


def remove(network: Network) -> None:
    """Stop and undefine a network. A bridge that libvirt did not create stays."""
    network.stop()
    network.undefine()


def _require_no_running_users(network: Network, hypervisor: Hypervisor) -> list[NetworkUser]:
    """The domains that use a network. Raises InUseError if one of them is running."""
    definition = network.definition()
    using = [user for user in list_network_users(hypervisor) if user.uses(definition)]
    if running := [user for user in using if user.running]:
        raise InUseError(
            f"the network {network.name} is in use by {_names(running)}",
            details="these domains are running and would lose their connection",
            hint="shut them down first",
        )
    return using


def _names(using: list[NetworkUser]) -> str:
    return ", ".join(user.name for user in using)


def redefine(network: Network, before: str, after: str, hypervisor: Hypervisor) -> None:
    """Redefine a network as `after`; `before` is the XML that the user started from. Raises RequestError."""
    new, old = _parse(after), parse_definition(before)
    for part, required, given in (("name", old.name, new.name), ("uuid", old.uuid, new.uuid)):
        if given != required:
            raise RequestError(
                f"must stay {required}",
                where=f"<{part}> {given or ''}".strip(),
                hint="undo this change, or use `golden network create` for another network",
            )
    environment = read_environment(hypervisor, old)
    old_problems = set(find_problems(old, environment))
    if problems := [each for each in find_problems(new, environment) if each not in old_problems]:
        raise all_together([each.error(ELEMENTS) for each in problems])
    if network.xml() != before:
        raise RequestError(
            f"somebody else changed the network {old.name} while you edited it",
            hint="start the edit again, from the new definition",
        )
    try:
        hypervisor.define_network(after)
    except HypervisorError as error:
        raise RequestError("libvirt rejects this XML", details=error.details, hint=error.hint) from error


def _parse(text: str) -> Definition:
    try:
        return parse_definition(text)
    except ElementTree.ParseError as error:
        line, column = error.position
        raise RequestError(
            "the edited text is not well-formed XML", where=f"{line}:{column + 1}", details=str(error)
        ) from error
    except ValueError as error:
        raise RequestError("the edited XML contains an invalid address", details=str(error)) from error
