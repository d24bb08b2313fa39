"""Running tasks in parallel: each after its parents, and none after a failed parent."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Generic, Protocol, TypeVar

STOP_TIMEOUT = 30.0
"""Seconds that running tasks get to clean up when everything is stopped."""

Item = TypeVar("Item", bound=Hashable)
Done = TypeVar("Done")
Given = TypeVar("Given", bound=Hashable, contravariant=True)
Result = TypeVar("Result", covariant=True)


class RunningTask(Protocol[Result]):
    """A task in another process; `select.select` finds it readable once it has ended."""

    def fileno(self) -> int: ...

    def result(self) -> Result:
        """Its result; call it once the task has ended."""
        ...

    def ask_to_end(self) -> None: ...

    def end(self, timeout: float) -> None:
        """Wait so many seconds for its end, then kill it."""
        ...


@dataclass(frozen=True, slots=True)
class FinishedTask(Generic[Done]):
    """A task that was done at once, without another process."""

    done: Done


class TaskRunner(Protocol[Given, Done]):
    """The work on each item."""

    def begin(self, item: Given) -> FinishedTask[Done] | RunningTask[Done]:
        """Do the work, or start it in another process."""
        ...

    def skip(self, item: Given, because: Done) -> Done:
        """The result of an item; `because` is that of its parent, which failed or was skipped."""
        ...

    def failed(self, done: Done) -> bool:
        """Whether the work failed, so that no child may run."""
        ...


Wait = Callable[[Sequence[RunningTask[Done]]], Collection[RunningTask[Done]]]


def wait_for_some(running: Sequence[RunningTask[Done]]) -> Collection[RunningTask[Done]]:
    """Wait until at least one task has ended; return those that have."""
    return select.select(running, [], [])[0]


def run_tasks(
    graph: Mapping[Item, Collection[Item]],
    work: TaskRunner[Item, Done],
    at_once: int,
    wait: Wait[Done] = wait_for_some,
) -> dict[Item, Done]:
    """Do the work on each item after its parents, at most `at_once` in parallel; the results in order of completion.

    `graph` has the parents of each item, and no cycles. Everything is started from the calling thread, because child
    processes die with the thread that started them. An exception stops all running tasks.
    """
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    waiting: list[Item] = []
    running: dict[RunningTask[Done], Item] = {}
    results: dict[Item, Done] = {}
    blocked: set[Item] = set()

    def record(item: Item, done: Done, *, blocks: bool) -> None:
        results[item] = done
        if blocks:
            blocked.add(item)
        sorter.done(item)

    try:
        while sorter.is_active():
            waiting += sorter.get_ready()
            while waiting and len(running) < at_once:
                item = waiting.pop(0)
                if blocking := [parent for parent in graph[item] if parent in blocked]:
                    record(item, work.skip(item, results[blocking[0]]), blocks=True)
                else:
                    task = work.begin(item)
                    if isinstance(task, FinishedTask):
                        record(item, task.done, blocks=work.failed(task.done))
                    else:
                        running[task] = item
                waiting += sorter.get_ready()
            if running:
                for ended in wait([*running]):
                    done = ended.result()
                    record(running.pop(ended), done, blocks=work.failed(done))
    finally:
        stop([*running])
    return results


def stop(running: Sequence[RunningTask[Done]]) -> None:
    """End all tasks in parallel, gently at first."""
    for each in running:
        each.ask_to_end()
    deadline = time.monotonic() + STOP_TIMEOUT
    for number, each in enumerate(running):
        try:
            each.end(max(0.0, deadline - time.monotonic()))
        except BaseException:
            # Stopped again: kill the others at once.
            for other in running[number + 1 :]:
                other.end(0.0)
            raise
