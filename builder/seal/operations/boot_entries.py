from __future__ import annotations

import re
from collections.abc import Iterator

from builder.findings import Finding
from builder.guest import systemd
from builder.guest.guest import Guest
from builder.seal.operation import Operation, some
from builder.seal.tree import Tree

ENTRIES = "/boot/loader/entries"
ENTRY = re.compile(rf"{ENTRIES}/(?P<id>[0-9a-f]{{32}})-(?P<rest>.+\.conf)")
GRUBENV = "/boot/grub2/grubenv"
TOKEN = "golden"
"""Stands for the machine id in the names of entries, until there is one."""

UNIT = "golden-boot-entries.service"
SCRIPT = "/usr/lib/golden/boot-entries"

# kernel-install finds, and removes, the entries of this machine by its id.
SCRIPT_TEXT = f"""\
#!/bin/sh
# Give the boot entries of the template this machine's id, and the default entry with them.
set -eu
id=$(cat /etc/machine-id)
for entry in {ENTRIES}/{TOKEN}-*.conf; do
    [ -e "$entry" ] || continue
    mv "$entry" "{ENTRIES}/$id-${{entry#{ENTRIES}/{TOKEN}-}}"
done
default=$(grub2-editenv {GRUBENV} list | sed -n 's/^saved_entry={TOKEN}-//p')
[ -z "$default" ] || grub2-editenv {GRUBENV} set "saved_entry=$id-$default"
"""

UNIT_TEXT = f"""\
[Unit]
Description=Name the boot entries after this machine
ConditionPathExistsGlob={ENTRIES}/{TOKEN}-*.conf
RequiresMountsFor=/boot

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={SCRIPT}

[Install]
WantedBy=multi-user.target
"""


class BootEntries(Operation):
    """EL 8 and later name them after the machine id; a clone renames them to its own at its first boot."""

    def apply(self, guest: Guest, tree: Tree) -> None:
        entries = _find_named(tree)
        for path, match in entries.items():
            guest.call("mv", path, f"{ENTRIES}/{TOKEN}-{match['rest']}")
        if entries:
            ids = {match["id"] for match in entries.values()}
            if guest.is_file(GRUBENV):
                saved = guest.ask(f"grub2-editenv {GRUBENV} list | sed -n 's/^saved_entry=//p'")
                if saved.partition("-")[0] in ids:
                    guest.run(f"grub2-editenv {GRUBENV} set saved_entry={TOKEN}-{saved.partition('-')[2]}")
            guest.write(SCRIPT, SCRIPT_TEXT, mode=0o755)
            systemd.install_unit(guest, UNIT, UNIT_TEXT)

    def check(self, guest: Guest, tree: Tree) -> Iterator[Finding]:
        named = _find_named(tree)
        yield Finding(not named, f"named after a machine: {some(named)}" if named else "no boot entry names a machine")
        if any(path.startswith(f"{ENTRIES}/{TOKEN}-") for path in tree.nodes):
            enabled = systemd.is_enabled(guest, UNIT)
            yield Finding(enabled, f"{UNIT} is {'' if enabled else 'not '}enabled")


def _find_named(tree: Tree) -> dict[str, re.Match[str]]:
    """The entries whose names have a machine id."""
    matches = {path: ENTRY.fullmatch(path) for path in tree.nodes}
    return {path: match for path, match in matches.items() if match and path not in tree.kept}


BOOT_ENTRIES = BootEntries("boot-entries", "Take the machine's identifier out of the names of boot entries.")
