"""The seal: remove everything that makes an image one particular machine.

`removals` has the operations that only remove or empty files. Operations with code of their own are
modules of `operations`. An operation has virt-sysprep's name where virt-sysprep has the same one.
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

from builder.errors import RequestError, did_you_mean
from builder.events import OutputLine
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.seal import leaks, patterns, removals, tree
from builder.seal import operations as folder
from builder.seal.leaks import MachineIdentity, identify
from builder.seal.operation import Operation, shorten
from builder.seal.operations.script import ScriptOperation
from builder.seal.operations.user_account import UserAccountOperation

__all__ = ["MachineIdentity", "Operation", "check", "identify", "key", "registry", "seal", "select"]

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@functools.cache
def registry() -> dict[str, Operation]:
    """Return every operation by its name, in the order in which they run.

    Raises TypeError for an operation with an invalid declaration.
    """
    found: dict[str, Operation] = {}
    for operation in sorted(_declared(), key=lambda operation: (operation.last, operation.name)):
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
        raise TypeError(f"{where}: the name is already used")
    if not operation.heading.endswith(".") or "\n" in operation.heading:
        raise TypeError(f"{where}: needs a one-line heading that ends in a full stop")
    for pattern in operation.patterns + operation.spared:
        for spelled in patterns.spell_out(pattern):
            if not spelled.startswith(tuple(f"{root}/" for root in tree.ROOTS)):
                raise TypeError(f"{where}: {spelled} is outside the folders that the seal reads")


def select(
    skip: Sequence[str] = (), also: Sequence[str] = (), *, keep_users: Sequence[str] = (), script: Path | None = None
) -> list[Operation]:
    """Return the operations of a seal in their order: the default ones and `also`, without `skip`.

    user-account keeps the users in `keep_users`, and the operation script runs `script`. Raises
    RequestError for an unknown name.
    """
    for name in [*skip, *also]:
        if name not in registry():
            raise RequestError(
                f'unknown seal operation "{name}"{did_you_mean(name, registry())}',
                hint="run `golden seal` to list all operations",
            )
    wanted = {
        *also,
        *(operation.name for operation in registry().values() if operation.default),
        *(["script"] if script else []),
    }
    chosen = wanted.difference(skip)
    return [
        _with_options(operation, tuple(keep_users), script)
        for operation in registry().values()
        if operation.name in chosen
    ]


def _with_options(operation: Operation, keep_users: tuple[str, ...], script: Path | None) -> Operation:
    if isinstance(operation, UserAccountOperation):
        return dataclasses.replace(operation, keep=keep_users)
    return dataclasses.replace(operation, script=script) if isinstance(operation, ScriptOperation) else operation


def key(operations: Sequence[Operation]) -> Any:
    """Return what the operations contribute to the seal's layer key, as JSON data."""
    return [operation.key() for operation in operations]


def seal(guest: Guest, operations: Sequence[Operation], kept: frozenset[str]) -> None:
    """Run the operations on a guest that is mounted for writing. Raises GuestError.

    The `kept` paths, which steps wrote on purpose, are neither removed nor changed. Their parent
    folders stay too, but not what else these contain.
    """
    before = tree.read(guest, kept)
    removed: set[str] = set()
    emptied: set[str] = set()
    for operation in operations:
        paths = operation.paths_to_remove(before)
        if paths:
            guest.emit(OutputLine(f"{operation.name}: {shorten(paths)}"))
        removed |= paths
        emptied |= operation.files_to_empty(before)
    after = before.without(removed)
    tree.change(guest, removed=removed, emptied={path for path in emptied if path in after})
    for operation in sorted(operations, key=lambda operation: operation.last):
        operation.apply(guest, after)


def check(
    guest: Guest, operations: Sequence[Operation], kept: frozenset[str], identity: MachineIdentity | None = None
) -> Iterator[Finding]:
    """Yield findings that show whether the disk is sealed. It may be mounted read-only. Raises GuestError.

    `identity` is the guest's identity before the seal. If it is no longer known, the leak check
    searches only for generic identifiers such as hardware addresses.
    """
    now = tree.read(guest, kept)
    searched = {
        spelled for operation in operations for pattern in operation.patterns for spelled in patterns.spell_out(pattern)
    }
    for operation in operations:
        findings = [*operation.check(guest, now), *_check_links(operation, now, searched)]
        yield from (Finding(finding.ok, f"{operation.name}: {finding.message}") for finding in findings)
    yield from leaks.find(guest, operations, identity or MachineIdentity(), now)


def _check_links(operation: Operation, now: tree.GuestTree, searched: set[str]) -> Iterator[Finding]:
    """Yield a failure for each folder of an operation that is a link, because the seal follows no links.

    Usual links such as /var/run to /run are fine: another pattern covers the real folder.
    """
    found: dict[str, str] = {}
    for pattern in operation.patterns:
        for spelled in patterns.spell_out(pattern):
            folder_name = patterns.fixed_folder(spelled)
            found_link = now.find_link(folder_name)
            if found_link and now.resolve(folder_name) + spelled.removeprefix(folder_name) not in searched:
                found.update([found_link])
    for link, real in found.items():
        yield Finding(False, f"{link} is a link to {real}, and the seal does not follow links")
