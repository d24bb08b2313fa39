"""A disk's files in a folder of this host: through the kernel, in the background, and gone when they are unmounted."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builder import process
from builder.guest.guest import Guest
from builder.offline.mounts import find_server
from tests.conftest import GOLDEN, Golden
from tests.test_process import wait_until_gone

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "a folder"
    folder.mkdir()
    yield folder
    if (server := find_server(folder)) is not None:
        os.kill(server, signal.SIGKILL)
        wait_until_gone(server)
        process.run(["fusermount", "-u", "-z", str(folder)])


def machines_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def server_of(folder: Path) -> int:
    server = find_server(folder)
    assert server is not None
    return server


def test_read_only(golden: Golden, published: Path, shared_guest: Guest, folder: Path) -> None:
    done = golden("mount", published, folder)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.endswith(f"is mounted on {folder}; unmount it with: golden umount {folder}\n")
    assert sorted(path.name for path in folder.iterdir()) == shared_guest.ls("/")
    assert (folder / "etc/passwd").read_bytes() == shared_guest.read_bytes("/etc/passwd")
    with pytest.raises(OSError, match="Read-only file system"):
        (folder / "root/new").write_text("new")
    again = golden("mount", published, folder)
    assert (again.returncode, again.stderr) == (
        2,
        f"error: a disk is already mounted on {folder}\nhint: run `golden umount {folder}`\n",
    )
    server = server_of(folder)
    streams = {str(Path(f"/proc/{server}/fd/{number}").readlink()) for number in range(3)}
    assert streams == {"/dev/null"}
    assert golden("umount", folder).returncode == 0
    assert find_server(folder) is None
    wait_until_gone(server)


def test_written_through_the_kernel(golden: Golden, disk: Path, folder: Path) -> None:
    assert golden("mount", "--rw", disk, folder).returncode == 0
    server = server_of(folder)
    machines = machines_of(server)
    (folder / "root/made").mkdir()
    (folder / "root/made/large").write_bytes(b"x" * 5_000_000)
    (folder / "etc/hosts").rename(folder / "etc/hosts.old")
    done = golden("edit", disk, "/etc/passwd", "-e", "s/a/b/")
    assert done.returncode == 6
    assert f"error: another process has {disk} open\n" in done.stderr
    with (folder / "root/made/open").open("w"):
        done = golden("umount", folder)
        assert done.returncode == 6
        assert f"error: {folder} is in use\n" in done.stderr
    done = golden("umount", folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for pid in (server, *machines):
        wait_until_gone(pid)
    assert list(folder.iterdir()) == []
    process.run(["qemu-img", "check", "-q", str(disk)])
    assert golden("cat", disk, "/root/made/large").stdout == "x" * 5_000_000
    assert golden("ls", disk, "/root/made").stdout == "large\nopen\n"
    assert "hosts.old\n" in golden("ls", disk, "/etc").stdout


def test_told_to_stop(golden: Golden, disk: Path, folder: Path) -> None:
    """What was written is on the disk, as after an unmount."""
    assert golden("mount", "--rw", disk, folder).returncode == 0
    server = server_of(folder)
    (folder / "root/new").write_text("new")
    os.kill(server, signal.SIGTERM)
    wait_until_gone(server)
    assert find_server(folder) is None
    assert golden("cat", disk, "/root/new").stdout == "new"


def test_killed(golden: Golden, disk: Path, folder: Path) -> None:
    """No machine stays, and the dead mount can be cleared away."""
    assert golden("mount", disk, folder).returncode == 0
    server = server_of(folder)
    machines = machines_of(server)
    assert machines
    os.kill(server, signal.SIGKILL)
    for pid in (server, *machines):
        wait_until_gone(pid)
    with pytest.raises(OSError, match=r"not connected|connection abort"):
        list(folder.iterdir())
    done = golden("umount", folder)
    assert done.returncode == 0
    assert "warning: the process that served" in done.stderr
    assert list(folder.iterdir()) == []
    assert golden("umount", folder).returncode == 2


def test_in_the_foreground(published: Path, folder: Path, tmp_path: Path) -> None:
    argv = [str(GOLDEN), "mount", "--foreground", str(published), str(folder)]
    output = published.parents[3]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, env={**os.environ, "GOLDEN_OUTPUT": str(output)}) as mount:
        wait_for(lambda: find_server(folder) is not None)
        assert find_server(folder) == mount.pid
        assert (folder / "etc/passwd").read_text().startswith("root:")
        mount.send_signal(signal.SIGINT)
        _, said = mount.communicate(timeout=20)
    assert mount.returncode == 130
    assert b"Traceback" not in said
    assert find_server(folder) is None


def test_what_is_no_place_to_mount_on(golden: Golden, published: Path, folder: Path) -> None:
    (folder / "file").write_text("")
    for place, said in (
        (folder, f"folder is not empty: {folder}"),
        (folder / "file", f"not a folder: {folder}/file"),
        (folder / "none", f"no such folder: {folder}/none"),
    ):
        done = golden("mount", published, place)
        assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"error: {said}")
        done = golden("umount", place)
        assert (done.returncode, done.stderr) == (2, f"error: golden has mounted no disk on {place}\n")
    done = golden("mount", "--rw", published, folder)
    assert done.returncode == 2
    assert "published versions are read-only" in done.stderr


def test_a_disk_without_a_guest(golden: Golden, folder: Path, tmp_path: Path) -> None:
    """What goes wrong in the background is told in front."""
    empty = tmp_path / "empty.raw"
    empty.touch()
    process.run(["mke2fs", "-q", "-F", "-t", "ext4", str(empty), "8M"])
    done = golden("mount", empty, folder)
    assert done.returncode == 4
    assert f"error: {empty} holds no operating system" in done.stderr
    assert find_server(folder) is None
