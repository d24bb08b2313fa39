"""Compares golden's seal with virt-sysprep on the same unsealed disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from builder import process, seal
from builder.appliance import accelerator
from builder.appliance.appliance import Appliance
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from tests.machine import QEMU
from tests.mounting import mounted, overlay_on
from tests.seal.dirt import BEFORE, plant

pytestmark = [pytest.mark.slow, pytest.mark.soak]

ALSO = ("ca-certificates", "firewall-rules", "flag-reconfiguration", "kerberos-data", "user-account")
"""Operations that are off by default in both. fs-uuids is left out because it changes no file."""

EXTRA = {
    "/etc/machine-info": "PRETTY_HOSTNAME=builder\n",
    "/var/lib/NetworkManager/seen-bssids": "dirt\n",
    "/var/lib/NetworkManager/timestamps": "dirt\n",
    "/var/lib/systemd/network/lease": "dirt\n",
}

LEFT_BEHIND = (
    *("/var/lib/cloud/instances/i-1/sem/config_ssh", "/etc/netplan/50-cloud-init.yaml"),
    "/etc/network/interfaces.d/50-cloud-init",
    *(
        f"/var/lib/NetworkManager/{name}"
        for name in ("secret_key", "internal-1-eth0.lease", "seen-bssids", "timestamps")
    ),
    "/var/lib/systemd/network/lease",
    *("/var/lib/systemd/random-seed", "/boot/efi/loader/random-seed", "/var/lib/systemd/credential.secret"),
    *("/var/cache/libdnf5/base-1/solv/x.solv", "/var/lib/apt/lists/a_Packages", "/var/cache/apt/pkgcache.bin"),
    *("/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/etc/machine-info"),
    *("/etc/iscsi/initiatorname.iscsi", "/etc/nvme/hostnqn", "/etc/nvme/hostid"),
    *("/etc/multipath/wwids", "/etc/multipath/bindings"),
    *("/etc/salt/minion_id", "/etc/salt/pki/minion/minion.pem", "/etc/insights-client/machine-id"),
    "/etc/puppetlabs/puppet/ssl/certs/x.pem",
    *(f"/root/.{name}" for name in ("viminfo", "lesshst", "python_history", "mysql_history", "psql_history")),
)
"""Files that virt-sysprep leaves: its documentation has no operation for any of them."""

EXPLAINED = {
    "/var/lib/systemd/random-seed": "virt-sysprep writes a seed, which all clones would share; ours have none",
    "/etc/.pwd.lock": "userdel's lock, empty in both",
    "/etc/ssl/certs/ca-certificates.crt": "virt-sysprep leaves an IPA server's certificate in the folder"
    " ipa-ca, and then renews the bundle, with it; ours is gone from both",
}
"""Files that virt-sysprep and golden change differently, and why golden is right."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the comparison: its kind, its size, and the digest of a regular file."""

    kind: str
    size: int
    sha256: str


def read_entries(guest: Guest) -> dict[str, Entry]:
    """Return all files by path, except those that only packages write."""
    guest.leave_chroot()
    roots = "boot dev etc home root run srv tmp usr/local var"
    listing = guest.appliance.shell_output(
        f"cd /sysroot && find {roots} .unconfigured -printf '%y %s /%p\\0' 2>/dev/null; true"
    )
    sums = guest.appliance.shell_output(
        f"cd /sysroot && find {roots} -type f -size -256k -print0 | xargs -0 sha256sum -z"
    )
    digests = {"/" + row[66:].decode(errors="surrogateescape"): row[:64].decode() for row in sums.split(b"\0") if row}
    found = {}
    for row in filter(None, listing.decode(errors="surrogateescape").split("\0")):
        kind, size, path = row.split(" ", 2)
        found[path] = Entry(kind, int(size) if kind == "f" else 0, digests.get(path, ""))
    return found


@pytest.mark.parametrize("shape", ["debian", "centos7"])
def test_nothing_that_virt_sysprep_cleans_is_left(
    shape: str, appliance: Appliance, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    base: tuple[Path, GuestInfo]
    base = request.getfixturevalue("debian_base") if shape == "debian" else request.getfixturevalue("centos7").base
    disk, info = base
    dirty = overlay_on(disk, tmp_path / "dirty.qcow2")
    with mounted(appliance, dirty, info) as guest:
        guest.run("useradd --create-home mallory")
        if shape == "centos7":
            # virt-sysprep requires the tool that regenerates the trust store, which this guest does not have.
            guest.write("/usr/bin/update-ca-trust", "#!/bin/sh\n", mode=0o755)
        plant(guest, BEFORE | EXTRA, tmp_path)
        before = read_entries(guest)
    theirs, ours = (overlay_on(dirty, tmp_path / name) for name in ("theirs.qcow2", "ours.qcow2"))

    env = {"LIBGUESTFS_BACKEND_SETTINGS": "force_tcg"} if accelerator.probe(QEMU).kind == "tcg" else {}
    operations = ",".join(["defaults", *ALSO])
    process.run(["virt-sysprep", "-a", str(theirs), "--operations", operations], env={**os.environ, **env})
    with mounted(appliance, theirs, info) as guest:
        after = read_entries(guest)
    with mounted(appliance, ours, info) as guest:
        chosen = seal.select(also=ALSO)
        identity = seal.identify(guest)
        seal.seal(guest, chosen, frozenset())
        failed = [finding.message for finding in seal.check(guest, chosen, frozenset(), identity) if not finding.ok]
        assert failed == []
        sealed = read_entries(guest)

    removed = [path for path in before if path not in after and path in sealed]
    # golden empties logs and log folders that programs expect to exist.
    parents = {str(PurePosixPath(path).parent) for path in sealed}
    empty = {path for path, entry in sealed.items() if entry.kind == "d" and path not in parents}
    empty |= {path for path, entry in sealed.items() if entry.kind == "f" and not entry.size}
    assert [path for path in removed if path not in empty] == [], "removed by virt-sysprep alone"
    emptied = {path for path in before if path in after and before[path].size and not after[path].size}
    assert [path for path in sorted(emptied) if sealed.get(path, after[path]).size] == [], (
        "emptied by virt-sysprep alone"
    )
    rewritten = {
        path for path in set(before) & set(after) - emptied if before[path].kind == "f" and before[path] != after[path]
    }
    alike = {path for path in rewritten if sealed.get(path) != before[path]}
    assert sorted(rewritten - alike - set(EXPLAINED)) == [], "rewritten by virt-sysprep alone"
    assert after[made := "/.unconfigured"].kind == sealed[made].kind == "f"

    planted = [path for path in LEFT_BEHIND if path in before]
    assert planted == list(LEFT_BEHIND)
    clean_there = [path for path in planted if path not in after or (not after[path].size and before[path].size)]
    assert clean_there == [], "no longer left behind by virt-sysprep: say so in the table"
    left = {path for path in planted if sealed.get(path) == before[path]}
    assert left == set(), "left behind by us, too"
