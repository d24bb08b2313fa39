"""Interrupt a call into libguestfs when the user stops golden.

Python only runs signal handlers between its own instructions, but a call such as `sh` can stay in C for
minutes. So another thread waits for the signal and kills the appliance: the call fails at once, and then
Python runs its handler.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOPPING = frozenset({signal.SIGINT, signal.SIGTERM})


@contextmanager
def on_stop_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` from another thread when this process receives SIGINT or SIGTERM.

    Does nothing outside the main thread: Python handles no signals there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    receiver, sender = socket.socketpair()
    sender.setblocking(False)

    def watch() -> None:
        while numbers := receiver.recv(16):
            if STOPPING & set(numbers):
                stop()

    watcher = threading.Thread(target=watch, name="signal-watch", daemon=True)
    before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        sender.close()
        watcher.join()
        receiver.close()
