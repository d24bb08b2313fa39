"""Running an install, from a process that may be killed at any moment."""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from builder import files, process
from builder.appliance import accelerator
from builder.errors import CommandError, GoldenError, HostError
from builder.events import Emit, Notice
from builder.installer.initrd import inject
from builder.installer.order import InstallOrder
from builder.installer.wire import decode, order_to_json


def install(order: InstallOrder, emit: Emit) -> None:
    """Run an installer until it powers off; `order.disk` then holds what it installed.

    What the installer prints comes as events. Whatever ends us ends its machine as well. Raises BuildError
    where it failed, stalled, or wanted an answer, with its last lines; HostError where this host cannot do it.
    """
    qemu = process.find_tool("qemu-system-x86_64", package="qemu-system-x86")
    unshare = process.find_tool("unshare", package="util-linux")
    usable = accelerator.probe(qemu)
    if usable.kind == "tcg":
        emit(Notice(f"{usable.reason}; the installer runs without it, about ten times slower", warning=True))
    try:
        work = Path(tempfile.mkdtemp(prefix="install-", dir=order.work))
    except OSError as error:
        raise HostError("an install cannot be prepared", details=str(error)) from error
    try:
        initrd, ordered = work / "initrd", work / "order.json"
        inject(order.initrd, order.inject, initrd)
        task = order_to_json(replace(order, initrd=initrd, work=work))
        files.write_json(ordered, {"order": task, "kind": "kvm" if usable.kind == "kvm" else "qemu"}, 0o600)
        command = process.isolated([sys.executable, "-m", __package__, str(ordered)])
        _run([unshare, *command[1:]], emit)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run(command: list[str], emit: Emit) -> None:
    """Run the installer's process. Raises what it says went wrong."""
    failed: list[GoldenError] = []

    def hear(line: str) -> None:
        said = decode(line)
        if isinstance(said, GoldenError):
            failed.append(said)
        else:
            emit(said)

    try:
        process.run(command, on_line=hear)
    except CommandError as error:
        if failed:
            raise failed[0] from None
        raise HostError("the installer's machine could not be run", details=error.details) from error
