"""The guest's root as commands see it: with /dev, /proc and /sys of the appliance, and a /run of their own.

libguestfs's own `sh` sets all that up and takes it down around every command, which costs a second
each time without hardware virtualisation. Here it stays until the guest's tree is to be seen bare.
"""

from __future__ import annotations

import shlex

from builder.appliance.appliance import Appliance
from builder.guest.info import GuestInfo

ROOT = "/sysroot"
"""Where libguestfs mounts a guest in the appliance."""

NOBODY = "0" * 32
"""Stands for the machine id while there is none. As long as one: GRUB's environment block must keep its size."""

STDERR = "/tmp/golden-stderr"
"""Where the appliance keeps what a question printed beside its answer."""

ENTER = f"""\
mkdir -p {ROOT}/dev {ROOT}/proc {ROOT}/sys {ROOT}/run
mount --bind /dev {ROOT}/dev && mount --bind /dev/pts {ROOT}/dev/pts && mount -t proc proc {ROOT}/proc &&
mount --bind /sys {ROOT}/sys && mount -t tmpfs -o mode=755 none {ROOT}/run && mkdir {ROOT}/run/lock"""

# kernel-install gives a new kernel the arguments of the running one, where nothing else says them.
# The running one is the appliance's: commands see those of the guest's own newest boot entry.
LEND_ARGUMENTS = f"""\
if [ -d {ROOT}/boot/loader/entries ]; then
  entry=$(ls {ROOT}/boot/loader/entries/*.conf 2>/dev/null | grep -v -- -0-rescue | sort -V | tail -n 1)
  if [ -n "$entry" ]; then
    sed -n 's/^options[ \t]*//p' "$entry" | sed 's/[ \t]*\\$[a-z_]*//g' >/tmp/golden-cmdline
    mount --bind /tmp/golden-cmdline {ROOT}/proc/cmdline
  fi
fi"""

# Whatever a command mounted on top goes with it.
LEAVE = f"umount -R {ROOT}/run {ROOT}/sys {ROOT}/proc {ROOT}/dev"

# Whatever /etc/resolv.conf is (a link to a resolver that does not answer here, say), a command gets
# the appliance's; afterwards what was there is back, unless the command itself put something new.
LEND_RESOLVER = f"""\
cd {ROOT}/etc && rm -f .resolv.conf.lent
if [ -e resolv.conf ] || [ -L resolv.conf ]; then mv resolv.conf .resolv.conf.lent; fi
cp /etc/resolv.conf resolv.conf; cd /
"""

RETURN_RESOLVER = f"""\
cd {ROOT}/etc
if [ ! -L resolv.conf ] && cmp -s resolv.conf /etc/resolv.conf; then
  rm -f resolv.conf
  if [ -e .resolv.conf.lent ] || [ -L .resolv.conf.lent ]; then mv .resolv.conf.lent resolv.conf; fi
else
  rm -f .resolv.conf.lent
fi
"""

# EL's kernel packages name boot entries after the machine id, and without one some make none. A guest
# that was sealed before has its entries under this very name (seal operation boot-entries).
LEND_ID = f"""\
id={ROOT}/etc/machine-id; lent=
if [ -f $id ] && [ ! -L $id ] && [ ! -s $id ]; then lent=1; echo {NOBODY} >$id; fi
"""

RETURN_ID = f"""\
if [ -n "$lent" ] && [ "$(cat $id)" = {NOBODY} ]; then : >$id; fi
"""

# Sorted out by one process for all, since starting a process is what costs. All stand still before
# the first one dies: a shell whose `sleep` was killed first would go on to its next command. Then all
# are waited for: the output port takes no second writer before the first has let go of it. And again,
# for what one of them may have started meanwhile.
KILL_LEFTOVERS = f"""\
for round in 1 2 3 4 5; do
  p=$(ls -l /proc/[0-9]*/root 2>/dev/null | sed -n 's,.* /proc/\\([0-9]*\\)/root -> {ROOT}.*,\\1,p')
  [ -n "$p" ] || break
  {{ kill -STOP $p; kill -KILL $p; }} 2>/dev/null
  for q in $p; do
    n=100
    while {{ read -r _; read -r _; read -r _ state _; }} 2>/dev/null </proc/$q/status &&
      [ "$state" != Z ] && [ $n -gt 0 ]; do n=$((n - 1)); sleep 0.05; done
  done
done"""


def environment(info: GuestInfo) -> str:
    """What commands in a guest have in their environment, and nothing else, as words for env(1)."""
    # EL 7's libc does not know C.UTF-8, and its programs would say so every time.
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
        self._before = LEND_RESOLVER + (LEND_ID if needs_id else "")
        self._after = RETURN_RESOLVER + (RETURN_ID if needs_id else "")
        self._entered = False
        self._lent: dict[str, str] = {}

    def expose(self, folder: str) -> str:
        """Let commands see a folder of the appliance; returns the path that it has for them."""
        path = f"/run/golden/{folder.rpartition('/')[2]}"
        if path not in self._lent:
            self._lent[path] = folder
            self._enter()
            self._appliance.shell(self._bind(path))
        return path

    def _bind(self, path: str) -> str:
        return f"mkdir -p {ROOT}{path} && mount --bind {self._lent[path]} {ROOT}{path}"

    def _enter(self) -> None:
        if not self._entered:
            self._appliance.shell(" && ".join([ENTER, *map(self._bind, self._lent)]) + f" || exit\n{LEND_ARGUMENTS}")
            self._entered = True

    def run(self, command: str, *, quiet: bool) -> tuple[int, str]:
        """A shell command's exit status, and what it printed where the appliance has no output port.

        A `quiet` one is a question: it gets no resolver, and leaves no process behind that would
        have to be ended; what it prints to stderr is no part of an answer, only of a failure.
        Raises ApplianceError.
        """
        self._enter()
        inside = shlex.quote(f"umask 022; cd /\n{command}")
        # Without a port it comes back with the answer; the appliance has no /dev/stdout to name for that.
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
        """End what still runs in the guest and take away what commands saw beside its own files."""
        if self._entered:
            self._appliance.shell(f"{KILL_LEFTOVERS}; {LEAVE}")
            self._entered = False
