"""Calling libvirt: every call goes through here, and libvirt's errors are translated here."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import libvirt

from builder.errors import HypervisorError

T = TypeVar("T")

GONE = frozenset(
    {
        libvirt.VIR_ERR_NO_DOMAIN,
        libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT,
        libvirt.VIR_ERR_NO_NETWORK,
        libvirt.VIR_ERR_NO_STORAGE_POOL,
        libvirt.VIR_ERR_NO_STORAGE_VOL,
    }
)
"""Error codes for an object that does not exist."""

BUSY = "asynchronous jobs running"
"""libvirt's message about a pool in which it is writing a volume; this error has no code of its own."""

PATIENCE = 60.0
"""Seconds to retry while a pool is busy."""

libvirt.registerErrorHandler(lambda context, error: None, None)


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call one of libvirt's functions; waits while a pool is busy. Raises HypervisorError with libvirt's message."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return function(*arguments)
        except libvirt.libvirtError as error:
            if BUSY not in str(error) or time.monotonic() > deadline:
                raise translate(error) from error
        time.sleep(0.05)


def find(function: Callable[..., Any], *arguments: Any) -> Any | None:
    """Like `call`, but returns None if the object does not exist."""
    return none_if_gone(lambda: call(function, *arguments))


def none_if_gone(read: Callable[[], T]) -> T | None:
    """The result of `read`, or None if the object does not exist any more. Raises HypervisorError."""
    try:
        return read()
    except HypervisorError as error:
        if error.code in GONE:
            return None
        raise


def translate(error: libvirt.libvirtError) -> HypervisorError:
    message = error.get_error_message() or str(error)
    hint = None
    if error.get_error_code() in (libvirt.VIR_ERR_AUTH_FAILED, libvirt.VIR_ERR_ACCESS_DENIED):
        hint = "add this user to the group libvirt, or run golden as root"
    elif "Permission denied" in message:
        hint = "QEMU runs as another user: give it search permission (x) on every folder above the disk"
    return HypervisorError("libvirt reports an error", code=error.get_error_code() or 0, details=message, hint=hint)
