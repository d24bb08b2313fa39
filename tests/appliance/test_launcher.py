"""libguestfs's QEMU command line (argv.json, from version 1.48), and how the launcher changes it."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path

import pytest

from builder import process
from builder.appliance import launcher
from builder.appliance.launcher import LaunchRequest, complete_argv, parse_options, stable_argv, with_idle_channel

ARGV: list[str] = json.loads(Path(__file__).with_name("argv.json").read_text())
CHANNEL = "socket,path=/tmp/libguestfsBBBBBB/guestfsd.sock,id=channel0"

COLD = LaunchRequest("cold", qmp="/run/golden/qmp")
RESTORE = LaunchRequest("restore", qmp="/run/golden/qmp", root="/cache/root.qcow2", ram="/cache/ram")


def added(argv: list[str]) -> list[str]:
    return [argument for argument in argv if argument not in ARGV]


def gone(argv: list[str]) -> list[str]:
    return [argument for argument in ARGV if argument not in argv]


def test_options() -> None:
    assert list(parse_options(["-nodefaults", "-m", "2048", "-S", "-append", ""])) == [
        ("-nodefaults", None),
        ("-m", "2048"),
        ("-S", None),
        ("-append", ""),
    ]
    assert list(parse_options([])) == []
    pairs = list(parse_options(ARGV))
    assert len(pairs) == 28
    assert [part for pair in pairs for part in pair if part is not None] == ARGV
    assert [option for option, value in pairs if value is None] == [
        *("-no-user-config", "-nodefaults", "-no-reboot", "-no-hpet")
    ]


def test_a_cold_start_keeps_libguestfs_s_choices() -> None:
    done = complete_argv(ARGV, COLD)
    assert gone(done) == [
        "file=/tmp/libguestfsAAAAAA/devnull1.img,cache=writeback,format=raw,id=hd0,if=none",
        "scsi-hd,drive=hd0",
        "virtserialport,chardev=channel0,name=org.libguestfs.channel.0",
    ]
    assert added(done) == [
        "virtserialport,chardev=channel0,name=org.libguestfs.channel.0,id=golden-channel",
        "-qmp",
        "unix:/run/golden/qmp,server=on,wait=off",
        "vmgenid,guid=auto",
    ]
    assert done[-4:] == ["-qmp", "unix:/run/golden/qmp,server=on,wait=off", "-device", "vmgenid,guid=auto"]
    assert CHANNEL in done
    assert done.count("-drive") == 1, "the placeholder disk is removed, option and value"


def test_a_machine_to_be_saved_writes_to_a_root_of_its_own() -> None:
    request = LaunchRequest("cold", qmp="/run/golden/qmp", root="/cache/root.qcow2")
    (root,) = (value for option, value in parse_options(complete_argv(ARGV, request)) if option == "-drive")
    assert root == "file=/cache/root.qcow2,snapshot=off,id=appliance,cache=unsafe,if=none,format=qcow2"


def test_a_restored_machine_leaves_the_saved_root_alone() -> None:
    done = complete_argv(ARGV, RESTORE)
    (root,) = (value for option, value in parse_options(done) if option == "-drive")
    assert root == "file=/cache/root.qcow2,snapshot=on,id=appliance,cache=unsafe,if=none,format=qcow2"
    assert done[-2:] == ["-incoming", "exec:exec cat /cache/ram"]


def test_saved_and_restored_machines_are_alike() -> None:
    """QEMU only restores into the same machine: the command lines differ in one value."""
    saved = complete_argv(ARGV, LaunchRequest("cold", qmp="/run/golden/qmp", root="/cache/root.qcow2"))
    restored = complete_argv(ARGV, RESTORE)[:-2]
    assert [(one, two) for one, two in zip(saved, restored, strict=True) if one != two] == [
        (
            "file=/cache/root.qcow2,snapshot=off,id=appliance,cache=unsafe,if=none,format=qcow2",
            "file=/cache/root.qcow2,snapshot=on,id=appliance,cache=unsafe,if=none,format=qcow2",
        )
    ]


def test_a_comma_in_a_path_is_doubled() -> None:
    done = complete_argv(ARGV, LaunchRequest("cold", qmp="/a,b/qmp", root="/c,d/root"))
    assert "unix:/a,,b/qmp,server=on,wait=off" in done
    assert any(argument.startswith("file=/c,,d/root,snapshot=off") for argument in done)
    assert "socket,path=/e,,f,id=channel0,server=on,wait=off" in with_idle_channel(ARGV, "/e,f")


def test_the_idle_channel_is_a_server() -> None:
    idle = with_idle_channel(ARGV, "/run/golden/channel")
    assert gone(idle) == [CHANNEL]
    assert added(idle) == ["socket,path=/run/golden/channel,id=channel0,server=on,wait=off"]
    assert len(idle) == len(ARGV)


def test_the_appliance_s_root() -> None:
    assert launcher.appliance_root(ARGV) == Path("/var/tmp/.guestfs-0/appliance.d/root")
    with pytest.raises(ValueError, match="without a root disk"):
        launcher.appliance_root(["-drive", "file=/x,id=hd0"])


def again(argument: str) -> str:
    """The same argument in a later call, from another terminal and after a reboot of the host."""
    for now, then in (("AAAAAA", "x_y-z1"), ("BBBBBB", "CCCCCC"), ("lpj=1000000", "lpj=7"), ("xterm", "dumb")):
        argument = argument.replace(now, then)
    return argument


def test_the_stable_part_of_the_command_line() -> None:
    assert stable_argv([again(argument) for argument in ARGV]) == stable_argv(ARGV)
    text = " ".join(stable_argv(ARGV))
    assert "socket,path=*,id=channel0" in text
    assert "file=*,cache=writeback,format=raw,id=hd0" in text
    assert "lpj" not in text
    assert "no_timer_check * printk.time=1" in text
    assert text.endswith(" guestfs_network=1 *")


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("max,la57=off", "host"),
        ("2048", "1024"),
        ("/var/tmp/.guestfs-0/appliance.d/kernel", "/boot/vmlinuz"),
        ("/var/tmp/.guestfs-0/appliance.d/root,snapshot=on", "/var/tmp/.guestfs-1/appliance.d/root,snapshot=on"),
        ("root=UUID=00000000", "root=UUID=11111111"),
        ("selinux=0", "selinux=1"),
        ("virtio-net-pci", "e1000"),
    ],
)
def test_what_changes_the_key(now: str, then: str) -> None:
    other = [argument.replace(now, then) for argument in ARGV]
    assert other != ARGV
    assert stable_argv(other) != stable_argv(ARGV)


@pytest.fixture
def hv(tmp_path: Path) -> Path:
    """The script that libguestfs calls, with a QEMU that prints its arguments."""
    qemu = tmp_path / "qemu"
    qemu.write_text('#!/bin/sh\nfor argument; do echo "$argument"; done\n')
    script = tmp_path / "hv"
    script.write_text(launcher.hv_script(str(qemu)))
    for file in (qemu, script):
        file.chmod(0o755)
    return script


def call(hv: Path, *arguments: str, request: Path | None = None) -> tuple[int, list[str]]:
    env = {**os.environ, **({launcher.REQUEST: str(request)} if request else {})}
    done = subprocess.run([hv, *arguments], env=env, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_probes_go_straight_to_qemu(hv: Path) -> None:
    assert call(hv, "-device", "?") == (0, ["-device", "?"])


def test_recording_starts_nothing(hv: Path, tmp_path: Path) -> None:
    LaunchRequest("record", argv_file=str(tmp_path / "argv")).save(tmp_path / "request")
    assert call(hv, *ARGV, request=tmp_path / "request") == (1, [])
    assert json.loads((tmp_path / "argv").read_text()) == ARGV


def test_a_machine_ends_with_golden(hv: Path, tmp_path: Path) -> None:
    request = dataclasses.replace(COLD, argv_file=str(tmp_path / "argv"), bound=process.bound_to_us([]))
    request.save(tmp_path / "request")
    assert call(hv, *ARGV, request=tmp_path / "request") == (0, complete_argv(ARGV, COLD))
    dataclasses.replace(request, bound=["echo", "bound:"]).save(tmp_path / "request")
    assert call(hv, *ARGV, request=tmp_path / "request")[1][0].startswith("bound: /")


@pytest.mark.parametrize("launch", [COLD, RESTORE])
def test_launching_runs_the_completed_command_line(hv: Path, tmp_path: Path, launch: LaunchRequest) -> None:
    launch = dataclasses.replace(launch, argv_file=str(tmp_path / "argv"))
    launch.save(tmp_path / "request")
    assert call(hv, *ARGV, request=tmp_path / "request") == (0, complete_argv(ARGV, launch))
    assert json.loads((tmp_path / "argv").read_text()) == ARGV
