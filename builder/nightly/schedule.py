"""What may run when: each thing after those that it stands on, so many at once, and nothing on top of a failure."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Generic, Protocol, TypeVar

PATIENCE = 30.0
"""Seconds that what runs has to clean up when everything is stopped."""

Item = TypeVar("Item", bound=Hashable)
Done = TypeVar("Done")
Given = TypeVar("Given", bound=Hashable, contravariant=True)
Result = TypeVar("Result", covariant=True)


class RunningTask(Protocol[Result]):
    """Something under way beside us; `select.select` finds it readable when it has ended."""

    def fileno(self) -> int: ...

    def result(self) -> Result:
        """What it came to; it has ended."""
        ...

    def ask_to_end(self) -> None: ...

    def end(self, patience: float) -> None:
        """Wait so many seconds for its end, then see to it."""
        ...


@dataclass(frozen=True, slots=True)
class FinishedTask(Generic[Done]):
    """What needed no running."""

    done: Done


class TaskRunner(Protocol[Given, Done]):
    """What is done with each item."""

    def begin(self, item: Given) -> FinishedTask[Done] | RunningTask[Done]:
        """Do it, or have it run beside us."""
        ...

    def skip(self, item: Given, because: Given) -> Done:
        """Leave it alone, since what it stands on failed or was skipped."""
        ...

    def failed(self, done: Done) -> bool:
        """Whether nothing may stand on it."""
        ...


Wait = Callable[[Sequence[RunningTask[Done]]], Collection[RunningTask[Done]]]


def wait_for_some(running: Sequence[RunningTask[Done]]) -> Collection[RunningTask[Done]]:
    """Wait until one of them has ended, or several."""
    return select.select(running, [], [])[0]


def carry_out(
    graph: Mapping[Item, Collection[Item]],
    work: TaskRunner[Item, Done],
    at_once: int,
    wait: Wait[Done] = wait_for_some,
) -> dict[Item, Done]:
    """Do the work on a graph without circles: each item, and those that it stands on. In the order of their ends.

    All in the calling thread, so that what it starts is not outlived by it. Whatever stops us ends
    what runs.
    """
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    waiting: list[Item] = []
    running: dict[RunningTask[Done], Item] = {}
    results: dict[Item, Done] = {}
    blocked: set[Item] = set()

    def settle(item: Item, done: Done, *, blocks: bool) -> None:
        results[item] = done
        if blocks:
            blocked.add(item)
        sorter.done(item)

    try:
        while sorter.is_active():
            waiting += sorter.get_ready()
            while waiting and len(running) < at_once:
                item = waiting.pop(0)
                if because := [below for below in graph[item] if below in blocked]:
                    settle(item, work.skip(item, because[0]), blocks=True)
                else:
                    begun = work.begin(item)
                    if isinstance(begun, FinishedTask):
                        settle(item, begun.done, blocks=work.failed(begun.done))
                    else:
                        running[begun] = item
                waiting += sorter.get_ready()
            if running:
                for ended in wait([*running]):
                    done = ended.result()
                    settle(running.pop(ended), done, blocks=work.failed(done))
    finally:
        stop([*running])
    return results


def stop(running: Sequence[RunningTask[Done]]) -> None:
    """End them all, side by side; asking first."""
    for each in running:
        each.ask_to_end()
    until = time.monotonic() + PATIENCE
    for number, each in enumerate(running):
        try:
            each.end(max(0.0, until - time.monotonic()))
        except BaseException:
            # Told again to stop: no more patience with the others.
            for other in running[number + 1 :]:
                other.end(0.0)
            raise
