"""Ending a call into libguestfs when the user wants to stop.

Python runs signal handlers between its own instructions, and a call such as `sh` can stay in C for
minutes. So another thread hears of the signal and ends the appliance: the call fails at once, and
then Python's handler runs.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOPPING = frozenset({signal.SIGINT, signal.SIGTERM})


@contextmanager
def on_stop_signal(end: Callable[[], None]) -> Iterator[None]:
    """Call `end` from another thread when this process is told to stop.

    Does nothing outside the main thread, where Python allows no signal handling.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard, told = socket.socketpair()
    told.setblocking(False)

    def watch() -> None:
        while numbers := heard.recv(16):
            if STOPPING & set(numbers):
                end()

    watcher = threading.Thread(target=watch, name="signal-watch", daemon=True)
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        told.close()
        watcher.join()
        heard.close()
