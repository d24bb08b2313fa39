"""Where nights leave what they found."""

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

KEPT = 14
"""How many runs are kept."""

RUN = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
LAST = "last"


class NightlyFolder:
    """
    ::

        output/nightly/
        ├── lock                           held while a night runs
        ├── report.json|html|txt           the last night's
        ├── last -> RUN
        └── RUN/                           20261125T023000Z, its beginning
            ├── report.json|html|txt       written last; a night that was killed has none
            ├── NAME.log                   what the build of NAME said
            └── NAME.json                  what it came to
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
        """Be the only night. Raises InUseError where another one runs, and HostError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = locks.try_hold(self.lock)
        except OSError as error:
            raise self.unwritable(error) from error
        if lock is None:
            raise InUseError(
                "another nightly run is under way", details=f"it holds {self.lock}", hint="wait for its end"
            )
        try:
            yield
        finally:
            lock.release()

    def make_run(self, now: datetime) -> Path:
        """A new run's folder; its name is new even where the clock jumped back. Raises HostError."""
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
        """Remove what a killed night was writing; the lock is ours."""
        for path in (*self.path.glob(".*.tmp"), *self.path.glob(f".{LAST}.*")):
            path.unlink(missing_ok=True)

    def publish(self, run: Path, documents: dict[str, str]) -> None:
        """Write the documents of a run, by their files' names, there and as the last ones; each of them whole.

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
        """All runs, the oldest first."""
        found = [path for path in self.path.iterdir() if RUN.fullmatch(path.name) and path.is_dir()]
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)

    def forget_old(self, keep: Path) -> None:
        """Remove all runs but the newest, and but `keep`. Raises HostError."""
        try:
            for run in [run for run in self.runs() if run != keep][: -(KEPT - 1)]:
                shutil.rmtree(run)
        except OSError as error:
            raise self.unwritable(error) from error

    def unwritable(self, error: OSError) -> HostError:
        hint = "choose another output folder with --output or GOLDEN_OUTPUT"
        return HostError(f"the folder of nightly runs cannot be written: {self.path}", details=str(error), hint=hint)
