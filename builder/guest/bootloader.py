"""GRUB in a guest: its settings, its generated configuration, and the kernel's arguments in what it boots."""

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
"""The variable whose arguments every kernel line gets, recovery entries too."""

NORMAL = "GRUB_CMDLINE_LINUX_DEFAULT"
"""The variable whose arguments follow those of COMMON, except in recovery entries."""

VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\;&|<>()#])*"""
"""A shell word on one line."""


@dataclass(frozen=True, slots=True)
class GrubLayout:
    """Where a family keeps GRUB's files. `extra` is a glob of settings that are read after `settings`."""

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
"""Where machines that boot by UEFI have a configuration of their own, or a stub that names the other one."""


class Grub:
    """GRUB 2 as grub-mkconfig drives it. Changed settings have effect once `regenerate` ran."""

    def __init__(self, guest: Guest, layout: GrubLayout) -> None:
        self.guest = guest
        self.layout = layout

    @property
    def _files(self) -> list[str]:
        """The files of settings in the order in which grub-mkconfig reads them: the last one wins."""
        return [self.layout.settings, *(self.guest.glob(self.layout.extra) if self.layout.extra else ())]

    def get(self, name: str) -> str:
        """The value that grub-mkconfig will see, as the guest's shell reads the files. Empty where unset."""
        read = "".join(f". {shlex.quote(file)}\n" for file in self._files)
        # What the files print themselves, and how their last command ended, is not the answer.
        answer = self.guest.query(f"{read}printf '\\ngolden:%s\\n' \"${name}\"")
        return answer.partition("golden:")[2]

    def set(self, name: str, value: str) -> None:
        """Give a variable its value in the file where it counts: the last one that sets it.

        Raises GuestError when it does not count even there.
        """
        texts = {file: self.guest.read(file) for file in self._files}
        setting = [file for file, text in texts.items() if mentions(text, name)]
        file = setting[-1] if setting else self.layout.settings
        self.guest.write(file, assign(texts[file], name, value))
        if (now := self.get(name)) != value:
            raise GuestError(f"{name} cannot be set in {file}", details=f"it should be {value!r} and is {now!r}")

    def get_arguments(self, name: str) -> list[str]:
        """A variable's value as kernel arguments."""
        return split_arguments(self.get(name))

    def set_arguments(self, name: str, arguments: list[str]) -> None:
        """The counterpart of `get_arguments`; a variable that has them already is left as it is written."""
        if self.get_arguments(name) != arguments:
            self.set(name, " ".join(arguments))

    def change_arguments(self, removes: Callable[[str], bool], add: Sequence[str] = ()) -> None:
        """Take away kernel arguments, then add those that are not there, for every kernel and those to come."""

        def change(arguments: list[str]) -> list[str]:
            kept = [each for each in arguments if not removes(each)]
            return kept + [each for each in dict.fromkeys(add) if each not in kept]

        self.set_arguments(COMMON, change(self.get_arguments(COMMON)))
        self.set_arguments(NORMAL, [each for each in self.get_arguments(NORMAL) if not removes(each)])
        if entries := self.entries:
            entries.change(change)

    def set_root_naming(self, spec: str | None, *, by_device: bool) -> None:
        """Give the kernel its root by device or by UUID; `spec` is its new name, None where it is no partition."""
        self.set("GRUB_DISABLE_LINUX_UUID", "true" if by_device else "false")
        if by_device:
            # With the UUID gone GRUB would take the partition's, where a cloud image allows that.
            self.set("GRUB_DISABLE_LINUX_PARTUUID", "true")
            # EL 7 would rather take the file system's label, if it has one.
            if self.get("GRUB_ENABLE_LINUX_LABEL") == "true":
                self.set("GRUB_ENABLE_LINUX_LABEL", "false")
        entries = self.entries
        if entries and spec:
            entries.change(lambda words: [f"root={spec}" if word.startswith("root=") else word for word in words])

    @property
    def entries(self) -> BootEntries | None:
        """The guest's boot entries, where its GRUB boots those."""
        if self.get("GRUB_ENABLE_BLSCFG") != "true":
            return None
        environment = f"{self.layout.config.rpartition('/')[0]}/grubenv"
        entries = BootEntries(self.guest, environment, self.layout.editenv)
        return entries if entries.files else None

    def regenerate(self) -> None:
        """Write GRUB's configuration anew from the settings. Takes seconds; raises CommandError."""
        efi = [path for path in self.guest.glob(EFI_CONFIGS) if "configfile" not in self.guest.read(path)]
        for path in [self.layout.config, *efi]:
            self.guest.run(f"{self.layout.generate} {path}")
            config = self.guest.read(path)
            # grub-mkconfig names the device that it sees, and an appliance may call the disk by another name.
            ours = re.sub(rf"(?<=\sroot={re.escape(self.guest.device)})(?=p?\d)", "\0", config)
            ours = ours.replace(f"root={self.guest.device}\0", f"root={DOMAIN_DISK}")
            if ours != config:
                self.guest.write(path, ours)
        if (entries := self.entries) and self.guest.device != DOMAIN_DISK:
            here = re.compile(rf"root={re.escape(self.guest.device)}(?=p?\d)")
            entries.change(lambda words: [here.sub(f"root={DOMAIN_DISK}", word) for word in words])

    def config(self) -> str:
        """The generated configuration; empty where there is none."""
        return self.guest.read(self.layout.config) if self.guest.is_file(self.layout.config) else ""

    def kernel_lines(self) -> list[list[str]]:
        """The arguments of every Linux entry that can be booted, recovery entries too."""
        if entries := self.entries:
            return entries.lines()
        found = re.findall(r"^\s*linux(?:16|efi)?\s+\S+[ \t]+(.*)$", self.config(), re.MULTILINE)
        lines = [split_arguments(arguments) for arguments in found]
        # A memory test is loaded like a kernel, but has no root.
        return [line for line in lines if any(argument.startswith("root=") for argument in line)]


def of(guest: Guest) -> Grub:
    """The guest's GRUB. Raises GuestError for a guest without one that golden can configure."""
    layout = LAYOUTS.get(guest.info.family)
    if layout is None:
        raise GuestError(f"golden cannot configure the boot loader of {guest.info.product}")
    if not guest.is_file(layout.settings):
        raise GuestError(f"the guest has no {layout.settings}", hint="these steps need GRUB 2 in the base")
    return Grub(guest, layout)


def mentions(text: str, name: str) -> list[int]:
    """The lines of a file of shell that set a variable in any way, counted from 0."""
    pattern = re.compile(rf"[^#]*\b{name}\+?=")
    return [number for number, line in enumerate(text.splitlines()) if pattern.match(line)]


def assign(text: str, name: str, value: str) -> str:
    """A file of shell in which a variable has that value at the end.

    Its last assignment is replaced where it is a plain one; what is not (`export`, `+=`, within an
    `if`, over several lines) stays, and a plain one is added at the end.
    """
    lines = text.splitlines()
    quoted = f'"{value}"' if not set(value) & set('"$`\\') else shlex.quote(value)
    last = next(reversed(mentions(text, name)), None)
    plain = re.fullmatch(rf"{name}={VALUE}(?P<comment>\s*|\s+#.*)", lines[last]) if last is not None else None
    if last is not None and plain:
        lines[last] = f"{name}={quoted}{plain['comment'].rstrip()}"
    else:
        lines.append(f"{name}={quoted}")
    return "\n".join(lines) + "\n"
