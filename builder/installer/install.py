"""Runs an install so that it ends with this process, even if that is killed."""

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
from builder.sizes import write_hint


def install(order: InstallOrder, emit: Emit) -> None:
    """Run an installer until it powers off; `order.disk` then holds what it installed.

    The installer's output arrives as events. If this process ends, the machine ends, too. Raises BuildError,
    with the last lines, if the installer fails, stalls, or asks a question; HostError if this host cannot do it.
    """
    qemu = process.find_tool("qemu-system-x86_64", package="qemu-system-x86")
    unshare = process.find_tool("unshare", package="util-linux")
    usable = accelerator.probe(qemu)
    if usable.kind == "tcg":
        emit(Notice(f"{usable.reason}; the installer runs emulated, about ten times slower", warning=True))
    try:
        work = Path(tempfile.mkdtemp(prefix="install-", dir=order.work))
    except OSError as error:
        raise HostError(
            f"cannot create a folder for the installer in {order.work}",
            details=str(error),
            hint=write_hint(order.work),
        ) from error
    try:
        initrd, order_file = work / "initrd", work / "order.json"
        inject(order.initrd, order.inject, initrd)
        task = order_to_json(replace(order, initrd=initrd, work=work))
        files.write_json(order_file, {"order": task, "kind": "kvm" if usable.kind == "kvm" else "qemu"}, 0o600)
        command = process.isolated([sys.executable, "-m", __package__, str(order_file)])
        _run([unshare, *command[1:]], emit)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run(command: list[str], emit: Emit) -> None:
    """Run the installer's process. Raises the error that it reports."""
    errors: list[GoldenError] = []

    def receive(line: str) -> None:
        message = decode(line)
        if isinstance(message, GoldenError):
            errors.append(message)
        else:
            emit(message)

    try:
        process.run(command, on_line=receive)
    except CommandError as error:
        if errors:
            raise errors[0] from None
        raise HostError("the process that runs the installer failed", details=error.details) from error
