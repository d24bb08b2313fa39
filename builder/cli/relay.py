"""A machine's terminal on the user's own, as a program: `python -m builder.cli.relay TERMINAL`.

The process that asked libvirt's embedded driver cannot go on with it: the driver stays with that
process for as long as it lives, and lets no other one in.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from pathlib import Path

from builder.cli.options import say, show_error
from builder.errors import HostError

ESCAPE = b"\x1d"
"""Ctrl-], as virsh has it."""


def relay(terminal: Path) -> None:
    """Pass bytes to and fro until Ctrl-] is pressed or the machine ends. Raises HostError."""
    try:
        other = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    except OSError as error:
        raise HostError("the console cannot be opened", details=str(error)) from error
    own = sys.stdin.fileno()
    before = termios.tcgetattr(own)
    say("Escape character is ^] (Ctrl + ])")
    try:
        tty.setraw(own)
        while True:
            ready, _, _ = select.select([own, other], [], [])
            try:
                data = os.read(ready[0], 4096)
            except OSError:  # the machine ended, and its terminal with it
                return
            if not data or (ready[0] == own and ESCAPE in data):
                return
            os.write(other if ready[0] == own else sys.stdout.fileno(), data)
    finally:
        termios.tcsetattr(own, termios.TCSADRAIN, before)
        os.close(other)


if __name__ == "__main__":
    try:
        relay(Path(sys.argv[1]))
    except HostError as error:
        show_error(error)
        sys.exit(error.exit_code)
