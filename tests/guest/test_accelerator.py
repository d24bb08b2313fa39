"""The probe of KVM, with scripts in the place of QEMU and a file in the place of the device."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.guest import accelerator
from builder.guest.accelerator import Accelerator, probe

Qemu = Callable[[str], str]


@pytest.fixture
def qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Qemu:
    """Makes a QEMU from the lines of a shell script; the device is there."""
    device = tmp_path / "kvm"
    device.write_text("")
    monkeypatch.setattr(accelerator, "DEVICE", str(device))

    def qemu(script: str) -> str:
        path = tmp_path / "qemu"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return qemu


def test_kvm_works(qemu: Qemu, tmp_path: Path) -> None:
    assert probe(qemu(f'echo "$@" > {tmp_path}/called; cat > {tmp_path}/asked')) == Accelerator("kvm")
    assert (tmp_path / "called").read_text() == "-accel kvm -cpu max -nodefaults -display none -S -qmp stdio\n"
    assert (tmp_path / "asked").read_text().splitlines() == [
        '{"execute":"qmp_capabilities"}',
        '{"execute":"quit"}',
    ]


def test_it_is_asked_once(qemu: Qemu, tmp_path: Path) -> None:
    path = qemu(f"echo called >> {tmp_path}/calls")
    assert probe(path) is probe(path)
    assert (tmp_path / "calls").read_text() == "called\n"


def test_kvm_is_broken(qemu: Qemu) -> None:
    found = probe(qemu('echo "error: failed to set MSR 0x38f to 0x7000000ff" >&2; echo more >&2; kill -ABRT $$'))
    assert found == Accelerator("tcg", "KVM is present but broken: error: failed to set MSR 0x38f to 0x7000000ff")


def test_kvm_is_broken_without_a_word(qemu: Qemu) -> None:
    assert probe(qemu("exit 7")) == Accelerator("tcg", "KVM is present but broken: QEMU ended with 7")


def test_qemu_hangs(qemu: Qemu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "DEADLINE", 0.2)
    begun = time.monotonic()
    found = probe(qemu("exec sleep 60"))
    assert time.monotonic() - begun < 10
    assert found == Accelerator("tcg", "QEMU with KVM did not answer within 0 s")


def test_no_qemu(qemu: Qemu, tmp_path: Path) -> None:
    found = probe(str(tmp_path / "none"))
    assert (found.kind, found.reason.startswith("QEMU cannot be run: ")) == ("tcg", True)


def test_no_device(qemu: Qemu, tmp_path: Path) -> None:
    path = qemu(f"touch {tmp_path}/called")
    (tmp_path / "kvm").unlink()
    assert probe(path) == Accelerator("tcg", f"this host has no {tmp_path}/kvm")
    assert not (tmp_path / "called").exists()


def test_no_permission(qemu: Qemu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked of the kernel it would be no test for root, who may open everything."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert probe(qemu("exit 0")) == Accelerator(
        "tcg", f"no permission to use {tmp_path}/kvm (is this user in the group kvm?)"
    )
