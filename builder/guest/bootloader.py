"""GRUB in a guest: its settings, its generated configuration, and the kernel arguments that it boots with."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from builder.errors import GuestError
from builder.guest.bls import BootEntries, split_arguments
from builder.guest.guest import Guest
from builder.guest.info import DOMAIN_DISK, Family

COMMON = "GRUB_CMDLINE_LINUX"
"""The variable with the arguments of all boot entries, including recovery entries."""

NORMAL = "GRUB_CMDLINE_LINUX_DEFAULT"
"""The variable with additional arguments, for all entries except recovery entries."""

VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\;&|<>()#])*"""
"""Regular expression for a shell word on one line."""


@dataclass(frozen=True, slots=True)
class GrubLayout:
    """Where a family keeps GRUB's files. `extra` is a glob of settings files that are read after `settings`."""

    extra: str
    config: str
    generate: str
    editenv: str
    settings: str = "/etc/default/grub"


_GRUB2 = GrubLayout(extra="", config="/boot/grub2/grub.cfg", generate="grub2-mkconfig -o", editenv="grub2-editenv")

LAYOUTS: dict[Family, GrubLayout] = {
    "debian": GrubLayout(
        extra="/etc/default/grub.d/*.cfg",
        config="/boot/grub/grub.cfg",
        generate="grub-mkconfig -o",
        editenv="grub-editenv",
    ),
    "redhat": _GRUB2,
    "suse": _GRUB2,
}

EFI_CONFIGS = "/boot/efi/EFI/*/grub.cfg"
"""The configurations for UEFI boot: a full one, or a stub that loads the main one."""


