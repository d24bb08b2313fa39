"""The appliance: restored with the right time and fresh randomness, and started in other ways if that fails."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from builder import process
from builder.appliance import accelerator
from builder.appliance.appliance import Appliance, Disk
from builder.appliance.handle import ApplianceSettings
from builder.appliance.saved import SavedState
from builder.appliance.scratch import scratch_folder
from builder.appliance.start import restore, start
from builder.errors import ApplianceError, CommandError
from builder.events import Event, Notice, silent
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from builder.guest.inspection import inspect
from builder.paths import Output
from tests.conftest import Golden
from tests.pipeline.builds import write_recipe

pytestmark = pytest.mark.slow

RECORD = """
import sys
from pathlib import Path
from builder.appliance import accelerator
from builder.appliance import start
from builder.appliance.handle import ApplianceSettings

qemu = "/usr/bin/qemu-system-x86_64"
if start.record_argv(ApplianceSettings(Path(sys.argv[1])), qemu, accelerator.probe(qemu).kind):
    print("recorded")
"""

WAIT = """
import json, sys
from pathlib import Path
from builder.events import silent
from builder.appliance.handle import ApplianceSettings
from builder.appliance.start import start
from builder.paths import Output

with start(ApplianceSettings(Output(Path(sys.argv[1])).appliance), silent) as running:
    print(json.dumps(running.argv), flush=True)
    sys.stdin.read()
