"""The folder of nightly runs and their reports."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from builder import files, locks
from builder.errors import HostError, InUseError
from builder.sizes import write_hint

KEPT = 14
"""Runs to keep."""

RUN = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
LAST = "last"


class NightlyFolder:
    """The folder of nightly runs.

    ::

        output/nightly/
        ├── lock                           held during a run
        ├── report.json|html|txt           the last run's report
        ├── last -> RUN
        └── RUN/                           its start time, such as 20261125T023000Z
            ├── report.json|html|txt       written last; a killed run has none
            ├── NAME.log                   messages of the build of NAME
            └── NAME.json                  its result
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def last_report(self) -> Path:
        return self.path / "report.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock of nightly runs. Raises InUseError if another run holds it, and HostError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = locks.try_hold(self.lock)
        except OSError as error:
            raise self.unwritable(error) from error
        if lock is None:
            raise InUseError(
                "a nightly run is already running",
                details=f"it holds the lock file {self.lock}",
                hint="wait until it ends, then run this command again",
            )
        try:
            yield
        finally:
            lock.release()

    def make_run(self, now: datetime) -> Path:
        """Create the folder of a new run; its name is new even if the clock was set back. Raises HostError."""
        stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        number = 1
        try:
            self._sweep()
            while True:
                run = self.path / (stamp if number == 1 else f"{stamp}-{number}")
                try:
                    run.mkdir()
                except FileExistsError:
                    number += 1
                else:
                    return run
        except OSError as error:
            raise self.unwritable(error) from error

    def _sweep(self) -> None:
        """Remove the temporary files of a killed run; the caller holds the lock."""
        for path in (*self.path.glob(".*.tmp"), *self.path.glob(f".{LAST}.*")):
            path.unlink(missing_ok=True)

    def publish(self, run: Path, documents: dict[str, str]) -> None:
        """Write the documents of a run, by file name, atomically: to its folder, and as the last report.

        Raises HostError.
        """
        try:
            for folder in (run, self.path):
                for name, text in documents.items():
                    files.write(folder / name, text)
            staged = self.path / f".{LAST}.{os.getpid()}"
            staged.unlink(missing_ok=True)
            staged.symlink_to(run.name)
            staged.rename(self.path / LAST)
        except OSError as error:
            raise self.unwritable(error) from error

    def runs(self) -> list[Path]:
        """All runs, oldest first."""
        found = [path for path in self.path.iterdir() if RUN.fullmatch(path.name) and path.is_dir()]
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)

    def remove_old(self, keep: Path) -> None:
        """Remove old runs; keep `keep` and the newest others. Raises HostError."""
        try:
            for run in [run for run in self.runs() if run != keep][: -(KEPT - 1)]:
                shutil.rmtree(run)
        except OSError as error:
            raise self.unwritable(error) from error

    def unwritable(self, error: OSError) -> HostError:
        hint = write_hint(self.path)
        return HostError(f"cannot write to the folder of nightly runs: {self.path}", details=str(error), hint=hint)
