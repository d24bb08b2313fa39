from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builder import seal
from builder.errors import BuildError
from builder.guest.guest import Guest
from builder.seal import tree
from tests.seal.dirt import APART, BEFORE, EDITED, EMPTIED, FOLDERS_LEFT, GONE, LEFT, MADE, plant

EXERCISED = {*seal.registry(), "identity-leak"} - APART

KEPT = frozenset(
    {
        "/etc/never-there",
        "/home/alice/.bashrc~",
        "/root/.ssh/authorized_keys",
        "/tmp/deep/kept",
        "/var/log/kept.log",
        "/var/log/kept-too/unheard-of",
        "/var/run/faillock/kept",
    }
)

UNIT = "/etc/systemd/system/golden-ssh-hostkeys.service"


@contextmanager
def timed(title: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    print(f"{title}: {time.monotonic() - start:.2f} s")


def failures(guest: Guest, operations: list[seal.Operation], kept: frozenset[str] = frozenset()) -> list[str]:
    return [finding.message for finding in seal.check(guest, operations, kept) if not finding.ok]


def snapshot(guest: Guest) -> str:
    """Return digests of all paths with their attributes, and of the contents of /etc and /var/spool."""
    guest.leave_chroot()
    found = guest.appliance.shell("cd /sysroot; find . -mindepth 1 -printf '%y %m %U:%G %s %p %l\\n' | sort | md5sum")
    sums = guest.appliance.shell("cd /sysroot; find etc var/spool -type f -exec md5sum {} + | sort | md5sum")
    return found + sums


def folder_modes(guest: Guest) -> dict[str, tuple[str, int, int, int]]:
    stats = {path: guest.find_stat(path) for path in FOLDERS_LEFT}
    return {path: (stat.kind, stat.mode, stat.uid, stat.gid) for path, stat in stats.items() if stat}


@pytest.mark.slow
def test_seal(guest: Guest, tmp_path: Path) -> None:
    operations = seal.select(also=["ca-certificates", "firewall-rules", "flag-reconfiguration", "kerberos-data"])
    kept = {path: f"kept {path}\n" for path in KEPT if path != "/etc/never-there"}
    beside = ["/tmp/deep/not-kept", "/root/.ssh/not-kept", "/run/utmp"]
    guest.mkdir("/var/log/journal")
    # Use the real path: tar_in does not resolve /var/run inside the guest.
    kept["/run/faillock/kept"] = kept.pop("/var/run/faillock/kept")
    plant(guest, BEFORE | kept | dict.fromkeys([*LEFT, *beside], "left\n"), tmp_path)
    modes = folder_modes(guest)
    assert modes["/tmp"] == modes["/var/tmp"] == ("folder", 0o1777, 0, 0)
    dirty = failures(guest, operations, KEPT)
    assert {message.partition(":")[0] for message in dirty} == EXERCISED

    with timed("seal"):
        seal.seal(guest, operations, KEPT)
    with timed("check"):
        findings = list(seal.check(guest, operations, KEPT))
    assert [finding.message for finding in findings if not finding.ok] == []
    assert {finding.message.partition(":")[0] for finding in findings} == EXERCISED | {
        "boot-entries",
        "selinux-relabel",
    }

    now = tree.read(guest)
    assert [path for paths in GONE.values() for path in paths if path in now] == []
    assert [path for path in beside if path in now] == []
    assert [path for paths in EMPTIED.values() for path in paths if now.entries[path] != tree.TreeItem("file")] == []
    for edits in EDITED.values():
        assert {path: guest.read(path) for path in edits} == {path: after for path, (_, after) in edits.items()}
    assert all(guest.exists(path) for paths in MADE.values() for path in paths)
    assert [path for path in LEFT if path not in now] == []
    assert {path: guest.read(path) for path in kept} == kept
    assert folder_modes(guest) == modes

    # The machine id is an empty regular file, dbus uses it too, and nothing on the disk is newer.
    stat = guest.find_stat("/etc/machine-id")
    assert stat is not None
    assert (stat.kind, stat.size, stat.mode) == ("file", 0, 0o444)
    assert guest.read_link("/var/lib/dbus/machine-id") == "/etc/machine-id"
    newest = guest.appliance.shell("cd /sysroot; find . -printf '%C@ %p\\n' | sort -n | tail -n 1")
    assert newest.split()[1] == "./etc/machine-id"

    once = snapshot(guest)
    seal.seal(guest, operations, KEPT)
    assert snapshot(guest) == once

    # A check that cannot fail is useless: every operation notices its files when they are back.
    guest.remove("/.unconfigured", UNIT, "/etc/systemd/system/multi-user.target.wants/golden-ssh-hostkeys.service")
    plant(guest, BEFORE, tmp_path)
    messages = failures(guest, operations, KEPT)
    assert {message.partition(":")[0] for message in messages} == EXERCISED
    assert any("not enabled" in message for message in messages)


def test_check_works_on_a_read_only_disk(folder_debian: Guest) -> None:
    guest = folder_debian
    operations = seal.select()
    guest.write("/etc/hostname", "web1\n")
    guest.write("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 web1\n")
    kept = frozenset({"/etc/hostname", "/etc/hosts"})
    seal.seal(guest, operations, kept)
    assert guest.read("/etc/hostname") == "web1\n"
    assert guest.read("/etc/hosts") == "127.0.0.1 localhost\n127.0.1.1 web1\n"
    guest.unmount()
    guest.mount(read_only=True)
    assert failures(guest, operations, kept) == []
    with pytest.raises(BuildError):
        seal.seal(guest, operations, frozenset())


def test_links_are_not_followed(folder_debian: Guest, tmp_path: Path) -> None:
    guest = folder_debian
    operations = seal.select()
    precious = {f"/precious/{name}": "precious\n" for name in ("a.log", "x.bak", ".ssh/id", "wtmp", "deep/b~")}
    plant(guest, precious | {"/tmp/plain": "x\n"}, tmp_path)
    for path in ("/var/crash", "/var/log", "/home/eve", "/root/.ssh", "/tmp/link", "/srv/link", "/etc/machine-id"):
        guest.remove(path)
        guest.link("/precious", path)
    guest.remove("/var/spool/abrt", "/var/lib/dovecot")
    guest.link("/", "/var/spool/abrt")
    # This path also exists in the appliance, outside the guest.
    guest.link("/sysroot/etc", "/var/lib/dovecot")
    before = guest.find("/precious")

    seal.seal(guest, operations, frozenset())

    assert guest.find("/precious") == before
    assert guest.exists("/usr/bin/env")
    assert guest.exists("/etc/passwd")
    assert guest.ls("/tmp") == []
    assert not guest.exists("/root/.ssh")
    assert guest.read("/etc/machine-id") == ""
    assert [guest.read_link(path) for path in ("/srv/link", "/home/eve")] == ["/precious", "/precious"]
    # Unusual links are reported; usual ones (/var/run) are not.
    assert {message.partition(" is a link")[0] for message in failures(guest, operations)} == {
        "abrt-data: /var/spool/abrt",
        "crash-data: /var/crash",
        "crash-data: /var/log",
        "dovecot-data: /var/lib/dovecot",
        "logfiles: /var/log",
        "pacct-log: /var/log",
        "puppet-data-log: /var/log",
        "samba-db-log: /var/log",
        "sssd-db-log: /var/log",
    }


@pytest.mark.slow
def test_each_machine_makes_its_own_host_keys(guest: Guest) -> None:
    old = guest.read("/etc/ssh/ssh_host_ed25519_key")
    seal.seal(guest, seal.select(), frozenset())
    assert guest.glob("/etc/ssh/ssh_host_*") == []
    guest.run(f"systemd-analyze verify --man=no {UNIT}")
    unit = [line.partition("=") for line in guest.read(UNIT).splitlines()]
    boot = "\n".join(f"set -f; {value}" for name, _, value in unit if name == "ExecStart")
    # As after an interrupted first boot.
    guest.write("/etc/ssh/ssh_host_ed25519_key", "", mode=0o600)
    guest.write("/etc/ssh/ssh_host_ed25519_key.pub", "")

    guest.run(boot)
    keys = {path: guest.read(path) for path in guest.glob("/etc/ssh/ssh_host_*")}
    assert len(keys) == 6
    assert all(keys.values())
    assert keys["/etc/ssh/ssh_host_ed25519_key"] != old
    guest.run("/usr/sbin/sshd -t -o HostKey=/etc/ssh/ssh_host_ed25519_key || test $? = 255")

    guest.run(boot)
    assert {path: guest.read(path) for path in guest.glob("/etc/ssh/ssh_host_*")} == keys
