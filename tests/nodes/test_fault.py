"""Clones that fail or are killed leave nothing behind, and touch nothing else."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import libvirt
import pytest

from builder.errors import GoldenError, HypervisorError
from builder.events import silent
from builder.nodes.cloning.clone import CloneResult, clone
from builder.nodes.identity.nics import Nic
from builder.nodes.identity.request import CloneRequest
from builder.nodes.journal import LeftoversError
from builder.paths import Output
from builder.store import Store
from tests.conftest import GOLDEN, PROJECT
from tests.hypervisors import Place
from tests.nodes.templates import fabricate

pytestmark = pytest.mark.slow

FIVE = ("five1", "five2", "five3", "five4", "five5")
CLASSES = (libvirt.virConnect, libvirt.virDomain, libvirt.virStoragePool, libvirt.virStorageVol, libvirt.virNetwork)
STREAM = libvirt.virStream
LOCAL = frozenset({"name", "UUIDString", "connect", "ID", "close", "getURI"})
"""Methods that do not call the daemon."""


class Faults:
    """Counts calls of libvirt, and fails those for which `fails(number, name)` is true; numbers start at 1."""

    def __init__(self, fails: Callable[[int, str], bool]) -> None:
        self.calls: list[str] = []
        self.fails = fails
        self.on = True

    def wrap(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def called(*arguments: Any, **named: Any) -> Any:
            if self.on:
                self.calls.append(name)
                if self.fails(len(self.calls), name):
                    libvirt.libvirtmod.virResetLastError()  # else the new error would report it
                    raise libvirt.libvirtError(f"injected at call {len(self.calls)}, {name}")
            return method(*arguments, **named)

        return called


@contextmanager
def faults(monkeypatch: pytest.MonkeyPatch, fails: Callable[[int, str], bool]) -> Iterator[Faults]:
    injected = Faults(fails)
    with monkeypatch.context() as patch:
        for each in (*CLASSES, STREAM):
            for name, method in vars(each).items():
                if not name.startswith("_") and callable(method) and name not in LOCAL:
                    patch.setattr(each, name, injected.wrap(name, method))
        yield injected


@pytest.fixture
def own(tmp_path: Path) -> Output:
    """An output folder with the template `tiny`."""
    output = Output(tmp_path / "output")
    fabricate(output)
    return output


def make_request(place: Place, names: tuple[str, ...] = FIVE, **changes: Any) -> CloneRequest:
    defaults: dict[str, Any] = {"start": False, "disks": (1 << 20,), "memory": 64 << 20}
    nics = (Nic("network", place.network),)
    return CloneRequest(names=names, nics=nics, pool=place.pool, **{**defaults, **changes})


def run(place: Place, output: Output, request: CloneRequest) -> CloneResult:
    return clone(request, Store(output.templates).find("tiny"), place.hypervisor, output, silent)


def nth(number: int) -> Callable[[int, str], bool]:
    return lambda at, name: at == number


def fails_to_run(place: Place, output: Output) -> bool:
    try:
        run(place, output, make_request(place))
    except GoldenError:
        return True
    return False


def remove_all(place: Place) -> None:
    """Remove everything that the test's calls created."""
    for name in FIVE:
        if domain := place.hypervisor.find_domain(name):
            domain.destroy()
            domain.undefine()
    pool = place.hypervisor.pool(place.pool)
    for name in pool.names():
        pool.delete(name)
    network = place.hypervisor.network(place.network)
    for reservation in network.definition().reservations:
        network.release(reservation)


def test_a_fault_at_every_call(place: Place, own: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    # Inactive, so that reservations take no time; another test uses an active network.
    place.hypervisor.network(place.network).handle.destroy()
    before = place.state()
    for number in range(1, 1000):
        with faults(monkeypatch, nth(number)) as injected:
            failed = fails_to_run(place, own)
            injected.on = False
        if len(injected.calls) < number:  # the number of calls also depends on other workers' domains
            break
        at_call = f"a fault at call {number}, {injected.calls[number - 1]}"
        assert failed, f"no error after {at_call}"
        assert place.state() == before, f"something is left after {at_call}"
        assert not list(own.clones.glob("*.jsonl"))
    assert number > 50
    assert injected.calls.count("createXML") == 1 + 5 * 2
    assert injected.calls.count("defineXMLFlags") == 5
    remove_all(place)
    assert place.state() == before


@pytest.mark.parametrize("at", [1, 3, 5])
def test_a_node_that_does_not_start(place: Place, own: Output, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    before = place.state()
    started: list[int] = []

    def fails(number: int, name: str) -> bool:
        if name == "create":
            started.append(number)
        return name == "create" and len(started) == at

    with faults(monkeypatch, fails) as injected:
        with pytest.raises(HypervisorError, match="libvirt reports an error"):
            run(place, own, make_request(place, start=True))
        injected.on = False
        assert place.state() == before


def test_keep_going(place: Place, own: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    defined: list[int] = []

    def fails(number: int, name: str) -> bool:
        if name == "defineXMLFlags":
            defined.append(number)
        return name == "defineXMLFlags" and len(defined) == 2

    with faults(monkeypatch, fails) as injected:
        result = run(place, own, make_request(place, keep_going=True))
        injected.on = False
    assert list(result.failed) == ["five2"]
    assert list(result.domains) == ["five1", "five3", "five4", "five5"]
    state = place.state()
    assert "five2" not in state["domains"]
    assert not [name for name in state["volumes"] if name.startswith("five2")]
    assert "five2" not in [each.name for each in state["network"].reservations]


def test_libvirt_fails_midway(place: Place, own: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next call removes what this call could not remove."""
    before = place.state()
    with faults(monkeypatch, lambda number, name: number >= 60) as injected:
        with pytest.raises(LeftoversError, match="the clone failed"):
            run(place, own, make_request(place))
        injected.on = False
    assert place.state() != before
    result = run(place, own, make_request(place, ("other1",)))
    assert list(result.domains) == ["other1"]
    state = place.state()
    assert not [name for name in state["domains"] + state["volumes"] if name.startswith("five")]
    assert [each.name for each in state["network"].reservations] == ["other1"]


@pytest.mark.parametrize("nodes", [0, 2])
def test_killed_midway(place: Place, own: Output, nodes: int) -> None:
    """kill -9 while it creates nodes; the next call removes them first."""
    before = place.state()
    command = [str(GOLDEN), "clone", "tiny", "five{1..40}", *place.options, "--no-start"]
    env = {**os.environ, "GOLDEN_OUTPUT": str(own.root)}
    process = subprocess.Popen(command, cwd=PROJECT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not place.hypervisor.find_domain(f"five{nodes}") if nodes else not list(own.clones.glob("*.jsonl")):
        assert process.poll() is None
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.wait()
    result = run(place, own, make_request(place, ("other1",)))
    result.domains["other1"].undefine()
    state = place.state()
    assert state["domains"] == before["domains"]
    assert [each.name for each in state["network"].reservations] == ["other1"]
    assert not [name for name in state["volumes"] if name.startswith("five")]
    assert not list(own.clones.glob("*.jsonl"))
