from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from builder.errors import GuestError, did_you_mean
from builder.findings import Finding
from builder.guest import systemd
from builder.guest.guest import Guest
from builder.inputs import Matching
from builder.steps.step import Step

_Unit = Annotated[
    str,
    Matching(
        r"^[A-Za-z0-9][A-Za-z0-9:_.\\@-]*$",
        "must be the name of a systemd unit: letters, digits and : _ . @ - \\, starting with a letter or digit",
    ),
    AfterValidator(systemd.full_name),
]

_STARTS = frozenset({"enabled", "static", "alias", "indirect", "generated", "linked"})
"""What `systemctl is-enabled` says of units that enabling is done with."""

_RESTS = frozenset({"disabled", "indirect", "masked", "not-found"})


class Service(
    Step,
    name="service",
    version=1,
    example="service: {enable: [ssh], disable: [apt-daily.timer], mask: [ctrl-alt-del.target]}",
):
    """Enable, disable or mask systemd units; none is started or stopped."""

    enable: list[_Unit] = Field(default=[], description="Units that start at boot; a bare name is a service.")
    disable: list[_Unit] = Field(default=[], description="Units that no longer start by themselves.")
    mask: list[_Unit] = Field(default=[], description="Units that nothing can start, not even another unit.")

    @model_validator(mode="after")
    def _no_contradiction(self) -> Service:
        if not (self.enable or self.disable or self.mask):
            raise ValueError("give units to enable, disable or mask")
        if twice := set(self.enable) & {*self.disable, *self.mask}:
            raise ValueError(f"cannot both enable and stop {', '.join(sorted(twice))}")
        return self

    def apply(self, guest: Guest) -> None:
        for unit in (*self.enable, *self.disable, *self.mask):
            _require_unit(guest, unit)
        for verb, units in (("enable", self.enable), ("disable", self.disable), ("mask", self.mask)):
            if units:
                systemd.systemctl(guest, verb, units)

    def check(self, guest: Guest) -> Iterator[Finding]:
        states = systemd.states(guest, [*self.enable, *self.disable])
        for unit in self.enable:
            yield Finding(states[unit] in _STARTS, f"{unit} is {states[unit]}")
        for unit in self.disable:
            yield Finding(states[unit] in _RESTS, f"{unit} is {states[unit]}")
        for unit in self.mask:
            masked = systemd.is_masked(guest, unit)
            yield Finding(masked, f"{unit} is {'masked' if masked else 'not masked'}")


def _require_unit(guest: Guest, unit: str) -> None:
    if systemd.find_unit(guest, unit) or guest.exists(f"/etc/init.d/{unit.removesuffix('.service')}"):
        return
    # Compared without the type, which would make any two services look alike.
    stem, _, kind = unit.rpartition(".")
    stems = [name.removesuffix(f".{kind}") for name in systemd.units(guest) if name.endswith(f".{kind}")]
    raise GuestError(
        f"the guest has no {kind} {stem}{did_you_mean(stem, stems)}",
        hint="a package that brings it goes before this step",
    )
