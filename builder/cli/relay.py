"""Connects the user's terminal to a domain's console. Run as `python -m builder.cli.relay TERMINAL`.

This is a program of its own because libvirt's embedded driver stays loaded for as long as its process
lives, and locks out every other process meanwhile.
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
"""Ctrl-], as in virsh."""


def relay(terminal: Path) -> None:
    """Pass bytes in both directions until Ctrl-] is pressed or the domain ends. Raises HostError."""
    try:
        other = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    except OSError as error:
        raise HostError("cannot open the serial console", details=str(error)) from error
    own = sys.stdin.fileno()
    before = termios.tcgetattr(own)
    say("Escape character is ^] (Ctrl + ])")
    try:
        tty.setraw(own)
        while True:
            ready, _, _ = select.select([own, other], [], [])
            try:
                data = os.read(ready[0], 4096)
            except OSError:  # the domain ended, and its terminal with it
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
