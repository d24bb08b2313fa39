"""The files of a disk as a user reads and changes them: what is printed, what is on the disk, how it ends."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from builder import digest
from builder.guest.guest import Guest
from builder.paths import Output
from tests.conftest import GOLDEN, Golden

pytestmark = pytest.mark.slow

LINE = re.compile(r"([-dl]\S{9}) (\S+) +(\S+) +(\d+) (\d{4}-\d\d-\d\d \d\d:\d\d) (.+)")


def golden_bytes(output: Output, *arguments: str | Path) -> bytes:
    argv = [*map(str, [GOLDEN, *arguments]), "--output", str(output.root)]
    return subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout


def test_cat(output: Output, built: dict[str, Any], shared_guest: Guest) -> None:
    paths = ["/etc/passwd", "/usr/bin/true", "/initrd.img", "etc/hostname"]
    read = b"".join(shared_guest.read_bytes(f"/{path.lstrip('/')}") for path in paths)
    assert golden_bytes(output, "cat", built["template"], *paths) == read


def test_whoever_reads_may_stop(output: Output, published: Path) -> None:
    command = f"{GOLDEN} cat {published} /initrd.img --output {output.root} | head -c 2"
    done = subprocess.run(command, shell=True, capture_output=True, check=True)
    assert len(done.stdout) == 2
    assert b"Errno" not in done.stderr


def test_ls(golden: Golden, published: Path, shared_guest: Guest) -> None:
    done = golden("ls", published, "etc/alternatives")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == shared_guest.ls("/etc/alternatives")


def test_ls_in_long(golden: Golden, published: Path, shared_guest: Guest) -> None:
    done = golden("ls", "-l", published, "/etc", env={"TZ": "UTC"})
    lines = {found[6]: found for line in done.stdout.splitlines() if (found := LINE.fullmatch(line))}
    assert list(lines) == [
        f"{name} -> {shared_guest.read_link(f'/etc/{name}')}"
        if shared_guest.call("is_symlink", f"/etc/{name}")
        else name
        for name in shared_guest.ls("/etc")
    ]
    raw = shared_guest.call("lstatns", "/etc/shadow")
    time = datetime.fromtimestamp(raw["st_mtime_sec"], UTC).strftime("%Y-%m-%d %H:%M")
    assert lines["shadow"].groups() == ("-rw-r-----", "root", "shadow", str(raw["st_size"]), time, "shadow")
    done = golden("ls", "-l", "--json", published, "/etc/mtab")
    [told] = json.loads(done.stdout)
    assert (told["name"], told["mode"], told["target"]) == ("/etc/mtab", "lrwxrwxrwx", "../proc/self/mounts")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cat", "{}", "/etc/passwd", "/none"], "the guest has no /none"),
        (["copy-in", "{}", "/etc/hosts", "/etc/passwd"], "/etc/passwd is not a folder in the guest"),
    ],
)
def test_what_the_guest_has_not(golden: Golden, disk: Path, arguments: list[str], said: str) -> None:
    done = golden(*(argument.format(disk) for argument in arguments))
    assert done.returncode == 2
    assert done.stderr.endswith(f"error: {said}\n")


def test_edit(golden: Golden, disk: Path) -> None:
    """By an editor, by expressions, through a link; a file with a mode, an owner and a label of its own."""
    before = stat_of(golden, disk, "/etc/shadow")
    editor = r"""sh -c 'printf "editor:\\377::\n" >>"$1"' sh"""
    done = golden("edit", disk, "/etc/shadow", env={"VISUAL": editor, "EDITOR": "false"})
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.endswith("/etc/shadow is changed\n")
    after = stat_of(golden, disk, "/etc/shadow")
    assert after["size"] == before["size"] + 11
    assert {**after, "size": 0, "modified": ""} == {**before, "size": 0, "modified": ""}
    done = golden("edit", disk, "/etc/os-release", "-e", "s/^ID=.*/ID=(other)/", "--expression", "s/[()]//g")
    assert done.returncode == 0, done.stderr
    assert "\nID=other\n" in golden("cat", disk, "/usr/lib/os-release").stdout
    assert stat_of(golden, disk, "/etc/os-release")["target"] == "../usr/lib/os-release"


def stat_of(golden: Golden, disk: Path, path: str) -> dict[str, Any]:
    [told] = json.loads(golden("ls", "--json", disk, path).stdout)
    assert isinstance(told, dict)
    return told


def test_a_published_version_is_never_changed(golden: Golden, built: dict[str, Any], published: Path) -> None:
    before = digest.of_file(published)
    for arguments in (["edit", built["template"], "/etc/hosts"], ["copy-in", published, "/etc/hosts", "/root"]):
        done = golden(*arguments, env={"EDITOR": "false"})
        assert done.returncode == 2
        assert (
            f"error: cannot change {built['template']}:{built['version']}: published versions are read-only\nhint: "
            in (done.stderr)
        )
    assert digest.of_file(published) == before


def test_there_and_back(golden: Golden, disk: Path, tmp_path: Path) -> None:
    """A folder with links, modes and odd names goes in and comes out as it was."""
    tree = tmp_path / "tree"
    (tree / "empty").mkdir(parents=True)
    (tree / "a folder").mkdir(mode=0o710)
    odd = ["with space", "ümläut", "-dash", "new\nline", "quote'\"", "semi;colon$x", "back\\slash", "*"]
    for name in odd:
        (tree / "a folder" / name).write_text(name)
    (tree / "a folder/run").write_bytes(bytes(range(256)) * 20_000)
    (tree / "a folder/run").chmod(0o4751)
    (tree / "there").symlink_to("a folder/run")
    (tree / "nowhere").symlink_to("/etc/passwd")
    (tree / "again").hardlink_to(tree / "a folder/run")
    alone = tmp_path / "alone file"
    alone.write_text("alone")
    alone.chmod(0o640)
    done = golden("copy-in", disk, tree, alone, "/srv")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    back = tmp_path / "back"
    back.mkdir()
    done = golden("copy-out", disk, "/srv/tree/", "/srv/alone file", "/etc/mtab", back)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert look(back / "tree") == look(tree)
    assert (back / "tree/again").samefile(back / "tree/a folder/run")
    assert look(back / "alone file") == look(alone)
    assert (back / "mtab").readlink() == Path("../proc/self/mounts")
    done = golden("ls", disk, "/srv/tree/a folder")
    assert done.stdout.encode() == b"".join(f"{name}\n".encode() for name in sorted([*odd, "run"]))


def look(path: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Everything at and below a path: mode, owner, group, and contents or what a link says."""
    found = {}
    for each in [path, *path.rglob("*")]:
        inode = each.lstat()
        content = b""
        if stat.S_ISLNK(inode.st_mode):
            content = str(each.readlink()).encode()
        elif stat.S_ISREG(inode.st_mode):
            content = each.read_bytes()
        found[str(each.relative_to(path))] = (inode.st_mode, inode.st_uid, inode.st_gid, content)
    return found


def test_wrong_sides_of_this_host(golden: Golden, disk: Path, tmp_path: Path) -> None:
    before = digest.of_file(disk)
    for arguments, said in (
        (["copy-out", disk, "/etc/hosts", tmp_path / "none"], f"no such folder on this host: {tmp_path}/none"),
        (["copy-out", disk, "/etc/hosts", disk], f"not a folder: {disk}"),
        (["copy-in", disk, tmp_path / "none", "/srv"], f"no such file or folder on this host: {tmp_path}/none"),
        (["copy-in", disk, "/dev/null", "/srv"], "cannot copy /dev/null: it is not a file or folder"),
    ):
        done = golden(*arguments)
        assert (done.returncode, done.stderr) == (2, f"error: {said}\n")
    assert digest.of_file(disk) == before
