"""Create, configure and launch libguestfs handles, the same way for every start method."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import guestfs

from builder.appliance.processors import count_processors
from builder.errors import ApplianceError

MEMORY = 2048
"""The appliance's memory in MiB: enough for a package manager. A saved state only holds the memory in use."""


@dataclass(frozen=True, slots=True)
class ApplianceSettings:
    """How to start an appliance.

    `cache` is the folder of saved appliances, `memory` is in MiB, and `qemu` replaces libguestfs's QEMU.
    """

    cache: Path
    memory: int = MEMORY
    qemu: str | None = None
    processors: int = field(default_factory=count_processors)

    @property
    def shape(self) -> dict[str, int]:
        """The settings that a saved appliance must match."""
        return {"memory": self.memory, "processors": self.processors}


def launch(handle: guestfs.GuestFS) -> None:
    """Start a handle's appliance. Raises ApplianceError; the caller then closes the handle."""
    try:
        handle.launch()
    except RuntimeError as error:
        text = str(error)
        hint = None
        if "supermin" in text:
            hint = (
                "install linux-image-cloud-amd64 (apt) or kernel-core (dnf): "
                "libguestfs builds its appliance from the host's kernel"
            )
        raise ApplianceError("cannot start the libguestfs appliance", details=text, hint=hint) from error


def new_handle(settings: ApplianceSettings, accelerator_kind: str) -> guestfs.GuestFS:
    """A configured handle, not yet launched."""
    handle = guestfs.GuestFS(python_return_dict=True)
    # libguestfs writes its trace to stderr.
    handle.set_trace(os.environ.get("GOLDEN_TRACE") == "1")
    handle.set_backend("direct")
    if accelerator_kind == "tcg":
        handle.set_backend_settings(["force_tcg"])
    handle.set_network(True)
    handle.set_memsize(settings.memory)
    handle.set_smp(settings.processors)
    # Closing need not wait: by then, everything that golden keeps is unmounted or frozen.
    handle.set_autosync(False)
    if settings.qemu:
        handle.set_hv(settings.qemu)
    return handle
