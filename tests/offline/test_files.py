"""Looking, editing and copying on an opened guest: what is wrong is told, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from builder.cli.editor import edit_file
from builder.errors import GoldenError, GuestError, RequestError
from builder.guest.guest import Guest
from builder.offline import files
from builder.offline.copy import copy_in, copy_out
from builder.offline.edit import by_expressions, edit, replace
from tests.folders import snapshot

pytestmark = pytest.mark.slow

LEFT = 40 << 20
"""Bytes that a full guest has left; ext4 keeps 16 MiB of them for itself."""

HOSTS = "127.0.0.1 localhost\n"


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda guest: files.list_folder(guest, "/none"), "the guest has no /none"),
        (lambda guest: files.list_folder(guest, "/none/below"), "the guest has no /none/below"),
        (lambda guest: list(files.read_file(guest, "/none")), "the guest has no /none"),
        (lambda guest: list(files.read_file(guest, "/etc")), "/etc is a folder in the guest"),
        (lambda guest: list(files.read_file(guest, "/srv/dead")), "/srv/dead is not a file in the guest"),
        (lambda guest: list(files.read_file(guest, "/srv/fifo")), "/srv/fifo is not a file in the guest"),
        (lambda guest: edit(guest, "/etc", edit_file), "/etc is a folder in the guest"),
        (lambda guest: copy_in(guest, [Path("/etc/hosts")], "/none"), "the guest has no /none"),
        (lambda guest: copy_in(guest, [Path("/etc/hosts")], "/etc/passwd"), "/etc/passwd is not a folder in the guest"),
    ],
)
def test_what_the_guest_has_not(shared_guest: Guest, ask: Callable[[Guest], object], said: str) -> None:
    if not shared_guest.exists("/srv/fifo"):
        shared_guest.call("mkfifo", 0o644, "/srv/fifo")
        shared_guest.link("/nowhere", "/srv/dead")
    with pytest.raises(RequestError) as caught:
        ask(shared_guest)
    assert caught.value.message == said


def test_names_of_any_bytes(shared_guest: Guest, tmp_path: Path) -> None:
    odd = [b"caf\xe9", b"new\nline", b"*", b"it's", " \u00fc".encode()]
    shared_guest.mkdir("/srv/names")
    for name in odd:
        octal = "".join(rf"\{byte:03o}" for byte in name)
        shared_guest.appliance.shell(f"cd /sysroot/srv/names && touch -- \"$(printf '{octal}')\"")
    shared_guest.link("names", "/srv/to-names")
    expected = sorted(name.decode(errors="surrogateescape") for name in odd)
    for path in ("/srv/names", "/srv/to-names", "/srv/names/."):
        assert [each.name for each in files.list_folder(shared_guest, path)] == expected
    copy_out(shared_guest, ["/srv/names"], tmp_path)
    assert sorted(path.name for path in (tmp_path / "names").iterdir()) == expected


def test_links_of_a_guest_lead_to_no_folder_of_the_appliance(shared_guest: Guest) -> None:
    shared_guest.appliance.shell("mkdir -p /escape/below && touch /escape/below/theirs")
    shared_guest.link("/escape", "/srv/escape")
    for path in ("/srv/escape/below", "/srv/escape/", "/srv/escape/below/theirs"):
        with pytest.raises(RequestError, match="the guest has no"):
            files.list_folder(shared_guest, path)
    [listed] = files.list_folder(shared_guest, "/srv/escape")
    assert (listed.name, listed.target) == ("/srv/escape", "/escape")


@pytest.mark.parametrize("wrong", ["/none", "/etc/..", "/dev/null"])
def test_all_is_there_before_anything_is_copied(shared_guest: Guest, tmp_path: Path, wrong: str) -> None:
    if not shared_guest.exists("/dev/null"):
        shared_guest.call("mknod_c", 0o666, 1, 3, "/dev/null")
    with pytest.raises(RequestError):
        copy_out(shared_guest, ["/etc/hosts", wrong], tmp_path)
    assert snapshot(tmp_path) == {}


@pytest.mark.parametrize("path", ["/etc/apt", "/etc/apt/", "/etc/apt/."])
def test_names_of_copies(shared_guest: Guest, tmp_path: Path, path: str) -> None:
    copy_out(shared_guest, [path], tmp_path)
    inside = tmp_path if path.endswith(".") else tmp_path / "apt"
    assert sorted(each.name for each in inside.iterdir()) == shared_guest.ls("/etc/apt")


@pytest.mark.parametrize(
    ("editor", "after", "said"),
    [
        ("true", HOSTS, ""),
        ("printf more >>", f"{HOSTS}more", ""),
        ("sed -i s/127/128/", HOSTS.replace("127", "128"), ""),
        ("false", HOSTS, "the editor failed; nothing was changed"),
        ("sh -c 'echo x >$1; exit 3' sh", HOSTS, "exited with status 3"),
        ("rm", HOSTS, "cannot read the edited copy of /etc/hosts; nothing was changed"),
        ("golden-no-such-editor", HOSTS, "hint: set VISUAL or EDITOR to an installed editor"),
    ],
)
def test_editors(shared_guest: Guest, monkeypatch: pytest.MonkeyPatch, editor: str, after: str, said: str) -> None:
    monkeypatch.setenv("VISUAL", editor)
    shared_guest.write("/etc/hosts", HOSTS)
    if said:
        with pytest.raises(RequestError) as caught:
            edit(shared_guest, "/etc/hosts", edit_file)
        assert said in str(caught.value)
    else:
        assert edit(shared_guest, "/etc/hosts", edit_file) == (after != HOSTS)
    assert shared_guest.read("/etc/hosts") == after


@pytest.mark.parametrize("expression", ["s/a", "e touch {}", "w {}", "r {}"])
def test_expressions_that_sed_refuses(shared_guest: Guest, tmp_path: Path, expression: str) -> None:
    shared_guest.write("/etc/hosts", HOSTS)
    with pytest.raises(RequestError, match="sed rejected the expression; nothing was changed"):
        edit(shared_guest, "/etc/hosts", by_expressions([expression.format(tmp_path / "made")]))
    assert shared_guest.read("/etc/hosts") == HOSTS
    assert snapshot(tmp_path) == {}


def test_a_full_guest_keeps_what_it_has(guest: Guest, tmp_path: Path) -> None:
    free = guest.call("statvfs", "/")
    guest.call("fallocate64", "/filler", free["bfree"] * free["bsize"] - LEFT)
    before = guest.read("/etc/passwd")
    large = tmp_path / "large"
    large.write_bytes(b"x" * 2 * LEFT)
    with pytest.raises(GoldenError, match="No space left on device"):
        replace(guest, "/etc/passwd", b"x" * 2 * LEFT)
    for source in (large, tmp_path):
        with pytest.raises(GuestError, match=f"cannot copy {source}: not enough space in the guest's /srv\n"):
            copy_in(guest, [source], "/srv")
    assert guest.read("/etc/passwd") == before
    assert [name for name in guest.ls("/etc") if "golden" in name] == []
