"""Boot entries in separate files, as in EL 8 and later (Boot Loader Specification, type 1)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from builder.guest.guest import Guest

ENTRIES = "/boot/loader/entries/*.conf"
FUTURE = "/etc/kernel/cmdline"
"""The arguments for kernels that are installed later (read by kernel-install)."""

OPTIONS = re.compile(r"^(options[ \t]+)(.*?)[ \t]*$", re.MULTILINE)
SHARED = "$kernelopts"
"""EL 8: GRUB's variable with the arguments of all entries, stored in GRUB's environment block."""

Change = Callable[[list[str]], list[str]]


class BootEntries:
    """The boot entries of a guest: what its GRUB boots, whatever its grub.cfg says."""

    def __init__(self, guest: Guest, environment: str, editenv: str) -> None:
        """`environment` is the file of GRUB's environment block, `editenv` the command that writes it."""
        self.guest = guest
        self._environment = environment
        self._editenv = editenv

    @property
    def files(self) -> list[str]:
        return self.guest.glob(ENTRIES)

    def lines(self) -> list[list[str]]:
        """The kernel arguments of each entry. GRUB's variables are replaced by their values, or dropped if unset."""
        variables = self._variables()
        lines = []
        for file in self.files:
            options = OPTIONS.search(self.guest.read(file))
            words = split_arguments(options[2]) if options else []
            expanded = [
                split_arguments(variables.get(word[1:], "")) if word.startswith("$") else [word] for word in words
            ]
            lines.append([word for words in expanded for word in words])
        return lines

    def change(self, change: Change) -> None:
        """Change the arguments of every entry, and of kernels that are installed later. Raises CommandError."""

        def rewrite(match: re.Match[str]) -> str:
            words = split_arguments(match[2])
            # Keep GRUB's variables at the end, where all tools write them.
            variables = [word for word in words if word.startswith("$")]
            changed = words if SHARED in words else [*change([w for w in words if w not in variables]), *variables]
            return match[1] + " ".join(changed)

        for file in self.files:
            text = self.guest.read(file)
            self.guest.write(file, OPTIONS.sub(rewrite, text))
        if (shared := self._variables().get(SHARED[1:])) is not None:
            value = " ".join(change(split_arguments(shared)))
            self.guest.run(f"{self._editenv} {self._environment} set {shlex.quote(f'{SHARED[1:]}={value}')}")
        if self.guest.is_file(FUTURE):
            words = split_arguments(self.guest.read(FUTURE).strip())
            self.guest.write(FUTURE, " ".join(change(words)) + "\n")

    def _variables(self) -> dict[str, str]:
        text = self.guest.read(self._environment) if self.guest.is_file(self._environment) else ""
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def split_arguments(value: str) -> list[str]:
    """Split kernel arguments at white space, as the kernel does: double quotes protect spaces."""
    return re.findall(r'(?:[^\s"]|"[^"]*")+', value)
