"""libguestfs handles, configured and launched alike by every way of starting an appliance."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import guestfs

from builder.appliance.processors import count_processors
from builder.errors import ApplianceError

MEMORY = 2048
"""MiB of the appliance: enough for a package manager; a restore pays only for what is in use."""


@dataclass(frozen=True, slots=True)
class ApplianceSettings:
    """What an appliance is made of. `cache` is the folder of saved appliances; `qemu` names another QEMU."""

    cache: Path
    memory: int = MEMORY
    qemu: str | None = None
    processors: int = field(default_factory=count_processors)

    @property
    def shape(self) -> dict[str, int]:
        """What saved appliances are told apart by, of what is chosen here."""
        return {"memory": self.memory, "processors": self.processors}


def launch(handle: guestfs.GuestFS) -> None:
    """Start a handle's appliance. Raises ApplianceError; the handle is the caller's to close."""
    try:
        handle.launch()
    except RuntimeError as error:
        text = str(error)
        hint = None
        if "supermin" in text:
            hint = (
                "the appliance is built from the host's kernel: "
                "install linux-image-cloud-amd64 (apt) or kernel-core (dnf)"
            )
        raise ApplianceError("the libguestfs appliance did not start", details=text, hint=hint) from error


def new_handle(settings: ApplianceSettings, accelerator_kind: str) -> guestfs.GuestFS:
    """A configured handle, not yet launched."""
    handle = guestfs.GuestFS(python_return_dict=True)
    # Its trace goes to stderr.
    handle.set_trace(os.environ.get("GOLDEN_TRACE") == "1")
    handle.set_backend("direct")
    if accelerator_kind == "tcg":
        handle.set_backend_settings(["force_tcg"])
    handle.set_network(True)
    handle.set_memsize(settings.memory)
    handle.set_smp(settings.processors)
    # Closing never waits for a guest: what counts was unmounted or frozen by then.
    handle.set_autosync(False)
    if settings.qemu:
        handle.set_hv(settings.qemu)
    return handle
