"""Stands in for QEMU where libguestfs launches its appliance.

libguestfs chooses the machine; this only finishes its command line. It calls the `hv` script that
`hv_script()` makes: probes (`-help`, `-device ?`, the QMP schema) go straight to QEMU, the one call
that has the channel socket comes here, as a script of its own with nothing but the standard library
(its start is on the path of every appliance start). What to do stands in the JSON file that
GOLDEN_LAUNCH names: an `LaunchRequest`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

REQUEST = "GOLDEN_LAUNCH"
CHANNEL = "guestfsd.sock"
PORT = "golden-channel"
"""The id given to libguestfs's serial port, so that QEMU reports when guestfsd opens it."""

Mode = Literal["record", "cold", "restore"]


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What the launcher is to do with the command line that libguestfs wants to run: write it to `argv_file`, then

    record: start nothing.
    cold:   boot it, with a QMP socket of ours beside.
    restore: the same, taken up from the RAM saved in `ram` and the root disk saved in `root`.

    `bound` comes before QEMU's command line: with it no appliance outlives golden, even after kill -9.
    """

    mode: Mode
    argv_file: str = ""
    qmp: str = ""
    root: str = ""
    ram: str = ""
    bound: list[str] = field(default_factory=list)

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))


def hv_script(qemu: str, python: str = sys.executable) -> str:
    """The text of the script to hand to `guestfs.set_hv()`.

    It stays the same from run to run, so that libguestfs, which keys its probes on the script's
    size and time, probes once.
    """
    return (
        "#!/bin/sh\n"
        "# Made by golden: libguestfs runs this in place of QEMU.\n"
        f'case "$*" in *{CHANNEL}*) exec "{python}" -I "{Path(__file__).resolve()}" "{qemu}" "$@";; esac\n'
        f'exec "{qemu}" "$@"\n'
    )


def parse_options(argv: list[str]) -> Iterator[tuple[str, str | None]]:
    """QEMU's command line as (option, value) pairs; a switch has no value."""
    at = 0
    while at < len(argv):
        if at + 1 < len(argv) and not argv[at + 1].startswith("-"):
            yield argv[at], argv[at + 1]
            at += 2
        else:
            yield argv[at], None
            at += 1


def complete_argv(argv: list[str], request: LaunchRequest) -> list[str]:
    """libguestfs's own command line with our additions; pure.

    Its choices of machine, CPU, kernel, initrd and `-append` stay. Changed: the root disk of a saved
    appliance takes the place of the appliance's own, and the placeholder disk goes. Added: a QMP
    socket, a VM generation id (some kernels from 5.18 on reseed their randomness when it changes), an id
    on the channel's port.
    """
    done: list[str] = []
    for option, value in parse_options(argv):
        if request.root and option == "-drive" and value and "id=appliance" in value.split(","):
            snapshot = "on" if request.mode == "restore" else "off"
            value = f"file={quote(request.root)},snapshot={snapshot},id=appliance,cache=unsafe,if=none,format=qcow2"
        elif value and re.search(r"\b(id|drive)=hd0\b", value):
            # The placeholder goes: libguestfs counts disks from it, and would take it for /dev/vda.
            continue
        elif option == "-device" and value and value.startswith("virtserialport,chardev=channel0"):
            value += f",id={PORT}"
        done += [option] if value is None else [option, value]
    done += ["-qmp", f"unix:{quote(request.qmp)},server=on,wait=off", "-device", "vmgenid,guid=auto"]
    if request.mode == "restore":
        done += ["-incoming", f"exec:exec cat {shlex.quote(request.ram)}"]
    return done


def quote(path: str) -> str:
    """A path as QEMU's option parser wants it: a comma is doubled."""
    return path.replace(",", ",,")


def with_idle_channel(argv: list[str], socket: str) -> list[str]:
    """The command line with the channel as a server that nobody calls; pure.

    A virtio-serial port without a host side blocks its writer: guestfsd boots and then stands still
    at its first write, which is the moment worth saving.
    """
    return [
        f"socket,path={quote(socket)},id=channel0,server=on,wait=off" if value.endswith(",id=channel0") else value
        for value in argv
    ]


def appliance_root(argv: list[str]) -> Path:
    """The file of the appliance's root disk in a recorded command line. Raises ValueError."""
    for option, value in parse_options(argv):
        if option == "-drive" and value and "id=appliance" in value.split(","):
            return Path(value.split(",", 1)[0].removeprefix("file="))
    raise ValueError("libguestfs started QEMU without an appliance disk")


def stable_argv(argv: list[str]) -> list[str]:
    """The command line without what differs from call to call (temporary paths, TERM, lpj); pure.

    `lpj` is a calibration hint that libguestfs reads from the host's kernel log.
    """
    volatile = re.compile(r"(?<=path=|file=)[^,]*/libguestfs[^,]*|\b(?:TERM|lpj)=\S+")
    return [volatile.sub("*", argument) for argument in argv]


def main(argv: list[str]) -> None:
    qemu, wanted = argv[0], argv[1:]
    request = LaunchRequest(**json.loads(Path(os.environ[REQUEST]).read_text()))
    Path(request.argv_file).write_text(json.dumps(wanted))
    if request.mode == "record":
        sys.exit(1)
    command = [*request.bound, qemu, *complete_argv(wanted, request)]
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
