"""The contract of a guest: the same for a folder in a name space and for a disk in a real appliance."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builder.appliance.appliance import CHUNK, Appliance
from builder.errors import ApplianceError, CommandError, GuestError
from builder.events import Event, OutputLine
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from tests.mounting import throw_away

AWKWARD = ["it's", "two words", 'a "quoted" $name', "new\nline", "grüße", "-rf", "*", "back\\slash", ".hidden"]


@pytest.fixture(scope="module")
def shared(
    appliance: Appliance, debian_base: tuple[Path, GuestInfo], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guest]:
    with throw_away(appliance, debian_base, tmp_path_factory.mktemp("contract")) as mounted:
        yield mounted


@pytest.fixture(params=["folder", pytest.param("real", marks=pytest.mark.slow)])
def either(request: pytest.FixtureRequest) -> Iterator[Guest]:
    """A guest of each kind. Tests leave nothing outside /srv, for they share the real one."""
    if request.param == "folder":
        yield request.getfixturevalue("folder_debian")
        return
    guest: Guest = request.getfixturevalue("shared")
    yield guest
    guest.emit = print
    guest.remove(*guest.glob("/srv/*", "/srv/.[!.]*"))


def shape(guest: Guest, path: str) -> tuple[str, int, int, int, int]:
    stat = guest.stat(path)
    return stat.kind, stat.mode, stat.uid, stat.gid, stat.size


# --- reading and writing -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, CHUNK, 2 * CHUNK + 1])
def test_bytes_of_any_number_come_back(either: Guest, size: int) -> None:
    content = os.urandom(size)
    either.write("/srv/noise", content)
    assert hashlib.sha256(either.read_bytes("/srv/noise")).digest() == hashlib.sha256(content).digest()
    assert [len(chunk) for chunk in either.read_chunks("/srv/noise")] == [CHUNK] * (size // CHUNK) + (
        [size % CHUNK] if size % CHUNK else []
    )
    # What commands of the appliance itself see, and bring back.
    assert either.appliance.shell("sha256sum /sysroot/srv/noise").split()[0] == hashlib.sha256(content).hexdigest()
    assert either.appliance.shell_output("cat /sysroot/srv/noise") == content


def test_undecodable_text_comes_back(either: Guest) -> None:
    either.write("/srv/file", b"gr\xfc\xdfe\r\n\0")
    assert either.read("/srv/file") == "gr\udcfc\udcdfe\r\n\0"
    either.write("/srv/other", either.read("/srv/file"))
    assert either.read_bytes("/srv/other") == b"gr\xfc\xdfe\r\n\0"


def test_a_new_file_is_roots_and_readable_and_so_are_its_folders(either: Guest) -> None:
    either.write("/srv/new/deep/file", "text")
    assert shape(either, "/srv/new/deep/file") == ("file", 0o644, 0, 0, 4)
    assert shape(either, "/srv/new")[:4] == shape(either, "/srv/new/deep")[:4] == ("folder", 0o755, 0, 0)


def test_mode_and_owner_stay_when_a_file_is_written_again(either: Guest) -> None:
    either.write("/srv/file", "long text", mode=0o640, owner="12:34")
    either.write("/srv/file", "text")
    assert shape(either, "/srv/file") == ("file", 0o640, 12, 34, 4)


def test_a_new_owner_does_not_take_set_user_id_away(either: Guest) -> None:
    either.write("/srv/file", "", mode=0o6711, owner="12:34")
    assert shape(either, "/srv/file") == ("file", 0o6711, 12, 34, 0)
    either.write("/srv/file", "", mode=0o4750, owner="daemon:adm")
    assert shape(either, "/srv/file") == ("file", 0o4750, 1, 4, 0)
    # The kernel takes it, wherever that order is turned round.
    either.chown("/srv/file", "12")
    assert shape(either, "/srv/file") == ("file", 0o750, 12, 12, 0)


def test_awkward_names(either: Guest) -> None:
    for name in AWKWARD:
        folder = f"/srv/{name}"
        either.write(f"{folder}/{name}", "text", mode=0o600, owner="12:34")
        either.link(name, f"{folder}/link")
        assert shape(either, f"{folder}/{name}") == ("file", 0o600, 12, 34, 4)
        assert either.read(f"{folder}/link") == "text"
        assert either.ls(folder) == sorted([name, "link"])
        assert either.resolve(f"{folder}/link") == f"{folder}/{name}"
    assert either.ls("/srv") == sorted(AWKWARD)
    assert either.find("/srv") == sorted(
        path for name in AWKWARD for path in (f"/srv/{name}", f"/srv/{name}/{name}", f"/srv/{name}/link")
    )
    for name in AWKWARD:
        either.remove(f"/srv/{name}/{name}")
    assert [either.ls(f"/srv/{name}") for name in AWKWARD] == [["link"]] * len(AWKWARD)
    either.remove(*(f"/srv/{name}" for name in AWKWARD))
    assert either.ls("/srv") == []


@pytest.mark.parametrize("size", [0, 5, 2 * CHUNK + 1])
def test_upload(either: Guest, tmp_path: Path, size: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(size))
    either.write("/srv/file", "longer than the source", mode=0o640, owner="12:34")
    either.upload(source, "/srv/file")
    assert either.read_bytes("/srv/file") == source.read_bytes()
    assert shape(either, "/srv/file") == ("file", 0o640, 12, 34, size)
    either.upload(source, "/srv/new")
    assert shape(either, "/srv/new") == ("file", 0o644, 0, 0, size)


def test_upload_of_what_comes_out_of_a_pipe(either: Guest) -> None:
    end, begin = os.pipe()
    os.write(begin, b"from a pipe")
    os.close(begin)
    either.upload(Path(f"/dev/fd/{end}"), "/srv/file")
    os.close(end)
    assert either.read("/srv/file") == "from a pipe"


def test_what_cannot_be_read_or_written_is_named(either: Guest, tmp_path: Path) -> None:
    either.write("/srv/file", "text")
    either.link("/nowhere", "/srv/dangling")
    for path, reason in (
        ("/srv/none", "No such file"),
        ("/srv", "directory"),
        ("/srv/file/below", "Not a directory"),
        ("/srv/dangling", "No such file"),
    ):
        with pytest.raises(GuestError, match=path) as caught:
            either.read_bytes(path)
        assert reason in str(caught.value.details)
    (tmp_path / "source").touch()
    for path in ("/srv", "/srv/none/file", "/srv/file/below"):
        with pytest.raises(GuestError, match=path):
            either.upload(tmp_path / "source", path)
    for path, named in (("/srv", "/srv"), ("/srv/file/below", "/srv/file"), ("/srv/file/below/deep", "/srv/file")):
        with pytest.raises(GuestError, match=named):
            either.write(path, "")
    with pytest.raises(GuestError, match="source-that-is-not-there"):
        either.upload(tmp_path / "source-that-is-not-there", "/srv/x")
    assert either.read("/srv/file") == "text"


def test_a_path_without_its_slash_is_refused(either: Guest) -> None:
    for call in (either.read, either.truncate, either.read_link, either.find_stat):
        with pytest.raises(GuestError):
            call("srv/file")


def test_truncate(either: Guest) -> None:
    either.write("/srv/file", "text", mode=0o4640, owner="12:34")
    either.link("file", "/srv/link")
    either.truncate("/srv/link")
    # Writing by root takes nothing away.
    assert shape(either, "/srv/file") == ("file", 0o4640, 12, 34, 0)
    assert shape(either, "/srv/link")[0] == "link"
    for path in ("/srv/none", "/srv"):
        with pytest.raises(GuestError, match=path):
            either.truncate(path)


# --- looking -------------------------------------------------------------------------------------


def test_kinds(either: Guest) -> None:
    either.write("/srv/file", "text")
    either.mkdir("/srv/folder")
    either.run("mkfifo /srv/pipe", quiet=True)
    for name in ("file", "folder", "nowhere"):
        either.link(name, f"/srv/to-{name}")
    names = either.ls("/srv")
    assert names == ["file", "folder", "pipe", "to-file", "to-folder", "to-nowhere"]
    assert [either.stat(f"/srv/{name}").kind for name in names] == ["file", "folder", "other", "link", "link", "link"]
    assert [either.exists(f"/srv/{name}") for name in names] == [True] * 6
    assert [name for name in names if either.is_file(f"/srv/{name}")] == ["file", "to-file"]
    assert [name for name in names if either.is_folder(f"/srv/{name}")] == ["folder", "to-folder"]
    assert shape(either, "/srv/to-nowhere") == ("link", 0o777, 0, 0, 7)
    assert either.stat("/").kind == "folder"


@pytest.mark.parametrize("path", ["/srv/none", "/srv/none/below", "/srv/file/below", "/srv/dangling/below"])
def test_what_is_not_there(either: Guest, path: str) -> None:
    either.write("/srv/file", "")
    either.link("/nowhere", "/srv/dangling")
    assert either.find_stat(path) is None
    assert not either.exists(path)
    assert not either.is_file(path)
    assert not either.is_folder(path)
    assert either.ls(path) == either.find(path) == either.glob(path) == []
    assert either.resolve(path) == path
    with pytest.raises(GuestError, match=f"the guest has no {path}"):
        either.stat(path)
    with pytest.raises(GuestError, match=path):
        either.read_link(path)
    with pytest.raises(GuestError, match=path):
        either.chmod(path, 0o600)
    with pytest.raises(GuestError, match=path):
        either.chown(path, "0:0")
    either.remove(path)


def test_a_link_that_leads_to_itself(either: Guest) -> None:
    either.link("loop", "/srv/loop")
    assert shape(either, "/srv/loop")[0] == "link"
    assert either.read_link("/srv/loop") == either.resolve("/srv/loop")[5:] == "loop"
    with pytest.raises(GuestError, match="/srv/loop"):
        either.read("/srv/loop")
    either.remove("/srv/loop")
    assert not either.exists("/srv/loop")


def test_destination(either: Guest) -> None:
    either.mkdir("/srv/folder")
    either.link("folder", "/srv/link")
    either.write("/srv/file", "")
    for path, placed in (
        ("/srv/folder", "/srv/folder/name"),
        ("/srv/link", "/srv/link/name"),
        ("/srv/file", "/srv/file"),
        ("/srv/none", "/srv/none"),
        ("/srv/none/", "/srv/none/name"),
        ("/", "/name"),
    ):
        assert either.destination(path, "name") == placed


def test_glob(either: Guest) -> None:
    for name in ("one", "two", ".hidden", "[x]", "a1/x", "b1/x", "folder/.below"):
        either.write(f"/srv/{name}", "")
    either.link("/nowhere", "/srv/dangling")
    either.link("folder", "/srv/linked")
    for patterns, found in (
        (["/srv/o*", "/srv/one", "/srv/t?o"], ["/srv/one", "/srv/two"]),
        (["/srv/.h*"], ["/srv/.hidden"]),
        (["/srv/[ab]1/x"], ["/srv/a1/x", "/srv/b1/x"]),
        (["/srv/{b,a}1/*"], ["/srv/a1/x", "/srv/b1/x"]),
        (["/srv/[[]x]"], ["/srv/[x]"]),
        (["/srv/d*", "/srv/l*"], ["/srv/dangling", "/srv/linked"]),
        (["/srv/linked/.b*"], ["/srv/linked/.below"]),
        (["/srv/folder"], ["/srv/folder"]),
        (["/srv/none*", "/none/*"], []),
    ):
        assert either.glob(*patterns) == found


def test_find(either: Guest) -> None:
    for name in ("tree/.hidden", "tree/folder/file", "tree/folder/deep/file", "else/file"):
        either.write(f"/srv/{name}", "")
    either.link("/srv/else", "/srv/tree/out")
    either.link("tree", "/srv/alias")
    below = [".hidden", "folder", "folder/deep", "folder/deep/file", "folder/file", "out"]
    assert either.find("/srv/tree") == [f"/srv/tree/{name}" for name in below]
    assert either.find("/srv/alias") == [f"/srv/alias/{name}" for name in below]
    assert either.find("/srv/tree/.hidden") == []


def test_libguestfs_finds_nothing_in_a_folder_with_a_line_break_in_its_name(either: Guest) -> None:
    either.write("/srv/new\nline/file", "")
    with pytest.raises(GuestError, match="find failed in the guest: /srv/new\nline"):
        either.find("/srv/new\nline")


def test_resolve(either: Guest) -> None:
    either.write("/srv/tree/file", "")
    either.link("../srv/tree", "/srv/relative")
    either.link("/srv/relative", "/srv/absolute")
    either.link("../../../../../srv/tree/file", "/srv/tree/high")
    for path in ("/srv/relative/file", "/srv/absolute/file", "/srv/absolute/high", "/srv/tree/../tree//file"):
        assert either.resolve(path) == "/srv/tree/file"
        assert either.is_file(path)


# --- changing ------------------------------------------------------------------------------------


def test_mkdir(either: Guest) -> None:
    either.mkdir("/srv/new/deep", 0o2750)
    assert shape(either, "/srv/new/deep")[:4] == ("folder", 0o2750, 0, 0)
    assert shape(either, "/srv/new")[:4] == ("folder", 0o755, 0, 0)
    either.mkdir("/srv/new/deep")
    assert shape(either, "/srv/new/deep")[1] == 0o2750
    either.link("new", "/srv/link")
    either.mkdir("/srv/link")
    either.mkdir("/srv/link/other")
    assert either.ls("/srv/new") == ["deep", "other"]
    either.write("/srv/file", "")
    either.link("/nowhere", "/srv/dangling")
    for path in ("/srv/file", "/srv/file/below", "/srv/dangling"):
        with pytest.raises(GuestError, match=path):
            either.mkdir(path)


def test_remove(either: Guest) -> None:
    either.write("/srv/precious/file", "text")
    either.write("/srv/tree/folder/file", "text")
    either.write("/srv/file", "text")
    either.link("/srv/precious", "/srv/tree/link")
    either.link("/nowhere", "/srv/dangling")
    either.remove("/srv/tree", "/srv/none", "/srv/none/below", "/srv/file", "/srv/dangling")
    assert either.find("/srv") == ["/srv/precious", "/srv/precious/file"]
    either.remove()
    either.link("precious", "/srv/alias")
    either.remove("/srv/alias/file")
    assert either.find("/srv") == ["/srv/alias", "/srv/precious"]


def test_link(either: Guest) -> None:
    either.write("/srv/file", "old")
    for target in ("first", "/second", "../third", "/", "-f", "two words"):
        either.link(target, "/srv/file")
        assert either.read_link("/srv/file") == target
    either.mkdir("/srv/folder")
    either.link("folder", "/srv/alias")
    either.link("target", "/srv/alias/made")
    assert either.read_link("/srv/folder/made") == "target"
    # A link to a folder is itself replaced, and nothing is put in the folder.
    either.link("else", "/srv/alias")
    assert either.read_link("/srv/alias") == "else"
    assert either.ls("/srv/folder") == ["made"]
    with pytest.raises(GuestError, match="/srv/folder"):
        either.link("target", "/srv/folder")
    with pytest.raises(GuestError, match="the guest has no folder /srv/none"):
        either.link("target", "/srv/none/link")
    with pytest.raises(GuestError, match="/srv/folder"):
        either.read_link("/srv/folder")


def test_chmod_follows_a_link_and_chown_does_not(either: Guest) -> None:
    either.write("/srv/file", "", mode=0o640)
    either.link("file", "/srv/link")
    either.chmod("/srv/link", 0o4711)
    either.chown("/srv/link", "12:34")
    assert shape(either, "/srv/file") == ("file", 0o4711, 0, 0, 0)
    assert shape(either, "/srv/link") == ("link", 0o777, 12, 34, 4)


def test_owners_by_name_and_number(either: Guest) -> None:
    for owner, ids in (
        ("root", (0, 0)),
        ("daemon", (1, 1)),
        ("daemon:adm", (1, 4)),
        ("12:34", (12, 34)),
        ("4242", (4242, 4242)),
        ("0:adm", (0, 4)),
        ("nobody", (65534, 65534)),
    ):
        assert either.owner_ids(owner) == ids
    for owner, reason in (("nobody-here", "user nobody-here"), ("root:nobody-here", "group nobody-here")):
        with pytest.raises(GuestError, match=f"the guest has no {reason}"):
            either.owner_ids(owner)
    assert either.users()["daemon"][2:] == ["1", "1", "daemon", "/usr/sbin", "/usr/sbin/nologin"]
    assert either.groups()["adm"][:3] == ["adm", "x", "4"]


# --- archives ------------------------------------------------------------------------------------


def archive(path: Path, *members: tuple[str, bytes | str]) -> Path:
    """A tar archive of files (bytes), links (text), and folders (a name that ends in a slash); owners 12:34."""
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.mode, info.uid, info.gid, info.uname, info.gname = 0o4750, 12, 34, "daemon", "adm"
            if name.endswith("/"):
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content if isinstance(content, bytes) else b""))
    return path


def test_unpack(either: Guest, tmp_path: Path) -> None:
    packed = archive(tmp_path / "a.tar", ("dir/", b""), ("dir/it's", b"text"), ("link", "/nowhere"))
    either.unpack(packed, "/srv/new folder")
    assert shape(either, "/srv/new folder/dir")[:4] == ("folder", 0o4750, 12, 34)
    assert shape(either, "/srv/new folder/dir/it's") == ("file", 0o4750, 12, 34, 4)
    assert shape(either, "/srv/new folder/link") == ("link", 0o777, 12, 34, 8)
    assert not either.exists("/.golden-archive")


def test_unpack_follows_links_to_folders_inside_the_guest(either: Guest, tmp_path: Path) -> None:
    packed = archive(tmp_path / "a.tar", ("out/", b""), ("out/file", b"text"))
    either.mkdir("/srv/tree")
    either.mkdir("/srv/else")
    either.link("/srv/else", "/srv/tree/out")
    either.unpack(packed, "/srv/tree")
    assert either.read_link("/srv/tree/out") == "/srv/else"
    assert either.read("/srv/else/file") == "text"


def test_unpack_of_what_is_no_archive(either: Guest, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text\n" * 1000)
    with pytest.raises(CommandError, match="tar"):
        either.unpack(tmp_path / "text", "/srv")
    assert not either.exists("/.golden-archive")
    either.write("/srv/file", "")
    with pytest.raises(GuestError, match="/srv/file"):
        either.unpack(tmp_path / "text", "/srv/file")


def test_tar_in(either: Guest, tmp_path: Path) -> None:
    packed = archive(tmp_path / "a.tar", ("dir/it's", b"text"), ("link", "/nowhere"))
    either.mkdir("/srv/new")
    either.call("tar_in", str(packed), "/srv/new")
    kind, mode, _, _, size = shape(either, "/srv/new/dir/it's")
    assert (kind, mode, size) == ("file", 0o4750, 4)
    assert either.read_link("/srv/new/link") == "/nowhere"
    with pytest.raises(GuestError, match=r"a\.tar"):
        either.call("tar_in", str(packed), "/srv/none")


# --- links that lead out -------------------------------------------------------------------------

OUT = "/golden-out"
"""A folder of the appliance itself."""


@pytest.fixture
def outside(either: Guest) -> Iterator[Guest]:
    """A guest with links to what the appliance has and the guest does not; nothing of it may change."""
    shell = either.appliance.shell
    shell(f"rm -rf {OUT}; mkdir -p {OUT}/folder; echo secret >{OUT}/file; echo secret >{OUT}/folder/file")
    look = f"find {OUT} -printf '%P %y %m %U:%G %T@\\n' | sort; cat {OUT}/file {OUT}/folder/file"
    theirs = shell(look)
    yield either
    assert shell(look) == theirs
    shell(f"rm -rf {OUT}")


@pytest.mark.parametrize("target", [OUT, f"../../../..{OUT}", f"/sysroot/..{OUT}", f"/../..{OUT}"])
def test_nothing_is_read_or_changed_outside(outside: Guest, tmp_path: Path, target: str) -> None:
    guest = outside
    guest.link(target, "/srv/out")
    for path in ("/srv/out", "/srv/out/file", "/srv/out/folder/file"):
        assert not guest.is_file(path)
        assert not guest.is_folder(path)
        assert guest.ls(path) == guest.find(path) == []
        with pytest.raises(GuestError, match=path):
            guest.read(path)
        with pytest.raises(GuestError, match=path):
            guest.truncate(path)
        with pytest.raises(GuestError, match=path):
            guest.chmod(path, 0o777)
    assert guest.glob("/srv/out/*") == []
    assert guest.resolve("/srv/out/file") == "/srv/out/file"
    guest.remove("/srv/out/file", "/srv/out/folder")
    packed = archive(tmp_path / "a.tar", ("file", b"changed"))
    changes: list[Callable[[], None]] = [
        lambda: guest.write("/srv/out/file", "changed"),
        lambda: guest.mkdir("/srv/out/made"),
        lambda: guest.link("x", "/srv/out/file"),
        lambda: guest.chown("/srv/out/file", "12:34"),
        lambda: guest.unpack(packed, "/srv/out"),
    ]
    for change in changes:
        with pytest.raises(GuestError, match="/srv/out"):
            change()
    guest.remove("/srv/out")
    assert not guest.exists("/srv/out")


def test_a_link_leads_to_the_guests_own_folder_of_that_name(outside: Guest) -> None:
    guest = outside
    guest.write(f"{OUT}/own", "own")
    try:
        guest.link(OUT, "/srv/out")
        assert guest.ls("/srv/out") == ["own"]
        assert guest.find("/srv/out") == ["/srv/out/own"]
        assert guest.glob("/srv/out/*") == ["/srv/out/own"]
        assert guest.resolve("/srv/out/own") == f"{OUT}/own"
        guest.link("/nowhere", "/srv/out/link")
        guest.remove("/srv/out/own")
        assert guest.ls(OUT) == ["link"]
    finally:
        guest.remove(OUT)


# --- commands ------------------------------------------------------------------------------------


def test_run_returns_and_emits_all_output(either: Guest) -> None:
    said: list[Event] = []
    either.emit = said.append
    assert either.run("echo out; echo error >&2; printf 'no end'") == "out\nerror\nno end\n"
    assert said == [OutputLine("out"), OutputLine("error"), OutputLine("no end")]
    assert either.run("true") == ""
    assert either.run("printf 'one\\rtwo\\r\\n\\377\\n'") == "two\n\ufffd\n"


def test_a_quiet_command_emits_nothing(either: Guest) -> None:
    said: list[Event] = []
    either.emit = said.append
    assert either.run("echo answer; echo noise >&2", quiet=True) == "answer\n"
    assert either.query("echo ' answer '; echo; echo noise >&2") == "answer"
    assert said == []
    with pytest.raises(CommandError) as caught:
        either.query("echo answer; echo reason >&2; exit 3")
    assert caught.value.output.split() == ["answer", "reason"]


@pytest.mark.parametrize("quiet", [True, False])
def test_a_command_that_fails(either: Guest, quiet: bool) -> None:
    with pytest.raises(CommandError) as caught:
        either.run("echo the reason >&2; exit 7", quiet=quiet, hint="do better")
    assert (caught.value.status, caught.value.hint) == (7, "do better")
    assert caught.value.command == "echo the reason >&2; exit 7"
    assert "the reason" in caught.value.output
    assert "in the guest" in caught.value.message
    with pytest.raises(CommandError) as caught:
        either.run("no-such-program-at-all", quiet=quiet)
    assert caught.value.status == 127


def test_where_commands_run(either: Guest) -> None:
    assert either.query('echo "$(id -u) $PWD $HOME $(umask)"; env | wc -l').split() == [
        *("0", "/", "/root", "0022"),
        *either.query("env | wc -l").split(),
    ]
    assert either.query("echo $LC_ALL") == "C.UTF-8"
    assert either.query("cat; test -c /dev/null && test -d /proc/self && test -d /sys/class && echo there") == "there"
    assert either.run("touch /run/mark && mkdir /srv/x && stat -c %a /srv/x") == "755\n"
    assert either.query("cat /etc/machine-id") == either.read("/etc/machine-id").strip()


def test_mounts_for_commands_are_not_in_the_guests_files(either: Guest) -> None:
    resolver = either.read("/etc/resolv.conf") if either.is_file("/etc/resolv.conf") else None
    either.run("touch /run/mark")
    either.leave_chroot()
    assert either.ls("/proc") == either.ls("/sys") == []
    assert not either.exists("/run/mark")
    assert (either.read("/etc/resolv.conf") if either.is_file("/etc/resolv.conf") else None) == resolver


def test_background_processes_are_killed(either: Guest) -> None:
    either.run("(while :; do date >>/srv/alive; sleep 0.05; done) & sleep 0.2")
    before = either.stat("/srv/alive").size
    assert before
    either.run("sleep 0.3")
    assert either.stat("/srv/alive").size == before
    either.leave_chroot()


def test_what_is_uploaded_to_memory_is_on_no_disk(either: Guest) -> None:
    path = either.appliance.upload_to_memory(b"secret \xff\n", "golden-contract")
    assert either.query(f"sha256sum <{path}").split()[0] == hashlib.sha256(b"secret \xff\n").hexdigest()
    assert either.query(f"stat -c %a {path}") == "600"
    either.appliance.shell(f"rm {path}")
    assert either.query("ls /dev | grep golden-contract || true") == ""


def test_the_appliances_own_commands(either: Guest) -> None:
    assert either.appliance.shell("echo a; echo b >&2; printf 'c\\n\\n'") == "a\nb\nc"
    with pytest.raises(ApplianceError, match="exit 3"):
        either.appliance.shell("echo reason >&2; exit 3")


# --- the rest ------------------------------------------------------------------------------------


def test_calls_that_steps_make_by_name(either: Guest) -> None:
    either.write("/srv/file", "text", mode=0o640, owner="12:34")
    assert either.call("checksum", "sha256", "/srv/file") == hashlib.sha256(b"text").hexdigest()
    assert bytes(either.call("pread", "/srv/file", 2, 1)) == b"ex"
    either.call("write_append", "/srv/file", b" more")
    either.call("write_append", "/srv/new", b"new")
    either.call("touch", "/srv/file")
    either.call("touch", "/srv/touched")
    assert either.read("/srv/file") == "text more"
    assert [shape(either, f"/srv/{name}") for name in ("file", "new", "touched")] == [
        ("file", 0o640, 12, 34, 9),
        ("file", 0o644, 0, 0, 3),
        ("file", 0o644, 0, 0, 0),
    ]
    either.link("file", "/srv/link")
    for path in ("/srv", "/srv/link", "/srv/none/file"):
        with pytest.raises(GuestError, match=path):
            either.call("touch", path)
    with pytest.raises(GuestError, match="checksum failed in the guest: sha256, /srv/none"):
        either.call("checksum", "sha256", "/srv/none")


def test_observations_are_taken_once(either: Guest) -> None:
    either.observe({"a": "1"})
    either.observe({"a": "2", "b": "3"})
    assert either.take_observations() == {"a": "2", "b": "3"}
    assert either.take_observations() == {}
    assert either.package_cache("apt") is None
    assert not either.has_media
    assert either.media() == []


def test_files_last_from_mount_to_mount(either: Guest) -> None:
    either.write("/srv/file", "text", mode=0o4711, owner="12:34")
    either.run("true")
    either.freeze()
    either.thaw()
    assert shape(either, "/srv/file") == ("file", 0o4711, 12, 34, 4)
    either.unmount()
    with pytest.raises(GuestError):
        either.read("/srv/file")
    either.mount(read_only=True)
    with pytest.raises(GuestError, match="Read-only"):
        either.write("/srv/file", "else")
    either.unmount()
    either.mount()
    assert either.read("/srv/file") == "text"
