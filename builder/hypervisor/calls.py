"""Calling libvirt: every call goes through here, and what it refuses is translated here."""

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
"""Codes of errors that say: there is none of that name."""

BUSY = "asynchronous jobs running"
"""What libvirt says of a pool while it writes a volume; it has no code of its own."""

PATIENCE = 60.0
"""Seconds for which a busy pool is asked again."""

libvirt.registerErrorHandler(lambda context, error: None, None)


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call one of libvirt's functions. Raises HypervisorError in its words; a busy pool is waited for."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return function(*arguments)
        except libvirt.libvirtError as error:
            if BUSY not in str(error) or time.monotonic() > deadline:
                raise translate(error) from error
        time.sleep(0.05)


def find(function: Callable[..., Any], *arguments: Any) -> Any | None:
    """Like `call`, but None where there is none of that name."""
    return none_if_gone(lambda: call(function, *arguments))


def none_if_gone(question: Callable[[], T]) -> T | None:
    """The answer, or None where what is asked about is gone. Raises HypervisorError."""
    try:
        return question()
    except HypervisorError as error:
        if error.code in GONE:
            return None
        raise


def translate(error: libvirt.libvirtError) -> HypervisorError:
    said = error.get_error_message() or str(error)
    hint = None
    if error.get_error_code() in (libvirt.VIR_ERR_AUTH_FAILED, libvirt.VIR_ERR_ACCESS_DENIED):
        hint = "is this user in the group libvirt?"
    elif "Permission denied" in said:
        hint = "QEMU runs as a user of its own: every folder on the way to the disk must let it through (mode x)"
    return HypervisorError("libvirt refused", code=error.get_error_code() or 0, details=said, hint=hint)
