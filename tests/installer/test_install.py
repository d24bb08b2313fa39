"""Whole installs, in real machines: from a tree over HTTP and FTP, and all that goes wrong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from builder.appliance.appliance import Appliance, Disk
from builder.errors import BuildError, GoldenError, HostError
from builder.installer import InstallLimits, InstallOrder, install, seen_from_installer
from builder.installer.machine import MOUNT_POINTS
from tests.folders import names
from tests.installer.machines import Heard, make_order, running_install
from tests.installer.tree import kickstart, make_tree, small_root
from tests.pipeline.builds import find_processes, wait_until_gone
from tests.servers import ftp_server, http_server

pytestmark = pytest.mark.slow

HERE = "127.0.0.1"
NOBODY = kickstart("http://10.0.2.2:1")
"""A kickstart whose tree is nowhere."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    return make_tree(folder / "tree", small_root(folder / "root.tar"))


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path) -> Iterator[None]:
    """No machine, no scratch, nothing in /run, and nothing mounted where others see it."""
    before = names(Path("/run"))
    yield
    wait_until_gone("qemu-system", str(tmp_path))
    assert [path for path in tmp_path.rglob("install-*") if path.is_dir()] == []
    assert [name for name in names(Path("/run")) if name.startswith("golden") and name not in before] == []
    assert not {line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()} & set(MOUNT_POINTS)


def test_two_installs_at_once_over_http_and_ftp(tree: Path, tmp_path: Path, appliance: Appliance) -> None:
    with http_server(tree, HERE) as http, ftp_server(tree, "10.0.2.2") as ftp, ThreadPoolExecutor() as pool:
        urls = {"http": seen_from_installer(http.url), "ftp": ftp}
        orders = {name: make_order(tree, tmp_path / name, kickstart(url)) for name, url in urls.items()}
        heard = {name: Heard() for name in urls}
        for done in [pool.submit(install, orders[name], heard[name]) for name in urls]:
            done.result()
    assert [path for path, _ in http.sent] == ["/root.tar"]
    for name in urls:
        check_stages(heard[name])
        check_disk(appliance, orders[name], urls[name])


def check_stages(heard: Heard) -> None:
    stages = [
        "Starting installer, one moment",
        "anaconda 19.31.123-1.el7 for Tests 7 started",
        "Starting automated install",
        "Generating updated storage configuration",
        "Checking storage configuration",
        "Creating disklabel on /dev/vda",
        "Creating ext4 on /dev/vda1",
        "Starting package installation process",
        "Installing root (1/1)",
        "Performing post-installation setup tasks",
        "Installation complete",
    ]
    assert [stage for stage in heard.stages if stage in stages] == stages
    assert "Starting automated install..." in heard.lines


def check_disk(appliance: Appliance, order: InstallOrder, url: str) -> None:
    device = appliance.plug(Disk(order.disk, read_only=True))
    handle = appliance.handle
    handle.mount_options("ro", f"{device}1", "/")
    try:
        assert handle.vfs_type(f"{device}1") == "ext4"
        assert handle.part_get_bootable(device, 1)
        assert handle.cat("/etc/installed") == "by the tests\n"
        assert handle.read_file("/etc/99") == bytes([99]) * 10_000
        secret = handle.statns("/etc/secret")
        assert (secret["st_mode"] & 0o777, secret["st_uid"]) == (0o600, 7)
        assert handle.vfs_uuid(f"{device}1") in handle.cat("/etc/fstab")
        assert handle.read_file("/root/anaconda-ks.cfg") == order.inject["ks.cfg"]
        assert url in handle.cat("/root/anaconda-ks.cfg")
    finally:
        handle.umount_all()
        appliance.unplug(device)


VARIANTS = {
    "refuse": (BuildError, "rejects line 3 of the kickstart", "Unknown command: frobnicate"),
    "broken": (BuildError, "could not install the boot loader", "failed to write boot loader configuration"),
    "prompt": (BuildError, "waits for a choice from a menu", "2) [!] Installation Destination"),
    "crash": (BuildError, "kernel panicked: sysrq triggered crash", "Kernel panic"),
    "restart": (BuildError, "rebooted instead of powering off", "Restarting system"),
    "idle": (BuildError, "without writing to the disk", "Power down"),
    "stall": (
        BuildError,
        "no output, disk access or network traffic for 6 s",
        "Starting automated install",
    ),
}


