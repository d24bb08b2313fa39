"""Commands that go on in the background once what they do is usable."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import typer


def into_background() -> Callable[[], None] | None:
    """Go on in a child process, and return there what it must call when it is ready.

    From then on it is on its own, without this terminal. In the parent this returns None at that
    moment; where the child ends before, the command exits with the child's status, and the child has
    said why. To be called before anything is started.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        return lambda: _leave(writing)
    os.close(writing)
    try:
        told = os.read(reading, 1)
    except BaseException:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise
    os.close(reading)
    if not told:
        raise typer.Exit(abs(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
    return None


def _leave(writing: int) -> None:
    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    os.close(nothing)
    os.write(writing, b"!")
    os.close(writing)