class Grub:
    """GRUB 2, configured by grub-mkconfig. Changed settings take effect after `regenerate`."""

    def __init__(self, guest: Guest, layout: GrubLayout) -> None:
        self.guest = guest
        self.layout = layout

    @property
    def _files(self) -> list[str]:
        """The settings files in the order in which grub-mkconfig reads them: the last one wins."""
        return [self.layout.settings, *(self.guest.glob(self.layout.extra) if self.layout.extra else ())]

    def get(self, name: str) -> str:
        """The value that grub-mkconfig sees when the guest's shell has read the files. Empty if unset."""
        source = "".join(f". {shlex.quote(file)}\n" for file in self._files)
        # The marker separates the value from what the files themselves print.
        answer = self.guest.query(f"{source}printf '\\ngolden:%s\\n' \"${name}\"")
        return answer.partition("golden:")[2]

    def set(self, name: str, value: str) -> None:
        """Set a variable in the last settings file that assigns it.

        Raises GuestError if grub-mkconfig would still see another value.
        """
        texts = {file: self.guest.read(file) for file in self._files}
        setting = [file for file, text in texts.items() if find_assignments(text, name)]
        file = setting[-1] if setting else self.layout.settings
        self.guest.write(file, assign(texts[file], name, value))
        if (current := self.get(name)) != value:
            raise GuestError(
                f"cannot set {name} in {file}: grub-mkconfig would see another value",
                details=f"it should be {value!r}, but is {current!r}",
                hint=f"in an earlier step, remove the later assignment of {name} from {file}",
            )

    def get_arguments(self, name: str) -> list[str]:
        """A variable's value as kernel arguments."""
        return split_arguments(self.get(name))

    def set_arguments(self, name: str, arguments: list[str]) -> None:
        """Set a variable to kernel arguments. If it already has them, its files are not changed."""
        if self.get_arguments(name) != arguments:
            self.set(name, " ".join(arguments))

    def change_arguments(self, removes: Callable[[str], bool], add: Sequence[str] = ()) -> None:
        """Remove kernel arguments, then add missing ones, for all kernels and those installed later."""

        def change(arguments: list[str]) -> list[str]:
            kept = [each for each in arguments if not removes(each)]
            return kept + [each for each in dict.fromkeys(add) if each not in kept]

        self.set_arguments(COMMON, change(self.get_arguments(COMMON)))
        self.set_arguments(NORMAL, [each for each in self.get_arguments(NORMAL) if not removes(each)])
        if entries := self.entries:
            entries.change(change)

    def set_root_naming(self, spec: str | None, *, by_device: bool) -> None:
        """Name the kernel's root by device or by UUID. `spec` is its new name; None if it is not a partition."""
        self.set("GRUB_DISABLE_LINUX_UUID", "true" if by_device else "false")
        if by_device:
            # Without the UUID, GRUB would use the partition's UUID if a cloud image enables that.
            self.set("GRUB_DISABLE_LINUX_PARTUUID", "true")
            # EL 7 would prefer the file system's label, if it has one.
            if self.get("GRUB_ENABLE_LINUX_LABEL") == "true":
                self.set("GRUB_ENABLE_LINUX_LABEL", "false")
        entries = self.entries
        if entries and spec:
            entries.change(lambda words: [f"root={spec}" if word.startswith("root=") else word for word in words])

    @property
    def entries(self) -> BootEntries | None:
        """The guest's boot entries; None if its GRUB does not use any."""
        if self.get("GRUB_ENABLE_BLSCFG") != "true":
            return None
        environment = f"{self.layout.config.rpartition('/')[0]}/grubenv"
        entries = BootEntries(self.guest, environment, self.layout.editenv)
        return entries if entries.files else None

    def regenerate(self) -> None:
        """Regenerate GRUB's configuration from the settings. Takes seconds. Raises CommandError."""
        efi = [path for path in self.guest.glob(EFI_CONFIGS) if "configfile" not in self.guest.read(path)]
        for path in [self.layout.config, *efi]:
            self.guest.run(f"{self.layout.generate} {path}")
            config = self.guest.read(path)
            # grub-mkconfig writes the device that it sees, but the appliance may use another name than the domain.
            corrected = re.sub(rf"(?<=\sroot={re.escape(self.guest.device)})(?=p?\d)", "\0", config)
            corrected = corrected.replace(f"root={self.guest.device}\0", f"root={DOMAIN_DISK}")
            if corrected != config:
                self.guest.write(path, corrected)
        if (entries := self.entries) and self.guest.device != DOMAIN_DISK:
            device = re.compile(rf"root={re.escape(self.guest.device)}(?=p?\d)")
            entries.change(lambda words: [device.sub(f"root={DOMAIN_DISK}", word) for word in words])

    def config(self) -> str:
        """The generated configuration; empty if there is none."""
        return self.guest.read(self.layout.config) if self.guest.is_file(self.layout.config) else ""

    def kernel_lines(self) -> list[list[str]]:
        """The kernel arguments of each bootable Linux entry, including recovery entries."""
        if entries := self.entries:
            return entries.lines()
        found = re.findall(r"^\s*linux(?:16|efi)?\s+\S+[ \t]+(.*)$", self.config(), re.MULTILINE)
        lines = [split_arguments(arguments) for arguments in found]
        # A memory test is loaded like a kernel, but has no root=.
        return [line for line in lines if any(argument.startswith("root=") for argument in line)]


def of(guest: Guest) -> Grub:
    """The guest's GRUB. Raises GuestError if golden cannot configure its boot loader."""
    layout = LAYOUTS.get(guest.info.family)
    if layout is None:
        raise GuestError(f"golden cannot configure the boot loader of {guest.info.product}")
    if not guest.is_file(layout.settings):
        raise GuestError(f"the guest has no {layout.settings}", hint="use a base whose boot loader is GRUB 2")
    return Grub(guest, layout)


def find_assignments(text: str, name: str) -> list[int]:
    """The numbers, from 0, of the lines of a shell file that assign a variable in any way."""
    pattern = re.compile(rf"[^#]*\b{name}\+?=")
    return [number for number, line in enumerate(text.splitlines()) if pattern.match(line)]


def assign(text: str, name: str, value: str) -> str:
    """Return a shell file with a variable set to a value.

    If the last assignment is plain, it is replaced. Any other one (`export`, `+=`, inside an `if`, on several lines)
    stays, and a plain one is added at the end.
    """
    lines = text.splitlines()
    quoted = f'"{value}"' if not set(value) & set('"$`\\') else shlex.quote(value)
    last = next(reversed(find_assignments(text, name)), None)
    plain = re.fullmatch(rf"{name}={VALUE}(?P<comment>\s*|\s+#.*)", lines[last]) if last is not None else None
    if last is not None and plain:
        lines[last] = f"{name}={quoted}{plain['comment'].rstrip()}"
    else:
        lines.append(f"{name}={quoted}")
    return "\n".join(lines) + "\n"
