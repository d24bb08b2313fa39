"""Versions that are booted before `latest` moves to them: one that comes up, and one that does not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.errors import HostError
from builder.paths import Output
from builder.store import Store
from builder.verify.hardware import Hardware, find_firmware
from builder.verify.machine import CloneMachine
from builder.verify.watch import CloneBoot, follow
from tests.conftest import DEBIAN, GOLDEN, PROJECT, Golden
from tests.folders import snapshot
from tests.pipeline.builds import find_processes, wait_until_gone

pytestmark = pytest.mark.slow

NAME = "verified"
VERIFY = """
verify:
  - systemctl is-active ssh
  - {command: cat /etc/motd, expect: "{{ greeting }}"}
"""
BREAK = """
  - write:
      path: /boot/grub/custom.cfg
      content: |
        set default=broken
        menuentry broken --id broken {
          linux /vmlinuz root=/dev/nonsense ro console=ttyS0,115200
          initrd /initrd.img
        }
"""
"""A wrong root=, in the one place where the audit does not look for it."""


def write_recipe(folder: Path, last: str = "", *, name: str = NAME) -> Path:
    """The shipped recipe under another name, with commands to verify, and a last step."""
    text = DEBIAN.read_text().replace("name: debian-12", f"name: {name}").replace("\nvars:", f"{last}{VERIFY}\nvars:")
    recipe = folder / "recipe.yaml"
    recipe.write_text(text.replace("files/", f"{DEBIAN.parent}/files/"))
    return recipe


@pytest.fixture(scope="module")
def verified(golden: Golden, built: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A template that was built with --verify, and passed."""
    done = golden("build", write_recipe(tmp_path_factory.mktemp("good")), "--verify", "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_what_boots_becomes_latest(golden: Golden, verified: dict[str, Any], output: Output) -> None:
    store = Store(output.templates)
    version = store.find_channel(NAME)
    assert version is not None
    assert version.name == verified["version"]
    found = version.verification
    assert found is not None
    assert found.passed
    assert {check.name for check in found.checks} == {
        *("login", "units", "growth of /", "network", "machine-id", "host-keys", "command 1", "command 2")
    }
    assert {path.name for path in version.verification_folder.iterdir()} == {
        *("result.json", "console-1.log", "console-2.log")
    }
    assert "localhost login:" in (version.verification_folder / "console-2.log").read_text(errors="replace")
    first, second = found.clones
    assert first.facts["machine-id"] != second.facts["machine-id"]
    listed = json.loads(golden("list", "--json").stdout)
    # The same disk under another name has the same version.
    (row,) = [row for row in listed if (row["template"], row["version"]) == (NAME, version.name)]
    assert (row["verification"], row["channels"]) == ("verified", ["latest"])
    assert "verified  verified at " in golden("show", NAME).stdout
    # Nothing of it went to the template, and nothing is left of the clones.
    assert "golden-verify" not in (version.folder / "build.log").read_text()
    assert not find_processes("qemu-system", f"{output.work}/", "/clone-")


def test_what_was_verified_is_not_again(golden: Golden, verified: dict[str, Any], tmp_path: Path) -> None:
    begun = time.monotonic()
    done = golden("build", write_recipe(tmp_path), "--verify", "--json")
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    assert (again["changed"], again["version"]) == (False, verified["version"])
    assert time.monotonic() - begun < 15


def test_what_does_not_boot_is_kept_as_failed(
    golden: Golden, verified: dict[str, Any], output: Output, tmp_path: Path
) -> None:
    before = snapshot(Path(verified["path"]))
    done = golden("build", write_recipe(tmp_path, BREAK), "--verify", "--json", "--verify-timeout", "600")
    assert (done.returncode, done.stdout) == (5, ""), done.stderr
    assert f"latest stays at {verified['version']}" in done.stderr
    assert "its initramfs found no root file system" in done.stderr
    assert "the last lines of clone" in done.stderr
    assert "/dev/nonsense does not exist" in done.stderr

    store = Store(output.templates)
    latest = store.find_channel(NAME)
    assert latest is not None
    assert latest.name == verified["version"]
    assert snapshot(Path(verified["path"])) == before
    newest = store.versions(NAME)[-1]
    assert newest.name != latest.name
    found = newest.verification
    assert found is not None
    assert [check.name for check in found.failed] == ["login"]
    assert found.seconds < 500, "it waited for the timeout"
    rows = {row["version"]: row for row in json.loads(golden("list", "--json").stdout) if row["template"] == NAME}
    assert (rows[newest.name]["verification"], rows[newest.name]["channels"]) == ("failed", [])
    assert "failed: login" in golden("show", f"{NAME}:{newest.name}").stdout
    wait_until_gone("qemu-system", str(output.work))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_verify_that_is_stopped_leaves_no_machine(
    verified: dict[str, Any], output: Output, number: signal.Signals, tmp_path: Path
) -> None:
    version = Store(output.templates).find(f"{NAME}:{verified['version']}")
    kept = snapshot(version.verification_folder)
    log = tmp_path / "log"
    with log.open("wb") as said:
        running = subprocess.Popen(
            [str(GOLDEN), "verify", str(version)],
            stdout=said,
            stderr=said,
            cwd=PROJECT,
            env={**os.environ, "GOLDEN_OUTPUT": str(output.root)},
        )
    deadline = time.monotonic() + 120
    while len(find_processes("qemu-system", f"{output.work}/", "/clone-")) < 2:
        assert running.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    running.send_signal(number)
    assert running.wait(timeout=60) == (-number if number == signal.SIGKILL else 130), log.read_text()
    wait_until_gone("qemu-system", f"{output.work}/", "console")
    assert snapshot(version.verification_folder) == kept


HARDWARE = Hardware("x86_64", "pc", 1, 64 << 20, False, "virtio", ("org.qemu.guest_agent.0",))


def wait_for_end(machine: CloneMachine) -> None:
    deadline = time.monotonic() + 30
    while machine.ended is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_machine_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        CloneMachine(tmp_path, HARDWARE, "tcg", None) as machine,
        pytest.raises(HostError, match="QEMU failed while it ran a clone") as caught,
    ):
        wait_for_end(machine)
    assert "disk.qcow2" in (caught.value.details or "")


def make_empty_disk(folder: Path) -> None:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(folder / "disk.qcow2"), "64M"], check=True)


def test_uefi_with_nothing_to_boot(tmp_path: Path) -> None:
    """This host's OVMF starts, looks at the disk alone, and says so at once."""
    make_empty_disk(tmp_path)
    hardware = replace(HARDWARE, machine="q35", uefi=True, memory=256 << 20)
    with CloneMachine(tmp_path, hardware, "tcg", find_firmware("x86_64")) as machine:
        boot = CloneBoot(machine, [])
        follow([boot], 200, print)
    assert boot.trouble == "its firmware found nothing to boot"
    assert "PXE" not in machine.console.read_text(errors="replace")


def test_a_machine_that_is_killed(tmp_path: Path) -> None:
    make_empty_disk(tmp_path)
    with CloneMachine(tmp_path, HARDWARE, "tcg", None) as machine:
        deadline = time.monotonic() + 30
        while not machine.console.exists() or not (found := find_processes("qemu-system", str(tmp_path))):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert machine.ended is None
        (pid,) = found
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(HostError, match="killed by signal 9"):
            wait_for_end(machine)
