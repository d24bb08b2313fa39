"""Installs for the tests: in this process, or in one that can be killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from builder import process
from builder.events import Event, Notice, OutputLine
from builder.installer import InstallLimits, InstallOrder, install
from tests.conftest import PROJECT
from tests.installer.tree import ARGUMENTS, INITRD, KERNEL, kickstart


@dataclass
class Heard:
    """What an install told."""

    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def stages(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice) and not event.warning]

    @property
    def lines(self) -> list[str]:
        return [event.line for event in self.events if isinstance(event, OutputLine)]


def make_disk(path: Path, size: str = "1G") -> Path:
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), size])
    return path


def make_order(tree: Path, folder: Path, kickstart: bytes, limits: InstallLimits | None = None) -> InstallOrder:
    """An order whose disk and scratch are in `folder`."""
    work = folder / "work"
    work.mkdir(parents=True)
    return InstallOrder(
        tree / KERNEL,
        tree / INITRD,
        ARGUMENTS,
        {"ks.cfg": kickstart},
        make_disk(folder / "disk.qcow2"),
        work,
        memory=256 << 20,
        processors=1,
        limits=limits or InstallLimits(stall=120, whole=600),
    )


@contextmanager
def running_install(tree: Path, folder: Path, variant: str) -> Iterator[RunningInstall]:
    """An install in a process of its own, which is ended at the end."""
    running = RunningInstall(tree, folder, variant)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


class RunningInstall:
    """`log` is what it says: every event on a line."""

    def __init__(self, tree: Path, folder: Path, variant: str) -> None:
        self.folder = folder
        self.log = folder.with_suffix(".log")
        command = [sys.executable, "-m", __name__, str(tree), str(folder), variant]
        with self.log.open("wb") as said:
            self.process = subprocess.Popen(command, stdout=said, stderr=said, cwd=PROJECT)

    def wait_for(self, text: str, timeout: float = 120.0) -> None:
        deadline = time.monotonic() + timeout
        while text not in self.log.read_text():
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)


def main(tree: Path, folder: Path, variant: str) -> None:
    install(make_order(tree, folder, kickstart("http://10.0.2.2", variant)), lambda event: print(event, flush=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
