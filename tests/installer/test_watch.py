"""Following a machine of the test's own making."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from builder.errors import BuildError, GoldenError, HostError
from builder.hypervisor.watched import Condition
from builder.installer.order import InstallLimits
from builder.installer.watch import IDLE_TRAFFIC, InstallWatch
from tests.installer.machines import Heard

SHORT = InstallLimits(stall=0.6, whole=5)


@dataclass
class Played:
    """A machine that at each look does the next thing in its folder, and at last ends as it is told to.

    Each turn is what the console shows, bytes written in all, and bytes of packets.
    """

    folder: Path
    turns: list[tuple[str, int, int]]
    end: Condition = "powered off"

    @property
    def condition(self) -> Condition:
        if not self.turns:
            return self.end
        text, self.written, packets = self.turns.pop(0)
        with (self.folder / "console").open("a") as console:
            console.write(text)
        with (self.folder / "traffic").open("ab") as traffic:
            traffic.write(bytes(packets))
        return "running"

    def traffic(self, device: str) -> tuple[int, int] | None:
        assert device == "vda"
        return 0, self.written


def follow(machine: Played, limits: InstallLimits = SHORT) -> Heard:
    heard = Heard()
    InstallWatch(machine, machine.folder, limits, heard).wait()
    return heard


def test_a_good_install_is_told(tmp_path: Path) -> None:
    turns = [("Starting installer, one moment...\n", 0, 0), ("Installing libgcc (1/2)\nhm\n", 512, 0)]
    heard = follow(Played(tmp_path, turns))
    assert heard.stages == ["Starting installer, one moment", "Installing libgcc (1/2)"]
    assert heard.lines == ["Starting installer, one moment...", "Installing libgcc (1/2)", "hm"]


@pytest.mark.parametrize(
    ("end", "kind", "words"),
    [
        ("powered off", BuildError, "without writing"),
        ("reset", BuildError, "rebooted instead of powering off"),
        ("crashed", HostError, "QEMU crashed"),
        ("ended", HostError, "another program stopped"),
        ("disk full", HostError, "no space left on this host"),
        ("disk error", HostError, "could not write"),
    ],
)
def test_every_other_end_is_named(end: Condition, kind: type[GoldenError], words: str, tmp_path: Path) -> None:
    with pytest.raises(kind, match=words) as caught:
        follow(Played(tmp_path, [("its last words\n", 0, 0)], end))
    assert "its last words" in str(caught.value)
    assert caught.value.hint or end == "ended"


def test_trouble_ends_it_at_once_with_what_comes_after(tmp_path: Path) -> None:
    machine = Played(
        tmp_path,
        [("The following problem occurred on line 4 of the kickstart file:\n", 0, 0), ("\nNo such command: x\n", 0, 0)]
        + 1000 * [("", 0, 0)],
    )
    begun = time.monotonic()
    with pytest.raises(BuildError, match="line 4 of the kickstart") as caught:
        follow(machine, InstallLimits())
    assert time.monotonic() - begun < 3
    assert "No such command: x" in (caught.value.details or "")
    assert caught.value.hint


def test_a_question_without_an_end_of_line_is_trouble(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="asks a question"):
        follow(Played(tmp_path, [("Please respond 'yes' or 'no': ", 0, 0), *1000 * [("", 0, 0)]]), InstallLimits())


def test_a_line_is_judged_when_it_is_whole_or_rests(tmp_path: Path) -> None:
    turns = [("[!!] Part", 0, 0), ("ition disks\n", 0, 0), *1000 * [("", 0, 0)]]
    with pytest.raises(BuildError, match="asks: Partition disks"):
        follow(Played(tmp_path, turns), InstallLimits())


@pytest.mark.parametrize(
    "turn",
    [("", 0, 0), ("", 4096, 0), ("", 4096, IDLE_TRAFFIC // 100)],
    ids=["silence", "after writing", "a network's own upkeep"],
)
def test_a_stall_is_told_with_the_last_lines(turn: tuple[str, int, int], tmp_path: Path) -> None:
    lines = "".join(f"line {number}\n" for number in range(40))
    with pytest.raises(BuildError, match=r"stalled.* 0\.6 s") as caught:
        follow(Played(tmp_path, [(lines, 0, 0), *1000 * [turn]]))
    assert (caught.value.details or "").splitlines() == [f"line {number}" for number in range(15, 40)]
    assert "--stall-timeout" in (caught.value.hint or "")


@pytest.mark.parametrize("what", ["console", "disk", "network"])
def test_any_activity_is_a_sign_of_life(what: str, tmp_path: Path) -> None:
    turns = [
        (
            f"{number}" if what == "console" else "",
            512 * (number + 1 if what == "disk" else 1),
            2 * IDLE_TRAFFIC if what == "network" else 0,
        )
        for number in range(8)
    ]
    follow(Played(tmp_path, turns), InstallLimits(stall=0.5, whole=60))


def test_an_install_without_end_is_told(tmp_path: Path) -> None:
    turns = [(f"{number}\n", 0, 0) for number in range(1000)]
    with pytest.raises(BuildError, match=r"did not finish within 0\.5 s") as caught:
        follow(Played(tmp_path, turns), InstallLimits(stall=60, whole=0.5))
    assert "--install-timeout" in (caught.value.hint or "")