def test_every_failure_is_named_and_shown(tree: Path, tmp_path: Path) -> None:
    def fail(variant: str) -> GoldenError:
        limits = InstallLimits(stall=6 if variant == "stall" else 120, whole=300)
        order = make_order(tree, tmp_path / variant, kickstart("http://10.0.2.2", variant), limits)
        with pytest.raises(GoldenError) as caught:
            install(order, Heard())
        return caught.value

    with ThreadPoolExecutor(3) as pool:
        found = dict(zip(VARIANTS, pool.map(fail, VARIANTS), strict=True))
    for variant, (kind, message, shown) in VARIANTS.items():
        error = found[variant]
        assert isinstance(error, kind), error
        assert message in error.message, error
        assert shown in (error.details or ""), error
        assert error.hint, error


def test_a_tree_that_is_not_there_is_an_error_at_once(tree: Path, tmp_path: Path) -> None:
    order = make_order(tree, tmp_path / "install", NOBODY, InstallLimits(stall=120, whole=300))
    with pytest.raises(BuildError, match="gave up") as caught:
        install(order, Heard())
    assert "Failed to fetch http://10.0.2.2:1/root.tar" in str(caught.value)


def test_a_machine_that_never_starts_shows_what_qemu_said(tree: Path, tmp_path: Path) -> None:
    order = make_order(tree, tmp_path / "install", NOBODY)
    order.disk.write_bytes(b"no image")
    with pytest.raises(HostError, match="cannot start the installer") as caught:
        install(order, Heard())
    assert "qcow2 format" in str(caught.value)


def test_uefi_boots_the_installer_with_a_cd_in_it(tree: Path, tmp_path: Path) -> None:
    medium = tmp_path / "cd.iso"
    medium.write_bytes(bytes(4096))
    order = make_order(tree, tmp_path / "install", kickstart("http://10.0.2.2", "idle"))
    heard = Heard()
    with pytest.raises(BuildError, match="without writing"):
        install(replace(order, firmware="uefi", media=(medium,), arguments=(*order.arguments, "loglevel=7")), heard)
    assert any("efi: EFI v2" in line for line in heard.lines)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_install_leaves_nothing(number: signal.Signals, tree: Path, tmp_path: Path) -> None:
    with running_install(tree, tmp_path / "install", "stall") as running:
        running.wait_for("Starting automated install")
        assert find_processes("qemu-system", str(tmp_path))
        begun = time.monotonic()
        running.process.send_signal(number)
        running.process.wait(10)
        wait_until_gone("qemu-system", str(tmp_path))
        assert time.monotonic() - begun < 3
    if number == signal.SIGKILL:  # a build's work folder is reclaimed by the next one
        shutil.rmtree(tmp_path / "install/work")
    else:
        assert names(tmp_path / "install/work") == []


def test_a_full_host_is_told_from_a_broken_installer(tree: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "golden-test", str(small)], check=True)
    try:
        with http_server(tree, HERE) as server:
            order = make_order(tree, tmp_path / "install", kickstart(seen_from_installer(server.url)))
            shutil.move(order.disk, small)
            with pytest.raises(HostError, match="no space left on this host") as caught:
                install(replace(order, disk=small / "disk.qcow2"), Heard())
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)
    assert "golden cache prune" in (caught.value.hint or "")


def test_what_ends_qemu_from_outside_is_no_fault_of_the_installer(tree: Path, tmp_path: Path) -> None:
    ends = {"crashed": signal.SIGKILL, "another program stopped": signal.SIGTERM}
    with ThreadPoolExecutor() as pool:
        started = {}
        for words, number in ends.items():
            folder, heard = tmp_path / number.name, Heard()
            order = make_order(tree, folder, kickstart("http://10.0.2.2", "stall"))
            started[words] = pool.submit(install, order, heard)
            wait_for_stage(heard, "Starting automated install")
            (machine,) = find_processes("qemu-system", str(order.disk))
            os.kill(machine, number)
        for words, running in started.items():
            with pytest.raises(HostError, match=words) as caught:
                running.result()
            assert "Starting automated install" in (caught.value.details or "")


def wait_for_stage(heard: Heard, stage: str) -> None:
    deadline = time.monotonic() + 120
    while stage not in heard.stages:
        assert time.monotonic() < deadline, heard.lines
        time.sleep(0.1)
