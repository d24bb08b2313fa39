"""systemd units in a guest that is not running: the files and links that `systemctl --root` would write."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from builder.guest.guest import Guest

FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
OWN = FOLDERS[0]

TYPES = frozenset(
    {"automount", "device", "mount", "path", "scope", "service", "slice", "socket", "swap", "target", "timer"}
)


def is_installed(guest: Guest) -> bool:
    """Whether the guest has systemd."""
    return any(guest.is_file(f"{folder}/systemd/systemd") for folder in ("/usr/lib", "/lib"))


def find_unit(guest: Guest, unit: str) -> str | None:
    """The path of a unit's file, or of its template if it is an instance; None if there is neither."""
    name, at, rest = unit.partition("@")
    names = [unit, f"{name}@.{rest.rpartition('.')[2]}"] if at else [unit]
    return next((f"{folder}/{name}" for name in names for folder in FOLDERS if guest.exists(f"{folder}/{name}")), None)


def install_unit(guest: Guest, unit: str, text: str, *, wanted_by: str = "multi-user.target") -> None:
    """Write a unit file and enable it."""
    guest.write(f"{OWN}/{unit}", text, mode=0o644)
    guest.mkdir(f"{OWN}/{wanted_by}.wants")
    guest.link(f"{OWN}/{unit}", f"{OWN}/{wanted_by}.wants/{unit}")


def is_enabled(guest: Guest, unit: str) -> bool:
    """Whether another unit wants or requires this one."""
    return bool(guest.glob(f"{OWN}/*.wants/{unit}", f"{OWN}/*.requires/{unit}"))


def is_masked(guest: Guest, unit: str) -> bool:
    path = f"{OWN}/{unit}"
    found = guest.find_stat(path)
    return found is not None and found.kind == "link" and guest.read_link(path) == "/dev/null"


def full_name(unit: str) -> str:
    """A unit's name with its type. Without a type it is a service, as for systemctl."""
    return unit if unit.rpartition(".")[2] in TYPES else f"{unit}.service"


def units(guest: Guest) -> list[str]:
    """The names of all unit files, sorted."""
    return sorted({name for folder in FOLDERS for name in guest.ls(folder) if name.rpartition(".")[2] in TYPES})


def systemctl(guest: Guest, verb: str, units: Iterable[str]) -> None:
    """Run `systemctl enable`, `disable` or `mask`; these work without a running systemd. Raises CommandError."""
    guest.run(shlex.join(["systemctl", verb, "--", *units]))


def states(guest: Guest, units: Sequence[str]) -> dict[str, str]:
    """The answer of `systemctl is-enabled` for each unit: enabled, static, masked, …; `not-found` if it is missing."""
    if not units:
        return {}
    # Ask for each unit separately: for several units, systemctl leaves lines out.
    command = f'for u in {shlex.join(units)}; do echo "$u" $(systemctl is-enabled -- "$u" 2>/dev/null); done'
    answers = (line.split() for line in guest.query(command).splitlines())
    return {unit: state[0] if state else "not-found" for unit, *state in answers}