"""

QEMU = process.find_tool("qemu-system-x86_64", package="qemu-system-x86")

STATE = "cat /proc/sys/kernel/random/boot_id; head -c 16 /dev/urandom | base64; date +%s"


@pytest.mark.parametrize("processors", [1, 2])
def test_two_restores_share_a_boot_but_neither_time_nor_randomness(
    appliance: Appliance, output: Output, processors: int
) -> None:
    settings = ApplianceSettings(output.appliance, processors=processors)
    with start(settings, print):  # the first start saves it
        pass
    seen = []
    events: list[Event] = []
    for _ in range(3):
        begun = time.monotonic()
        with start(settings, events.append) as restored:
            print(f"restored in {time.monotonic() - begun:.2f} s")
            assert restored.start_method == "restored"
            seen.append(restored.shell(STATE).split())
            assert abs(int(seen[-1][2]) - time.time()) < 5
            # With one processor, nothing else disturbs the generator: the numbers depend on the seed alone.
            assert int(restored.shell("nproc")) == processors
    assert not any("booting" in event.text for event in events if isinstance(event, Notice))
    boots, randoms, _ = zip(*seen, strict=True)
    assert len(set(boots)) == 1
    assert len(set(randoms)) == 3


@pytest.mark.parametrize("length", [90, 97, 122, 129])
def test_the_output_folder_may_have_a_path_of_any_length(length: int, tmp_path: Path) -> None:
    # Lengths of the path of `hv` at which libguestfs 1.48 overruns its memory.
    room = length - len(f"{tmp_path}//hv")
    cache = tmp_path / ("x" * max(room, 1))
    cache.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", RECORD, str(cache)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, "recorded"), done.stderr


def test_disks_come_and_go_as_virtio(appliance: Appliance, tmp_path: Path) -> None:
    first, second = tmp_path / "a.qcow2", tmp_path / "b,c.qcow2"
    for disk in (first, second):
        process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "64M"])
    device = appliance.plug(Disk(first))
    other = appliance.plug(Disk(second))
    assert device.startswith("/dev/vd")
    assert device != other
    assert {device, other} <= set(appliance.handle.list_devices())
    appliance.unplug(device)
    assert device not in appliance.handle.list_devices()
    assert appliance.plug(Disk(first)) == device
    appliance.unplug(device)
    appliance.unplug(other)


def test_later_writes_go_to_the_overlay(appliance: Appliance, tmp_path: Path) -> None:
    lower, upper = tmp_path / "lower.qcow2", tmp_path / "upper.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(lower), "64M"])
    process.run(["qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", lower.name, str(upper), "64M"])
    device = appliance.plug(Disk(lower))
    handle = appliance.handle
    handle.mkfs("ext4", device)
    handle.mount(device, "/")
    handle.write("/before", b"x")
    handle.umount_all()
    appliance.checkpoint(device, Disk(upper))
    assert "64 MiB" in process.run(["qemu-img", "info", str(lower)]), "others may read the layer below now"
    with pytest.raises(CommandError, match="lock"):
        process.run(["qemu-img", "info", str(upper)])
    handle.mount(device, "/")
    handle.write("/after", b"x")
    handle.umount_all()
    appliance.check_disks()
    appliance.unplug(device)
    for disk, names in ((lower, {"before"}), (upper, {"before", "after"})):
        device = appliance.plug(Disk(disk, read_only=True))
        handle.mount_ro(device, "/")
        assert set(handle.ls("/")) - {"lost+found"} == names
        handle.umount_all()
        appliance.unplug(device)


def test_a_background_process_does_not_block_later_commands(guest: Guest) -> None:
    printed = guest.run("echo begun; (sleep 600; echo never) & echo over")
    assert printed.splitlines() == ["begun", "over"]
    assert guest.run("echo next") == "next\n"
    # Many processes take longer to die, but none may keep the output port of the next command open.
    for _ in range(5):
        guest.run("for n in 1 2 3 4 5 6 7 8 9; do (sleep 600; echo never) & done")
        assert guest.run("echo next") == "next\n"


def test_a_query_that_fails_is_an_error(guest: Guest) -> None:
    assert guest.query("echo yes") == "yes"
    with pytest.raises(CommandError, match="status 7"):
        guest.query("exit 7")


def test_mounts_of_a_command_are_unmounted(guest: Guest) -> None:
    guest.run("mkdir /run/mine && mount -t tmpfs none /run/mine && touch /run/mine/file")
    guest.freeze()
    guest.thaw()
    assert "mine" not in guest.ls("/run")
    assert "/run/mine" not in guest.query("cat /proc/mounts")


def test_inspection_finds_the_same_as_the_bootstrap(appliance: Appliance, debian_base: tuple[Path, GuestInfo]) -> None:
    disk, known = debian_base
    device = appliance.plug(Disk(disk, read_only=True))
    assert inspect(appliance, device) == known
    appliance.unplug(device)
    assert (known.distribution, known.family, known.major, known.mounts) == ("debian", "debian", 12, {"/": "DISK1"})


def fussy_qemu(path: Path, refused: str) -> Path:
    """A QEMU that refuses to start with a certain option."""
    path.write_text(f'#!/bin/sh\ncase "$*" in *"{refused}"*) exit 1;; esac\nexec {QEMU} "$@"\n')
    path.chmod(0o755)
    return path


def test_a_machine_that_cannot_be_restored_is_booted(tmp_path: Path) -> None:
    events: list[Event] = []
    qemu = fussy_qemu(tmp_path / "qemu", "-incoming")
    with start(ApplianceSettings(tmp_path / "cache", qemu=str(qemu)), events.append) as booted:
        assert booted.start_method == "cold"
        assert booted.shell("echo alive") == "alive"
    assert any("cannot restore the saved appliance" in event.text for event in events if isinstance(event, Notice))
    assert not list((tmp_path / "cache").glob("*/state.json")), "a state that cannot be restored is removed"


def test_a_machine_without_hot_plug_is_left_to_libguestfs(tmp_path: Path) -> None:
    events: list[Event] = []
    qemu = tmp_path / "qemu"
    # Its PCI bus has no hot-plug, like that of machines of other architectures.
    qemu.write_text(f'#!/bin/sh\nexec {QEMU} "$@" -machine q35\n')
    qemu.chmod(0o755)
    disk = tmp_path / "disk.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "64M"])
    with start(ApplianceSettings(tmp_path / "cache", qemu=str(qemu)), events.append) as plain:
        assert plain.start_method == "plain"
        assert plain.plug(Disk(disk)) in plain.handle.list_devices()
    (text,) = (event.text for event in events if isinstance(event, Notice) and "libguestfs starts it" in event.text)
    assert "does not support hotplugging" in text
    assert not list((tmp_path / "cache").glob("*/")), "no appliance was saved for it"


def test_the_next_start_cleans_up_after_kill_9(output: Output, appliance: Appliance) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAIT, str(output.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as waiting:
        assert waiting.stdout is not None
        argv = json.loads(waiting.stdout.readline())
        waiting.kill()
    left = [Path(found) for found in re.findall(r"=(/[^,]*/libguestfs[^,/]*)/", " ".join(argv))]
    assert left
    assert all(folder.is_dir() for folder in left), "libguestfs has cleaned up by itself: this code is no longer needed"
    with scratch_folder():
        assert not any(folder.exists() for folder in left)


def test_a_saved_appliance_is_not_restored_on_a_rebuilt_root_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBGUESTFS_CACHEDIR", str(tmp_path / "libguestfs"))
    settings, kind = ApplianceSettings(tmp_path / "cache"), accelerator.probe(QEMU).kind
    (tmp_path / "libguestfs").mkdir()
    with start(settings, silent):
        (folder,) = (marker.parent for marker in settings.cache.glob("*/state.json"))
    # As after an upgrade of the host's packages between two starts.
    shutil.rmtree(tmp_path / "libguestfs")
    (tmp_path / "libguestfs").mkdir()
    with pytest.raises(ApplianceError, match="rebuilt its appliance"):
        restore(settings, QEMU, kind, SavedState(folder))
    with start(settings, silent) as running:
        assert running.shell("parted --version | head -c 6") == "parted"


@pytest.mark.soak
def test_libguestfs_alone_can_build(golden: Golden, fresh: Output, tmp_path: Path) -> None:
    steps = ('write: {path: /etc/motd, content: "written by libguestfs alone"}', "run-command: cat /etc/motd")
    recipe = write_recipe(tmp_path, "plain", *steps)
    qemu = fussy_qemu(tmp_path / "qemu", "-qmp unix:")
    done = golden("build", recipe, "--json", at=fresh, env={"LIBGUESTFS_HV": str(qemu)})
    assert done.returncode == 0, done.stderr
    assert "so libguestfs starts it" in done.stderr
    result = json.loads(done.stdout)
    assert result["appliance"] == "plain"
    assert result["audit"]["failed"] == 0
    assert "\nwritten by libguestfs alone" in (Path(result["path"]) / "build.log").read_text()
    again = json.loads(golden("build", recipe, "--json", at=fresh).stdout)
    assert again["changed"] is False
