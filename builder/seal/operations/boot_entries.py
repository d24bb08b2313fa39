from __future__ import annotations

import re
from collections.abc import Iterator

from builder.findings import Finding
from builder.guest import systemd
from builder.guest.chroot import NO_ID
from builder.guest.guest import Guest
from builder.seal.operation import Operation, shorten
from builder.seal.tree import GuestTree

NAMED = re.compile(
    r"/boot/(loader/entries/(?P<entry>[0-9a-f]{32})-.+\.conf|[^/]+-0-rescue-(?P<rescue>[0-9a-f]{32})[^/]*)"
)
"""Boot entries (EL 8 and later) and rescue kernels (EL 7 and later) whose names contain a machine id."""

TEXTS = ("/boot/loader/entries/*.conf", "/boot/grub{,2}/{grub.cfg,grubenv}", "/boot/efi/EFI/*/{grub.cfg,grubenv}")
"""Files that mention those names or the machine id."""

UNIT = "golden-boot-entries.service"
SCRIPT = "/usr/lib/golden/boot-entries"

# kernel-install and dracut identify the machine's own entries by the machine id.
SCRIPT_TEXT = f"""\
#!/bin/sh
# Name the template's boot entries and rescue kernels after this machine.
set -eu
id=$(cat /etc/machine-id)
for text in /boot/loader/entries/*.conf /boot/grub*/grub.cfg /boot/grub*/grubenv /boot/efi/EFI/*/grub*; do
    # What is a link leads to another of these.
    [ -L "$text" ] || [ ! -f "$text" ] || ! grep -q {NO_ID} "$text" || sed -i "s/{NO_ID}/$id/g" "$text"
done
for file in /boot/loader/entries/{NO_ID}-* /boot/*-0-rescue-{NO_ID}*; do
    [ ! -e "$file" ] || mv "$file" "$(echo "$file" | sed "s/{NO_ID}/$id/")"
done
"""

UNIT_TEXT = f"""\
[Unit]
Description=Name the boot entries
RequiresMountsFor=/boot
ConditionPathExistsGlob=|/boot/loader/entries/{NO_ID}-*
ConditionPathExistsGlob=|/boot/*-0-rescue-{NO_ID}*

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={SCRIPT}

[Install]
WantedBy=multi-user.target
"""


class BootEntriesOperation(Operation):
    """EL names boot entries and rescue kernels after the machine id. Each clone renames them at its first boot."""

    def apply(self, guest: Guest, tree: GuestTree) -> None:
        named = _named_files(tree)
        if not named and not _has_neutral_names(tree):
            return
        for path in tree.find_files(TEXTS):
            text = renamed = guest.read(path)
            for machine_id in set(named.values()):
                renamed = renamed.replace(machine_id, NO_ID)
            if renamed != text:
                guest.write(path, renamed)
        for path, machine_id in named.items():
            guest.call("mv", path, path.replace(machine_id, NO_ID))
        guest.write(SCRIPT, SCRIPT_TEXT, mode=0o755)
        systemd.install_unit(guest, UNIT, UNIT_TEXT)

    def check(self, guest: Guest, tree: GuestTree) -> Iterator[Finding]:
        named = _named_files(tree)
        message = f"names with a machine id: {shorten(named)}" if named else "no boot entry is named after a machine id"
        yield Finding(not named, message)
        if _has_neutral_names(tree):
            enabled = systemd.is_enabled(guest, UNIT)
            yield Finding(enabled, f"{UNIT} is {'' if enabled else 'not '}enabled")


def _has_neutral_names(tree: GuestTree) -> bool:
    """Whether there are names without an id: from an earlier seal, or from a kernel installed without a machine id."""
    return any(path.startswith("/boot/") and NO_ID in path for path in tree.entries)


def _named_files(tree: GuestTree) -> dict[str, str]:
    """Return the files with a machine id in their names, and that id."""
    found = ((path, NAMED.fullmatch(path)) for path in tree.entries if path not in tree.kept)
    ids = ((path, match["entry"] or match["rescue"]) for path, match in found if match)
    return {path: machine_id for path, machine_id in ids if machine_id != NO_ID}


BOOT_ENTRIES = BootEntriesOperation("boot-entries", "Remove the machine id from the names of boot entries.")
