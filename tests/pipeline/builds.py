"""Builds that run beside a test: started, listened to, and stopped in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.paths import Output
from tests.conftest import DEBIAN, GOLDEN, PROJECT

BASE = DEBIAN.read_text().partition("base:")[2].partition("steps:")[0]
"""The shipped recipe's base and size: recipes that repeat it share the base in the cache."""


SMALL = " {image: small.qcow2}\n"
"""A base that the test makes beside the recipe (tests.guests.small): a build on it takes four seconds."""


def write_recipe(folder: Path, name: str, *steps: str, base: str = BASE) -> Path:
    """A recipe, by default on the shipped recipe's base."""
    path = folder / f"{name}.yaml"
    path.write_text(f"name: {name}\nbase:{base}steps:\n" + "".join(f"  - {step}\n" for step in steps))
    return path


def find_processes(*words: str) -> set[int]:
    """The processes whose command line has all the words."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if line and all(word in line for word in words):
                found.add(int(entry.name))
    return found


def wait_until_gone(*words: str) -> None:
    """Fail if processes with those words are there for longer than a moment."""
    deadline = time.monotonic() + 5
    while left := find_processes(*words):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.05)


class RunningBuild:
    """`golden build`, with what it says on stderr."""

    def __init__(self, recipe: Path, output: Output, log: Path) -> None:
        self.log = log
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [str(GOLDEN), "build", str(recipe), "--json"],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=PROJECT,
                env={**os.environ, "GOLDEN_OUTPUT": str(output.root)},
            )

    @property
    def machines(self) -> tuple[str, str]:
        """What the command lines of its QEMU machines have in them: their sockets' folder is named after it."""
        return "qemu-system", f"/golden-{self.process.pid}-"

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, text: str, *, timeout: float = 300.0) -> None:
        """Wait until it has said that. Fails when it ends before."""
        deadline = time.monotonic() + timeout
        while text not in self.said:
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.said}"
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)

    def stop(self, number: signal.Signals) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def finish(self) -> str:
        """Wait for its end and return what it printed on stdout; fails unless it succeeded."""
        stdout, _ = self.process.communicate()
        assert self.process.returncode == 0, self.said
        return stdout


@contextmanager
def running_build(recipe: Path, output: Output, log: Path) -> Iterator[RunningBuild]:
    build = RunningBuild(recipe, output, log)
    try:
        yield build
    finally:
        build.process.kill()
        build.process.wait()
        if build.process.stdout:
            build.process.stdout.close()
