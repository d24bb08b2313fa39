"""For commands that continue in the background once their result is ready to use."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import typer


def continue_in_background() -> Callable[[], None] | None:
    """Fork. The child gets a function to call once it is ready; it then leaves this terminal.

    In the parent, this waits for that call and returns None. If the child ends before, the command
    exits with the child's status; the child has reported its error. Call this before anything is
    started: threads and open connections do not survive a fork.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        return lambda: _detach(writing)
    os.close(writing)
    try:
        ready = os.read(reading, 1)
    except BaseException:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise
    os.close(reading)
    if not ready:
        raise typer.Exit(abs(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
    return None


def _detach(writing: int) -> None:
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    os.close(null)
    os.write(writing, b"!")
    os.close(writing)
