"""QEMU's monitor, with its errors as ours."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qemu.qmp import QMPError
from qemu.qmp.legacy import QEMUMonitorProtocol

from builder.errors import ApplianceError

# The library reports a machine that goes away on its logger as well as by exceptions.
if not logging.getLogger("qemu.qmp").level:  # unless GOLDEN_TRACE set one
    logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)


class Monitor:
    """A connection to a QMP socket. Every method raises ApplianceError when QEMU refuses or is gone."""

    def __init__(self, socket: Path, *, timeout: float = 10.0) -> None:
        """Connect, trying until `timeout` seconds have passed."""
        self._unasked: list[dict[str, Any]] = []
        deadline = time.monotonic() + timeout
        while True:
            self._protocol = QEMUMonitorProtocol(str(socket))
            try:
                self._protocol.connect()
                return
            except (QMPError, OSError) as error:
                self.close()
                if time.monotonic() > deadline:
                    raise ApplianceError("QEMU's monitor does not answer", details=str(error)) from error
                time.sleep(0.01)

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run one QMP command and return its answer."""
        try:
            return self._protocol.cmd(command, **arguments)
        except (QMPError, OSError) as error:
            raise ApplianceError(f"QEMU refused {command}", details=str(error)) from error

    def find_event(self, name: str, *, device: str | None = None, timeout: float) -> dict[str, Any] | None:
        """Wait for an event of that name (about that device), at most `timeout` seconds; None when it does not come."""

        def is_it(event: Mapping[str, Any]) -> bool:
            return event["event"] == name and device in (None, event.get("data", {}).get("device"))

        if found := next(filter(is_it, self._unasked), None):
            self._unasked.remove(found)
            return found
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            try:
                event = self._protocol.pull_event(wait=min(left, 1.0))
            except TimeoutError:
                # A machine that is gone tells only who asks.
                self.execute("query-status")
                continue
            except (QMPError, OSError) as error:
                raise ApplianceError("QEMU ended", details=str(error)) from error
            if event and is_it(event):
                return dict(event)
            if event:
                self._unasked.append(dict(event))
        return None

    def take_events(self) -> list[dict[str, Any]]:
        """All events up to now that nobody asked for; they are forgotten then."""
        # The answer to a command comes after the events before it.
        self.execute("query-status")
        try:
            while event := self._protocol.pull_event(wait=False):
                self._unasked.append(dict(event))
        except (QMPError, OSError) as error:
            raise ApplianceError("QEMU ended", details=str(error)) from error
        taken, self._unasked = self._unasked, []
        return taken

    def close(self) -> None:
        with contextlib.suppress(QMPError, OSError, EOFError):
            self._protocol.close()
