"""Processes that are killed between two things that they do to the file system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

CHANGES = ("rename", "fsync", "truncate", "unlink", "rmdir", "symlink", "link", "mkdir", "utime")
"""Functions of `os` that change something or make it last; pathlib and shutil come through here, too."""


class Killed(BaseException):
    """As if the process was not there any more: no handler of errors has any business with it."""


class Killer:
    """Kills at the call of that number, counted from 1, just before it is made; 0 never does."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.calls = 0

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            # Once dead, nothing more is done: what `finally` would do, a killed process does not.
            if self.at and self.calls >= self.at:
                raise Killed
            return function(*arguments, **named)

        return called


@contextmanager
def killed_at(number: int) -> Iterator[Killer]:
    """Let what is done inside be killed at its change of that number."""
    killer = Killer(number)
    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            patch.setattr(os, name, killer.wrap(getattr(os, name)))
        patch.setattr(shutil, "rmtree", _rmtree)
        with suppress(Killed):
            yield killer


def _rmtree(path: Path, ignore_errors: bool = False) -> None:
    """shutil's, file by file, so that it can be killed half-way."""
    for child in sorted(Path(path).iterdir()):
        if child.is_dir() and not child.is_symlink():
            _rmtree(child)
        else:
            os.unlink(child)  # noqa: PTH108
    os.rmdir(path)  # noqa: PTH106


def every_death(work: Callable[[], object], restore: Callable[[], object]) -> Iterator[int]:
    """Do some work again and again, killed at each of its changes in turn, and at the end undisturbed."""
    restore()
    with killed_at(0) as counted:
        work()
    assert counted.calls > 2, "there is something to be killed at"
    for number in range(1, counted.calls + 1):
        restore()
        with killed_at(number):
            work()
        yield number
