"""The appliance of a build and the disk in it: each step writes to a new overlay, which becomes its layer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from builder.appliance.appliance import Appliance, Disk
from builder.appliance.handle import ApplianceSettings
from builder.appliance.interrupt import on_stop_signal
from builder.appliance.start import start
from builder.disks import create_overlay, virtual_size
from builder.errors import CommandError, GoldenError, HostError
from builder.events import Emit
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from builder.guest.supplies import Supplies
from builder.layers import Layer, LayerCache
from builder.sizes import write_hint


class BuildSession:
    """Starts the appliance when it is first needed, and keeps it to the end of the build.

    Use it in a `with` statement. `open_overlay` makes the guest ready for a step, `finish_layer` ends the step.
    """

    def __init__(
        self, settings: ApplianceSettings, work: Path, layers: LayerCache, emit: Emit, supplies: Supplies | None = None
    ) -> None:
        """`work` is the build's scratch folder."""
        self.work = work
        self.layers = layers
        self.how: str | None = None
        self._settings = settings
        self._emit = emit
        self._supplies = supplies or Supplies()
        self._appliance: Appliance | None = None
        self._cleanup = ExitStack()
        self._guest: Guest | None = None
        self._numbers = itertools.count(1)
        self._overlay = Path()
        self._below: str | None = None
        """The id of the layer that backs the open overlay; None if that is no layer."""
        self._size = 0

    def __enter__(self) -> BuildSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the appliance. May be called twice."""
        if self._guest and self._appliance and self._appliance.alive:
            with suppress(GoldenError):  # the supplies cannot be unmounted while the guest shows them
                self._guest.leave_chroot()
        self._appliance = self._guest = None
        self._cleanup.close()

    def appliance(self) -> Appliance:
        """The running appliance. Raises ApplianceError."""
        if self._appliance is None:
            self._appliance = self._cleanup.enter_context(start(self._settings, self._emit))
            self._cleanup.enter_context(on_stop_signal(self._appliance.kill))
            self._cleanup.callback(self._supplies.close)
            self.how = self._appliance.start_method
        return self._appliance

    @property
    def guest(self) -> Guest:
        assert self._guest is not None, "no layer is open"
        return self._guest

    @contextmanager
    def disk_errors(self) -> Iterator[None]:
        """If something fails because the host could not write the disk, raise that as HostError instead."""
        try:
            yield
        except GoldenError:
            if self._appliance and self._appliance.alive:
                self._appliance.check_disks()
            raise

    def open_overlay(self, parent: Layer, info: GuestInfo, emit: Emit) -> Guest:
        """The guest, mounted and writable, on a new overlay over `parent`. Raises GoldenError."""
        if self._guest:
            # The overlay that finish_layer began can be used, unless another build was faster with that layer, whose
            # blocks are then in another file, or with the next one.
            self._guest.thaw()
            if self._below != parent.id:
                self._guest.unmount()
                self.appliance().unplug(self._guest.device)
                self._guest = None
        if self._guest is None:
            self._size = virtual_size(parent.disk)
            self._overlay, self._below = self._new_overlay(parent.disk), parent.id
            device = self.appliance().plug(Disk(self._overlay))
            self._guest = Guest(self.appliance(), device, info, emit, self._supplies)
            self._guest.mount()
        self._guest.emit = emit
        return self._guest

    def _new_overlay(self, backing: Path) -> Path:
        overlay = self.layers.staging(self.work.name, next(self._numbers))
        try:
            create_overlay(overlay, backing, "qcow2", size=self._size)
        except CommandError as error:
            raise HostError(
                f"cannot create the layer {overlay}", details=error.details, hint=write_hint(overlay.parent)
            ) from error
        return overlay

    def finish_layer(self, key: str) -> Path:
        """End the current overlay, start a new one on top of it, and return the finished one.

        The guest stays frozen. The new overlay's header already names the layer `key`; `commit` gives the finished
        overlay that name. Raises HostError if the disk could not take all that was written.
        """
        finished, guest = self._overlay, self.guest
        guest.freeze()
        self._overlay = self._new_overlay(self.layers.disk(key))
        self.appliance().checkpoint(guest.device, Disk(self._overlay))
        self.appliance().check_disks()
        return finished

    def detach(self) -> Path:
        """Unplug the disk, whose guest is unmounted, and return its overlay. Raises HostError."""
        self.appliance().unplug(self.guest.device)
        self.appliance().check_disks()
        self._guest = None
        return self._overlay

    def commit(self, key: str, finished: Path, record: Mapping[str, Any], parent: Layer) -> Layer:
        """Add a finished overlay to the cache. Raises HostError (no space)."""
        try:
            first = self.layers.commit(key, finished, record, parent)
        except OSError as error:
            raise HostError(
                f"cannot save a finished layer in {self.layers.folder}",
                details=str(error),
                hint=write_hint(self.layers.folder),
            ) from error
        layer = self.layers.find(key, parent)
        assert layer is not None
        self._below = layer.id if first else None
        return layer
