"""What a call of `golden clone` makes, written down before it is made.

So that a call that fails takes it all back, one that was killed has it taken back by the next, and
two at once choose neither the same names nor the same addresses.

::

    output/clones/
    ├── lock          held while a call chooses
    ├── ID.jsonl      the first line: what the call chose; then each thing before it is made
    └── ID.lock       held by the call: a journal whose lock is free is that of a dead one
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
    """What a call took for itself, from the moment that it is written down."""

    uri: str
    pool: str
    base: str
    names: list[str]
    volumes: list[str]
    macs: list[str]
    addresses: list[str]


@dataclass(frozen=True, slots=True)
class HypervisorObject:
    """Something on the hypervisor: a `volume` of the call's pool, a `domain`, or a `reservation`."""

    kind: str
    name: str
    node: str
    facts: dict[str, str] = field(default_factory=dict)
    """A domain's uuid; a reservation's network, mac and address."""


class CloneJournal:
    """One call's journal; `CloneJournals.begin` makes it."""

    def __init__(self, file: Path) -> None:
        self.choice: CloneClaim | None = None
        self.made: list[HypervisorObject] = []
        self.file = file

    def write_claim(self, choice: CloneClaim) -> None:
        """Let others know what is taken from now on. Raises HostError."""
        self._write(asdict(choice))
        self.choice = choice

    def _write(self, value: dict[str, Any]) -> None:
        try:
            with self.file.open("a") as file:
                file.write(json.dumps(value) + "\n")
        except OSError as error:
            raise HostError("the clone's journal cannot be written", details=str(error)) from error

    @contextmanager
    def making(self, thing: HypervisorObject) -> Iterator[None]:
        """Around what makes a thing."""
        self._write(asdict(thing))
        yield
        self.made.append(thing)


class CloneJournals:
    """The journals of one output folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock under which names and addresses are chosen. Raises HostError."""
        with locks.held(self._folder / "lock"):
            yield

    def claims(self, uri: str, excluding: CloneJournal | None = None) -> list[CloneClaim]:
        """What calls that have not ended, one left out, chose for themselves on that hypervisor."""
        files = [file for file in sorted(self._folder.glob("*.jsonl")) if excluding is None or file != excluding.file]
        found = [read(file)[0] for file in files]
        return [choice for choice in found if choice and choice.uri == uri]

    def all_claims(self) -> list[CloneClaim]:
        """What calls that have not ended, or were killed and not taken back yet, chose on any hypervisor."""
        found = [read(file)[0] for file in sorted(self._folder.glob("*.jsonl"))]
        return [choice for choice in found if choice]

    @contextmanager
    def open_journal(self) -> Iterator[CloneJournal]:
        """A new journal, gone at the end, unless what was made could be neither finished nor taken back."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{uuid.uuid4().hex}.jsonl"
        lock = locks.try_hold(file.with_suffix(".lock"))
        assert lock is not None, "a fresh name"
        try:
            yield CloneJournal(file)
        except LeftoversError:
            raise
        except BaseException:
            _forget(file)
            raise
        else:
            _forget(file)
        finally:
            lock.release()

    def recover(self, hypervisor: Hypervisor, emit: Emit) -> None:
        """Take back what calls that were killed made on this hypervisor. Raises GoldenError."""
        for file in sorted(self._folder.glob("*.jsonl")):
            lock = locks.try_hold(file.with_suffix(".lock"))
            if lock is None:
                continue
            try:
                choice, things = read(file)
                if choice is None:  # killed while it wrote the first line
                    _forget(file)
                elif choice.uri == hypervisor.uri:
                    emit(Notice(f"a clone of {', '.join(choice.names)} was cut off; taking back what it made"))
                    undo(hypervisor, choice.pool, things)
                    _forget(file)
            finally:
                lock.release()


class LeftoversError(HostError):
    """What was made could not all be taken back."""


def read(file: Path) -> tuple[CloneClaim | None, list[HypervisorObject]]:
    """A journal's choice and the things that were about to be made; a last line that was cut off is none."""
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


def undo(hypervisor: Hypervisor, pool: str, things: Iterable[HypervisorObject]) -> None:
    """Take things back, the last first; what is not there is fine. Raises Remains with what could not be."""
    failed = []
    for thing in reversed(list(things)):
        try:
            _undo(hypervisor, pool, thing)
        except GoldenError as error:
            failed.append(f"{thing.kind} {thing.name}: {error.details or error.message}")
    if failed:
        raise LeftoversError(
            "not all that was made could be taken back",
            details="\n".join(failed),
            hint="the next `golden clone` on this hypervisor tries again",
        )


def _undo(hypervisor: Hypervisor, pool: str, thing: HypervisorObject) -> None:
    match thing.kind:
        case "domain":
            domain = hypervisor.find_domain(thing.name)
            if domain and domain.uuid == thing.facts["uuid"]:
                domain.destroy()
                domain.undefine()
        case "volume":
            hypervisor.pool(pool or None).delete(thing.name)
        case "reservation":
            network = hypervisor.find_network(thing.facts["network"])
            if network:
                network.release(Reservation(thing.facts["mac"], thing.facts["address"], thing.name))


def _forget(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.with_suffix(".lock").unlink(missing_ok=True)
