"""QEMU's monitor (QMP). Its errors become ApplianceErrors."""

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

# When a machine ends, the library raises an exception and also logs it: silence the log.
if not logging.getLogger("qemu.qmp").level:  # unless GOLDEN_TRACE has set a level
    logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)


class Monitor:
    """A connection to a QMP socket. Every method raises ApplianceError if QEMU refuses or has ended."""

    def __init__(self, socket: Path, *, timeout: float = 10.0) -> None:
        """Connect; retry for `timeout` seconds."""
        self._pending_events: list[dict[str, Any]] = []
        deadline = time.monotonic() + timeout
        while True:
            self._protocol = QEMUMonitorProtocol(str(socket))
            try:
                self._protocol.connect()
                return
            except (QMPError, OSError) as error:
                self.close()
                if time.monotonic() > deadline:
                    raise ApplianceError(
                        f"QEMU's monitor did not answer within {timeout:.0f} s", details=str(error)
                    ) from error
                time.sleep(0.01)

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run one QMP command and return its answer."""
        try:
            return self._protocol.cmd(command, **arguments)
        except (QMPError, OSError) as error:
            raise ApplianceError(f"QEMU refused {command}", details=str(error)) from error

    def find_event(self, name: str, *, device: str | None = None, timeout: float) -> dict[str, Any] | None:
        """Wait up to `timeout` seconds for an event of that name, and of that device if given; None if none comes."""

        def matches(event: Mapping[str, Any]) -> bool:
            return event["event"] == name and device in (None, event.get("data", {}).get("device"))

        if found := next(filter(matches, self._pending_events), None):
            self._pending_events.remove(found)
            return found
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            try:
                event = self._protocol.pull_event(wait=min(left, 1.0))
            except TimeoutError:
                # Only a command notices that the machine has ended.
                self.execute("query-status")
                continue
            except (QMPError, OSError) as error:
                raise ApplianceError("QEMU ended unexpectedly", details=str(error)) from error
            if event and matches(event):
                return dict(event)
            if event:
                self._pending_events.append(dict(event))
        return None

    def take_events(self) -> list[dict[str, Any]]:
        """Return and forget all events that have arrived and that `find_event` has not returned."""
        # Once a command is answered, all earlier events have arrived.
        self.execute("query-status")
        try:
            while event := self._protocol.pull_event(wait=False):
                self._pending_events.append(dict(event))
        except (QMPError, OSError) as error:
            raise ApplianceError("QEMU ended unexpectedly", details=str(error)) from error
        taken, self._pending_events = self._pending_events, []
        return taken

    def close(self) -> None:
        with contextlib.suppress(QMPError, OSError, EOFError):
            self._protocol.close()
