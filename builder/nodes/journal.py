"""Journals of `golden clone`: each call records what it is about to create before it creates it.

A call that fails removes what it created. The next call removes what a killed call created. Two calls
that run at the same time never choose the same names or addresses.

::

    output/clones/
    ├── lock          held while a call chooses names and addresses
    ├── ID.jsonl      first line: the call's claim; then one line per object, written before it is created
    └── ID.lock       held by the call; if nobody holds it, the call was killed
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from builder import locks
from builder.errors import GoldenError, HostError
from builder.events import Emit, Notice
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.networks import Reservation


@dataclass(frozen=True, slots=True)
class CloneClaim:
    """What a call takes for itself; other calls respect it as soon as it is written."""

    uri: str
    pool: str
    base: str
    names: list[str]
    volumes: list[str]
    macs: list[str]
    addresses: list[str]


@dataclass(frozen=True, slots=True)
class HypervisorObject:
    """An object on the hypervisor: a `volume` in the call's pool, a `domain`, or a `reservation`."""

    kind: str
    name: str
    node: str
    facts: dict[str, str] = field(default_factory=dict)
    """A domain's uuid; a reservation's network, mac and address."""


class CloneJournal:
    """The journal of one call; create it with `CloneJournals.open_journal`."""

    def __init__(self, file: Path) -> None:
        self.claim: CloneClaim | None = None
        self.created: list[HypervisorObject] = []
        self.file = file

    def write_claim(self, claim: CloneClaim) -> None:
        """Tell other calls what this call takes. Raises HostError."""
        self._append(asdict(claim))
        self.claim = claim

    def _append(self, value: dict[str, Any]) -> None:
        try:
            with self.file.open("a") as file:
                file.write(json.dumps(value) + "\n")
        except OSError as error:
            raise HostError(
                f"cannot write {self.file}, the record of what this clone creates",
                details=str(error),
                hint="check the free space and the permissions of the output folder",
            ) from error

    @contextmanager
    def recording(self, target: HypervisorObject) -> Iterator[None]:
        """Record an object, then create it in the body of the `with` statement. Raises HostError."""
        self._append(asdict(target))
        yield
        self.created.append(target)


class CloneJournals:
    """The journals of one output folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock under which calls choose names and addresses. Raises HostError."""
        with locks.held(self._folder / "lock"):
            yield

    def claims(self, uri: str, excluding: CloneJournal | None = None) -> list[CloneClaim]:
        """The claims on that hypervisor of all calls that have not ended, except one."""
        return [claim for claim in self.all_claims(excluding) if claim.uri == uri]

    def all_claims(self, excluding: CloneJournal | None = None) -> list[CloneClaim]:
        """The claims on any hypervisor of all calls that run, or were killed and not cleaned up yet."""
        files = [file for file in sorted(self._folder.glob("*.jsonl")) if excluding is None or file != excluding.file]
        return [claim for claim, _ in map(read_journal, files) if claim]

    @contextmanager
    def open_journal(self) -> Iterator[CloneJournal]:
        """A new journal. It is deleted at the end, except after a LeftoversError: the next call needs it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{uuid.uuid4().hex}.jsonl"
        lock = locks.try_hold(file.with_suffix(".lock"))
        assert lock is not None, "nobody else knows this file name"
        try:
            yield CloneJournal(file)
        except LeftoversError:
            raise
        except BaseException:
            _delete(file)
            raise
        else:
            _delete(file)
        finally:
            lock.release()

    def recover(self, hypervisor: Hypervisor, emit: Emit) -> None:
        """Remove what killed calls created on this hypervisor. Raises GoldenError."""
        for file in sorted(self._folder.glob("*.jsonl")):
            lock = locks.try_hold(file.with_suffix(".lock"))
            if lock is None:
                continue
            try:
                claim, created = read_journal(file)
                if claim is None:  # killed while writing the first line
                    _delete(file)
                elif claim.uri == hypervisor.uri:
                    names = ", ".join(claim.names)
                    emit(Notice(f"an earlier clone of {names} was interrupted; removing what it created"))
                    undo(hypervisor, claim.pool, created)
                    _delete(file)
            finally:
                lock.release()


class LeftoversError(HostError):
    """A clone failed, and some of what it created could not be removed."""


def read_journal(file: Path) -> tuple[CloneClaim | None, list[HypervisorObject]]:
    """A journal's claim and the objects that the call was about to create. Incomplete lines are skipped."""
    values: list[dict[str, Any]] = []
    with suppress(OSError), file.open() as lines:
        for line in lines:
            with suppress(ValueError):
                values.append(json.loads(line))
    if not values:
        return None, []
    try:
        return CloneClaim(**values[0]), [HypervisorObject(**value) for value in values[1:]]
    except TypeError:
        return None, []


def undo(hypervisor: Hypervisor, pool: str, created: Iterable[HypervisorObject]) -> None:
    """Remove objects, last first; missing ones are ignored. Raises LeftoversError with those that remain."""
    failed = []
    for target in reversed(list(created)):
        try:
            _remove(hypervisor, pool, target)
        except GoldenError as error:
            failed.append(f"{target.kind} {target.name}: {error.details or error.message}")
    if failed:
        raise LeftoversError(
            "cannot remove everything that the clone created",
            details="\n".join(failed),
            hint="run `golden clone` on this hypervisor again: it first removes what is left",
        )


def _remove(hypervisor: Hypervisor, pool: str, target: HypervisorObject) -> None:
    match target.kind:
        case "domain":
            domain = hypervisor.find_domain(target.name)
            if domain and domain.uuid == target.facts["uuid"]:
                domain.destroy()
                domain.undefine()
        case "volume":
            hypervisor.pool(pool or None).delete(target.name)
        case "reservation":
            network = hypervisor.find_network(target.facts["network"])
            if network:
                network.release(Reservation(target.facts["mac"], target.facts["address"], target.name))


def _delete(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.with_suffix(".lock").unlink(missing_ok=True)
