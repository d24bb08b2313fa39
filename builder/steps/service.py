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
        "must be the name of a systemd unit: letters, digits and : _ . @ - \\, such as ssh or fstrim.timer",
    ),
    AfterValidator(systemd.full_name),
]

_ENABLED = frozenset({"enabled", "static", "alias", "indirect", "generated", "linked"})
"""What `systemctl is-enabled` prints for a unit that needs no further enabling."""

_DISABLED = frozenset({"disabled", "indirect", "masked", "not-found"})
"""What it prints for a unit that does not start by itself."""


class Service(
    Step,
    name="service",
    version=1,
    example="service: {enable: [ssh], disable: [apt-daily.timer], mask: [ctrl-alt-del.target]}",
):
    """Enable, disable or mask systemd units.

    The changes take effect at a node's next boot: no unit is started or stopped during the build.
    """

    enable: list[_Unit] = Field(default=[], description="Units to start at boot. A name without a suffix is a service.")
    disable: list[_Unit] = Field(default=[], description="Units not to start at boot.")
    mask: list[_Unit] = Field(default=[], description="Units that nothing can start, not even by hand.")

    @model_validator(mode="after")
    def _check_consistent(self) -> Service:
        if not (self.enable or self.disable or self.mask):
            raise ValueError("set at least one of enable, disable and mask")
        if twice := set(self.enable) & {*self.disable, *self.mask}:
            raise ValueError(f"cannot both enable and disable or mask {', '.join(sorted(twice))}")
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
            yield _compare(unit, states[unit], _ENABLED, "enabled")
        for unit in self.disable:
            yield _compare(unit, states[unit], _DISABLED, "disabled")
        for unit in self.mask:
            masked = systemd.is_masked(guest, unit)
            yield Finding(masked, f"{unit} is {'masked' if masked else 'not masked'}")


def _compare(unit: str, state: str, good: frozenset[str], wanted: str) -> Finding:
    correct = state in good
    return Finding(correct, f"{unit} is {state}{'' if correct else f' (expected {wanted})'}")


def _require_unit(guest: Guest, unit: str) -> None:
    if systemd.find_unit(guest, unit) or guest.exists(f"/etc/init.d/{unit.removesuffix('.service')}"):
        return
    # Compared without the suffix, which would make all services look similar.
    stem, _, kind = unit.rpartition(".")
    stems = [name.removesuffix(f".{kind}") for name in systemd.units(guest) if name.endswith(f".{kind}")]
    raise GuestError(
        f"the guest has no {kind} {stem}{did_you_mean(stem, stems)}",
        hint="correct the name, or install the package that provides the unit before this step",
    )
