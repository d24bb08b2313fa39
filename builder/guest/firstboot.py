"""Scripts that a node runs once, at its first boot.

::

    /usr/lib/golden/firstboot                    the runner
    /usr/lib/golden/firstboot.d/NNN              waiting scripts, run in the order of their numbers
    /usr/lib/golden/firstboot-done/NNN           scripts that have started
    /etc/systemd/system/golden-firstboot.service starts the runner if a script waits
    /var/log/golden-firstboot.log                on a node: the output of the scripts
"""

from __future__ import annotations

from collections.abc import Iterator

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest import systemd
from builder.guest.guest import Guest

HOME = "/usr/lib/golden"
RUNNER = f"{HOME}/firstboot"
WAITING = f"{HOME}/firstboot.d"
DONE = f"{HOME}/firstboot-done"
LOG = "/var/log/golden-firstboot.log"
UNIT = "golden-firstboot.service"

KEPT = (HOME, f"{systemd.OWN}/{UNIT}", f"{systemd.OWN}/multi-user.target.wants/{UNIT}")
"""The paths that the seal must keep if a script waits."""

_RUNNER = f"""\
#!/bin/sh
# Runs each waiting script once, in order. A script is moved away, and the move made durable, before
# it starts: a power cut in the middle of it never makes it run twice.
umask 077
exec >>{LOG} 2>&1 </dev/null
umask 022
export HOME=/root
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd /
mkdir -p {DONE}
failed=0
for name in $(ls {WAITING} | sort -n); do
    mv {WAITING}/$name {DONE}/$name || {{ failed=1; continue; }}
    sync
    echo "=== $(date -u +%Y-%m-%dT%H:%M:%SZ) script $name begins"
    {DONE}/$name
    status=$?
    [ $status -eq 0 ] || failed=1
    echo "=== $(date -u +%Y-%m-%dT%H:%M:%SZ) script $name ended with status $status"
done
exit $failed
"""

# Run through sh, so that SELinux allows the transition from systemd's domain, whatever the label of the runner.
_UNIT = f"""\
[Unit]
Description=Commands for the first boot
After=network.target
ConditionDirectoryNotEmpty={WAITING}

[Service]
Type=oneshot
ExecStart=/bin/sh {RUNNER}

[Install]
WantedBy=multi-user.target
"""


def add_script(guest: Guest, text: str) -> str:
    """Add a script for the first boot, after the ones added before. Return its path.

    The script has its own `#!` line. Raises GuestError if the guest has no systemd.
    """
    if not systemd.is_installed(guest):
        raise GuestError(
            "cannot add a script for the first boot: the guest has no systemd",
            hint="remove the step, or use a base with systemd",
        )
    guest.write(RUNNER, _RUNNER, mode=0o755, owner="0:0")
    systemd.install_unit(guest, UNIT, _UNIT)
    taken = [int(name) for name in (*guest.ls(WAITING), *guest.ls(DONE)) if name.isdigit()]
    path = f"{WAITING}/{max(taken, default=0) + 1:03d}"
    guest.write(path, text, mode=0o755, owner="0:0")
    return path


def check_script(guest: Guest, text: str) -> Iterator[Finding]:
    """Check that a script waits for the first boot, or on a node that it has run, and that its unit is enabled."""
    states = ((WAITING, "waits for the first boot"), (DONE, "ran at the first boot"))
    found = next(
        (
            f"{folder}/{name} {state}"
            for folder, state in states
            for name in guest.ls(folder)
            if guest.read(f"{folder}/{name}") == text
        ),
        None,
    )
    yield Finding(found is not None, found or f"the script is missing from {WAITING}")
    ready = systemd.is_enabled(guest, UNIT) and guest.is_file(RUNNER)
    yield Finding(ready, f"{UNIT} is {'enabled' if ready else 'not enabled'}")
