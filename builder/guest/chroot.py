"""Run commands in a guest's root, with the appliance's /dev, /proc and /sys, and an empty /run.

libguestfs's own `sh` mounts and unmounts these for every command, which takes a second without hardware
virtualisation. Here they stay mounted until golden needs to see the guest's own files below them.
"""

from __future__ import annotations

import shlex

from builder.appliance.appliance import Appliance
from builder.guest.info import GuestInfo

ROOT = "/sysroot"
"""Where libguestfs mounts the guest in the appliance."""

NO_ID = "0" * 32
"""Replaces an empty machine id while a command runs.

It is as long as a real one, because GRUB's environment block must keep its size.
"""

STDERR = "/tmp/golden-stderr"
"""The appliance's file for the stderr of a quiet command."""

ENTER = f"""\
mkdir -p {ROOT}/dev {ROOT}/proc {ROOT}/sys {ROOT}/run
mount --bind /dev {ROOT}/dev && mount --bind /dev/pts {ROOT}/dev/pts && mount -t proc proc {ROOT}/proc &&
mount --bind /sys {ROOT}/sys && mount -t tmpfs -o mode=755 none {ROOT}/run && mkdir {ROOT}/run/lock"""

# Without other settings, kernel-install gives a new kernel the arguments of the running kernel. That would be the
# appliance's, so /proc/cmdline shows commands the arguments of the guest's newest boot entry.
SHOW_ARGUMENTS = f"""\
if [ -d {ROOT}/boot/loader/entries ]; then
  entry=$(ls {ROOT}/boot/loader/entries/*.conf 2>/dev/null | grep -v -- -0-rescue | sort -V | tail -n 1)
  if [ -n "$entry" ]; then
    sed -n 's/^options[ \t]*//p' "$entry" | sed 's/[ \t]*\\$[a-z_]*//g' >/tmp/golden-cmdline
    mount --bind /tmp/golden-cmdline {ROOT}/proc/cmdline
  fi
fi"""

# -R also unmounts what commands have mounted there.
LEAVE = f"umount -R {ROOT}/run {ROOT}/sys {ROOT}/proc {ROOT}/dev"

# A command sees the appliance's resolv.conf, because the guest's own may not work here (for example, a link to a local
# resolver). Afterwards the original is restored, unless the command itself has replaced the file.
SET_RESOLVER = f"""\
cd {ROOT}/etc && rm -f .resolv.conf.lent
if [ -e resolv.conf ] || [ -L resolv.conf ]; then mv resolv.conf .resolv.conf.lent; fi
cp /etc/resolv.conf resolv.conf; cd /
"""

RESTORE_RESOLVER = f"""\
cd {ROOT}/etc
if [ ! -L resolv.conf ] && cmp -s resolv.conf /etc/resolv.conf; then
  rm -f resolv.conf
  if [ -e .resolv.conf.lent ] || [ -L .resolv.conf.lent ]; then mv .resolv.conf.lent resolv.conf; fi
else
  rm -f .resolv.conf.lent
fi
"""

# EL's kernel packages name boot entries after the machine id; without an id, some create no entry. The seal operation
# boot-entries renames the entries of a sealed guest to this same placeholder.
SET_ID = f"""\
id={ROOT}/etc/machine-id; lent=
if [ -f $id ] && [ ! -L $id ] && [ ! -s $id ]; then lent=1; echo {NO_ID} >$id; fi
"""

RESTORE_ID = f"""\
if [ -n "$lent" ] && [ "$(cat $id)" = {NO_ID} ]; then : >$id; fi
"""

# One `sed` finds all processes, because starting a process is slow here. All are stopped before any is killed:
# otherwise, a shell whose `sleep` was killed would run its next command. Then wait for all of them: the output port
# accepts no second writer before the first has closed it. Repeat, in case one has started another meanwhile.
KILL_LEFTOVERS = f"""\
for round in 1 2 3 4 5; do
  p=$(ls -l /proc/[0-9]*/root 2>/dev/null | sed -n 's,.* /proc/\\([0-9]*\\)/root -> {ROOT}.*,\\1,p')
  [ -n "$p" ] || break
  {{ kill -STOP $p; kill -KILL $p; }} 2>/dev/null
  for q in $p; do
    n=100
    while [ -e /proc/$q ] && ! grep -qs '^State:.Z' /proc/$q/status && [ $n -gt 0 ]; do
      n=$((n - 1)); sleep 0.05
    done
  done
done"""


def environment(info: GuestInfo) -> str:
    """The whole environment of commands in a guest, as words for env(1)."""
    # EL 7's libc does not know C.UTF-8; its programs would print a warning every time.
    old = info.family == "redhat" and info.distribution != "fedora" and info.major < 8
    return (
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root SHELL=/bin/sh TERM=dumb"
        f" LC_ALL={'C' if old else 'C.UTF-8'}"
    )


class Chroot:
    """Runs commands in the guest that is mounted in an appliance."""

    def __init__(self, appliance: Appliance, info: GuestInfo) -> None:
        self._appliance = appliance
        self._environment = environment(info)
        needs_id = info.family == "redhat"
        self._before = SET_RESOLVER + (SET_ID if needs_id else "")
        self._after = RESTORE_RESOLVER + (RESTORE_ID if needs_id else "")
        self._entered = False
        self._exposed: dict[str, str] = {}

    def expose(self, folder: str) -> str:
        """Make a folder of the appliance visible to commands. Return the path that they see."""
        path = f"/run/golden/{folder.rpartition('/')[2]}"
        if path not in self._exposed:
            self._exposed[path] = folder
            self._enter()
            self._appliance.shell(self._bind(path))
        return path

    def _bind(self, path: str) -> str:
        return f"mkdir -p {ROOT}{path} && mount --bind {self._exposed[path]} {ROOT}{path}"

    def _enter(self) -> None:
        if not self._entered:
            self._appliance.shell(" && ".join([ENTER, *map(self._bind, self._exposed)]) + f" || exit\n{SHOW_ARGUMENTS}")
            self._entered = True

    def run(self, command: str, *, quiet: bool) -> tuple[int, str]:
        """Run a shell command. Return its exit status, and its output if the appliance has no output port.

        A `quiet` command is a query: it gets no resolver and starts no background processes, and its stderr is only
        returned if it fails. Raises ApplianceError.
        """
        self._enter()
        inside = shlex.quote(f"umask 022; cd /\n{command}")
        # Without a port, the output is part of the answer: the appliance has no /dev/stdout to redirect to.
        to_port = f" >{self._appliance.output_port}" if self._appliance.output_port else ""
        wrapped = f"env -i {self._environment} chroot {ROOT} /bin/sh -c {inside} </dev/null{to_port}"
        if quiet:
            printed = self._appliance.shell(
                f"{wrapped} 2>{STDERR}; status=$?; [ $status = 0 ] || cat {STDERR}{to_port}; echo; echo $status"
            )
        else:
            printed = self._appliance.shell(
                f"{self._before}{wrapped} 2>&1; status=$?\n{KILL_LEFTOVERS}\n{self._after}echo; echo $status"
            )
        output, _, status = printed.rstrip("\n").rpartition("\n")
        return int(status), output.removesuffix("\n")

    def leave(self) -> None:
        """Kill what still runs in the guest, and unmount what commands saw beside its own files."""
        if self._entered:
            self._appliance.shell(f"{KILL_LEFTOVERS}; {LEAVE}")
            self._entered = False
