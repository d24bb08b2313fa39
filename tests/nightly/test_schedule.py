"""For any graph, order and failures: parents run first, the limit holds, and exactly the descendants are skipped."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.nightly import schedule
from builder.nightly.schedule import FinishedTask, RunningTask, run_tasks
from builder.process import Child
from tests.test_process import wait_until_gone

NUMBERS = range(10)

graphs = st.tuples(
    *(st.sets(st.sampled_from([*range(number)])) if number else st.just(set()) for number in NUMBERS)
).map(lambda below: dict(enumerate(map(sorted, below))))


class FakeRunning:
    def __init__(self, work: FakeWork, item: int) -> None:
        self.work, self.item = work, item

    def fileno(self) -> int:
        raise AssertionError("nobody waits for it here")

    def result(self) -> str:
        self.work.running.remove(self.item)
        return self.work.come_to(self.item)

    def ask_to_end(self) -> None:
        self.work.asked.append(self.item)

    def end(self, patience: float) -> None:
        self.work.running.remove(self.item)


@dataclass
class FakeWork:
    """Records what happens to each item."""

    graph: Mapping[int, Sequence[int]]
    bad: Collection[int]
    at_once: Collection[int] = ()
    running: list[int] = field(default_factory=list)
    most: int = 0
    asked: list[int] = field(default_factory=list)
    done: dict[int, str] = field(default_factory=dict)

    def begin(self, item: int) -> FinishedTask[str] | RunningTask[str]:
        assert all(self.done[below] == "good" for below in self.graph[item]), "a parent is not there"
        if item in self.at_once:
            return FinishedTask(self.come_to(item))
        self.running.append(item)
        self.most = max(self.most, len(self.running))
        return FakeRunning(self, item)

    def come_to(self, item: int) -> str:
        self.done[item] = "bad" if item in self.bad else "good"
        return self.done[item]

    def skip(self, item: int, because: str) -> str:
        assert because in {self.done[parent] for parent in self.graph[item]}
        assert because != "good"
        self.done[item] = "skipped"
        return "skipped"

    def failed(self, done: str) -> bool:
        return done == "bad"


def above(graph: Mapping[int, Sequence[int]], bad: Collection[int]) -> set[int]:
    """All descendants of these items."""
    found: set[int] = set()
    for item in graph:
        if any(below in found or below in bad for below in graph[item]):
            found.add(item)
    return found


@given(graphs, st.sets(st.sampled_from(NUMBERS)), st.sets(st.sampled_from(NUMBERS)), st.integers(1, 4), st.data())
def test_any_night_is_in_order(
    graph: dict[int, list[int]], bad: set[int], at_once: set[int], most: int, data: st.DataObject
) -> None:
    work = FakeWork(graph, bad, at_once)

    def wait(running: Sequence[RunningTask[str]]) -> Collection[RunningTask[str]]:
        count = data.draw(st.integers(1, len(running)))
        return data.draw(st.permutations(running))[:count]

    results = run_tasks(graph, work, most, wait)
    assert results == work.done
    assert work.most <= most
    skipped = above(graph, bad)
    assert {item for item, done in results.items() if done == "skipped"} == skipped
    assert {item for item, done in results.items() if done == "bad"} == bad - skipped
    assert results.keys() == graph.keys()
    assert not work.running


def test_side_by_side_where_it_may() -> None:
    work = FakeWork({0: [], 1: [], 2: [], 3: [0]}, bad=())
    run_tasks(work.graph, work, 2, lambda running: running[:1])
    assert work.most == 2


def test_whatever_stops_us_ends_what_runs() -> None:
    work = FakeWork({0: [], 1: []}, bad=())

    def stopped(running: Sequence[RunningTask[str]]) -> Collection[RunningTask[str]]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tasks(work.graph, work, 2, stopped)
    assert work.asked == [0, 1]
    assert work.running == []


class Shell:
    """Runs a command for each item; DONE is a file of that item."""

    def __init__(self, folder: Path, script: str) -> None:
        self.folder, self.script = folder, script

    def begin(self, item: str) -> RunningTask[int]:
        files = {"stdout": self.folder / f"{item}.out", "stderr": self.folder / f"{item}.err"}
        child = Child(["sh", "-c", self.script], **files, env={"DONE": str(self.folder / item)})
        return ShellRunning(child)

    def skip(self, item: str, because: int) -> int:
        return -1

    def failed(self, done: int) -> bool:
        return done != 0


class ShellRunning:
    def __init__(self, child: Child) -> None:
        self.fileno, self.result = child.fileno, child.wait
        self.ask_to_end, self.end = child.ask_to_end, child.end


def test_real_processes_run_side_by_side(tmp_path: Path) -> None:
    script = """\
    touch "$DONE"
    while [ ! -e "${DONE%/*}/a" ] || [ ! -e "${DONE%/*}/b" ]; do sleep 0.05; done
    echo said; exit 3"""
    results = run_tasks({"a": [], "b": [], "c": ["a", "b"]}, Shell(tmp_path, script), 2)
    assert results == {"a": 3, "b": 3, "c": -1}
    assert (tmp_path / "a.out").read_text() == "said\n"


def test_ctrl_c_terminates_first_and_kills_what_ignores_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "STOP_TIMEOUT", 1.0)
    script = """\
    case "$DONE" in *deaf) trap '' TERM;; *) trap 'echo cleaned up; kill $!; exit 1' TERM;; esac
    sleep 300 & echo $!; touch "$DONE"; while true; do wait; done"""
    everybody = ["polite", "deaf"]

    def interrupt() -> None:
        while not all((tmp_path / name).exists() for name in everybody):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run_tasks({name: [] for name in everybody}, Shell(tmp_path, script), 2)
    said = {name: (tmp_path / f"{name}.out").read_text().splitlines() for name in everybody}
    assert said["polite"][1:] == ["cleaned up"]
    for lines in said.values():
        wait_until_gone(int(lines[0]))
