"""The probe for KVM, with a script instead of QEMU and a file instead of the device."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.appliance import accelerator
from builder.appliance.accelerator import Accelerator, probe

Qemu = Callable[[str], str]


@pytest.fixture
def qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Qemu:
    """Make a fake QEMU from the lines of a shell script. The device exists."""
    device = tmp_path / "kvm"
    device.write_text("")
    monkeypatch.setattr(accelerator, "DEVICE", str(device))
    monkeypatch.setattr(accelerator, "KERNELS", tmp_path / "boot")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def qemu(script: str) -> str:
        path = tmp_path / "qemu"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return qemu


def test_kvm_works(qemu: Qemu, tmp_path: Path) -> None:
    assert probe(qemu(f'echo "$@" > {tmp_path}/called; cat > {tmp_path}/input')) == Accelerator("kvm")
    assert (tmp_path / "called").read_text() == "-accel kvm -cpu max -nodefaults -display none -S -qmp stdio\n"
    assert (tmp_path / "input").read_text().splitlines() == [
        '{"execute":"qmp_capabilities"}',
        '{"execute":"quit"}',
    ]


def test_it_is_probed_once(qemu: Qemu, tmp_path: Path) -> None:
    path = qemu(f"echo called >> {tmp_path}/calls")
    assert probe(path) is probe(path)
    assert (tmp_path / "calls").read_text() == "called\n"


@pytest.mark.parametrize(("status", "kind"), [(0, "kvm"), (1, "tcg")])
def test_the_result_is_cached_until_the_next_boot(
    qemu: Qemu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, kind: str
) -> None:
    monkeypatch.setattr(accelerator, "BOOT_ID", tmp_path / "boot-id")
    (tmp_path / "boot-id").write_text("first")
    path = qemu(f"echo called >> {tmp_path}/calls; exit {status}")
    found = probe(path)
    assert found.kind == kind
    probe.cache_clear()  # as in a later process
    assert probe(path) == found
    assert (tmp_path / "calls").read_text() == "called\n"
    probe.cache_clear()
    (tmp_path / "boot-id").write_text("second")
    assert probe(path) == found
    assert (tmp_path / "calls").read_text() == "called\n" * 2


def test_without_a_cache_folder(qemu: Qemu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    assert probe(qemu("exit 0")) == Accelerator("kvm")


KERNEL = 'case "$*" in *-kernel*) {then};; *) cat >/dev/null;; esac'
"""A QEMU whose machines start; `then` is what it does with a kernel."""


def test_the_newest_kernel_boots(qemu: Qemu, tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    for version in ("6.1.0-9", "5.10.0-1"):
        (tmp_path / "boot" / f"vmlinuz-{version}").write_text("")
    assert probe(qemu(KERNEL.format(then=f'echo "$@" >{tmp_path}/booted'))) == Accelerator("kvm")
    assert (tmp_path / "booted").read_text().split()[-2:] == ["-kernel", f"{tmp_path}/boot/vmlinuz-6.1.0-9"]


def test_a_kernel_does_not_boot(qemu: Qemu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a hypervisor that emulates KVM without nested page tables."""
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/vmlinuz-6.1.0").write_text("")
    monkeypatch.setattr(accelerator, "DEADLINE", 0.3)
    assert probe(qemu(KERNEL.format(then="exec sleep 60"))) == Accelerator(
        "tcg", "KVM is present but broken: a test VM did not boot a kernel within 0 s"
    )


def test_kvm_is_broken(qemu: Qemu) -> None:
    found = probe(qemu('echo "error: failed to set MSR 0x38f to 0x7000000ff" >&2; echo more >&2; kill -ABRT $$'))
    assert found == Accelerator("tcg", "KVM is present but broken: error: failed to set MSR 0x38f to 0x7000000ff")


def test_kvm_is_broken_without_a_message(qemu: Qemu) -> None:
    assert probe(qemu("exit 7")) == Accelerator("tcg", "KVM is present but broken: QEMU exited with 7")


def test_qemu_hangs(qemu: Qemu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "DEADLINE", 0.2)
    begun = time.monotonic()
    found = probe(qemu("exec sleep 60"))
    assert time.monotonic() - begun < 10
    assert found == Accelerator("tcg", "KVM is present but broken: a test VM did not answer within 0 s")


def test_no_qemu(qemu: Qemu, tmp_path: Path) -> None:
    found = probe(str(tmp_path / "none"))
    assert (found.kind, found.reason.startswith("cannot run QEMU: ")) == ("tcg", True)


def test_no_device(qemu: Qemu, tmp_path: Path) -> None:
    path = qemu(f"touch {tmp_path}/called")
    (tmp_path / "kvm").unlink()
    assert probe(path) == Accelerator("tcg", f"this host has no {tmp_path}/kvm")
    assert not (tmp_path / "called").exists()


def test_no_permission(qemu: Qemu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """os.access is faked, because root may open everything."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert probe(qemu("exit 0")) == Accelerator(
        "tcg", f"no permission to use {tmp_path}/kvm (add this user to the group kvm, and log in again)"
    )
