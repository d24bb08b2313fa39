"""The seal: removal of everything that makes an image one particular machine.

Operations that are only paths stand in `removals`; those that need logic are modules of
`operations`. Both are found here, and named like virt-sysprep's where it has them.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from builder.errors import RequestError
from builder.events import OutputLine
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal import leaks, patterns, removals, tree
from builder.seal import operations as folder
from builder.seal.leaks import MachineIdentity, identify
from builder.seal.operation import Operation, some
from builder.seal.operations.script import ScriptOperation
from builder.seal.operations.user_account import UserAccountOperation

__all__ = ["MachineIdentity", "Operation", "check", "identify", "key", "registry", "seal", "select"]

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@functools.cache
def registry() -> dict[str, Operation]:
    """Every operation by its name, in the order in which they run.

    Raises TypeError for an operation that is not declared as one must be.
    """
    found: dict[str, Operation] = {}
    for operation in sorted(_declared(), key=lambda one: (one.last, one.name)):
        _check_declaration(operation, found)
        found[operation.name] = operation
    return found


def _declared() -> Iterator[Operation]:
    yield from removals.REMOVALS
    for module in pkgutil.iter_modules(folder.__path__):
        loaded = importlib.import_module(f"{folder.__name__}.{module.name}")
        yield from (value for value in vars(loaded).values() if isinstance(value, Operation))


def _check_declaration(operation: Operation, found: dict[str, Operation]) -> None:
    where = f"seal operation {operation.name!r}"
    if not NAME.fullmatch(operation.name):
        raise TypeError(f"{where}: the name is not kebab-case")
    if operation.name in found:
        raise TypeError(f"{where}: the name is taken")
    if not operation.heading.endswith(".") or "\n" in operation.heading:
        raise TypeError(f"{where}: needs a one-line heading that ends in a full stop")
    for pattern in operation.patterns + operation.spared:
        for spelled in patterns.spell_out(pattern):
            if not spelled.startswith(tuple(f"{root}/" for root in tree.ROOTS)):
                raise TypeError(f"{where}: {spelled} is outside of the folders that the seal reads")


def select(
    skip: Sequence[str] = (), also: Sequence[str] = (), *, keep_users: Sequence[str] = (), script: Path | None = None
) -> list[Operation]:
    """The operations of one seal, in their order: the default ones and `also`, without `skip`.

    `keep_users` stay when user-account is one of them; `script` is run, if there is one. Raises
    RequestError for an unknown name.
    """
    for name in [*skip, *also]:
        if name not in registry():
            raise RequestError(f"there is no seal operation {name}", hint="known are " + ", ".join(registry()))
    wanted = {*also, *(one.name for one in registry().values() if one.default), *(["script"] if script else [])}
    chosen = [one for one in registry().values() if one.name in wanted.difference(skip)]
    return [_with_options(one, tuple(keep_users), script) for one in chosen]


def _with_options(operation: Operation, keep_users: tuple[str, ...], script: Path | None) -> Operation:
    if isinstance(operation, UserAccountOperation):
        return dataclasses.replace(operation, keep=keep_users)
    return dataclasses.replace(operation, script=script) if isinstance(operation, ScriptOperation) else operation


def key(operations: Sequence[Operation]) -> Any:
    """What the seal's layer key must know of its operations, as JSON."""
    return [operation.key() for operation in operations]


def seal(guest: Guest, operations: Sequence[Operation], kept: frozenset[str]) -> None:
    """Remove from a guest, mounted for writing, what the operations name.

    The `kept` paths, put there by steps on purpose, are neither removed nor changed; nor are the
    folders that lead to them, but everything else in those goes. Raises GuestError.
    """
    before = tree.read(guest, kept)
    doomed: set[str] = set()
    filled: set[str] = set()
    for operation in operations:
        gone = operation.find_doomed(before)
        if gone:
            guest.emit(OutputLine(f"{operation.name}: {some(gone)}"))
        doomed |= gone
        filled |= operation.find_filled(before)
    after = before.without(doomed)
    tree.change(guest, removed=doomed, emptied={path for path in filled if path in after})
    for operation in sorted(operations, key=lambda one: one.last):
        operation.apply(guest, after)


def check(
    guest: Guest, operations: Sequence[Operation], kept: frozenset[str], identity: MachineIdentity | None = None
) -> Iterator[Finding]:
    """Prove from a sealed disk, mounted read-only or not, that no operation has left anything. Raises GuestError.

    `identity` is what the guest was before its seal; where that is no longer known, only what any
    machine's identity looks like is searched for.
    """
    now = tree.read(guest, kept)
    searched = {spelled for one in operations for pattern in one.patterns for spelled in patterns.spell_out(pattern)}
    for operation in operations:
        findings = [*operation.check(guest, now), *_find_unsealed(operation, now, searched)]
        yield from (Finding(finding.ok, f"{operation.name}: {finding.message}") for finding in findings)
    yield from leaks.find(guest, operations, identity or MachineIdentity(), now)


def _find_unsealed(operation: Operation, now: tree.GuestTree, searched: set[str]) -> Iterator[Finding]:
    """The folders of an operation that are links, which the seal does not follow.

    Well-known ones (/var/run is /run) are fine: the same pattern is searched under the real name.
    """
    found: dict[str, str] = {}
    for pattern in operation.patterns:
        for spelled in patterns.spell_out(pattern):
            folder_name = patterns.fixed_folder(spelled)
            detour = now.find_detour(folder_name)
            if detour and now.resolve(folder_name) + spelled.removeprefix(folder_name) not in searched:
                found.update([detour])
    for link, real in found.items():
        yield Finding(False, f"{link} is a link to {real}, and the seal follows none")
