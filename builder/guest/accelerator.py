"""Which accelerator really works here: /dev/kvm existing proves nothing."""

from __future__ import annotations

import functools
import os
import subprocess
from dataclasses import dataclass
from typing import Literal

DEVICE = "/dev/kvm"
PROBE = b'{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n'
DEADLINE = 10.0
"""Seconds after which a probe that neither quits nor aborts counts as broken."""


@dataclass(frozen=True, slots=True)
class Accelerator:
    """`kvm` or `tcg`, and in one line why not KVM."""

    kind: Literal["kvm", "tcg"]
    reason: str = ""


@functools.cache
def probe(qemu: str) -> Accelerator:
    """Start a machine without a disk under KVM and see whether it lives.

    On nested or paravirtualised hosts QEMU aborts within 30 ms (`failed to set MSR`), while
    libguestfs, which only looks at /dev/kvm, would pick KVM and crash.
    """
    if not os.path.exists(DEVICE):
        return Accelerator("tcg", f"this host has no {DEVICE}")
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return Accelerator("tcg", f"no permission to use {DEVICE} (is this user in the group kvm?)")
    argv = [qemu, "-accel", "kvm", "-cpu", "max", "-nodefaults", "-display", "none", "-S", "-qmp", "stdio"]
    try:
        tried = subprocess.run(argv, input=PROBE, capture_output=True, timeout=DEADLINE, check=False)
    except subprocess.TimeoutExpired:
        return Accelerator("tcg", f"QEMU with KVM did not answer within {DEADLINE:.0f} s")
    except OSError as error:
        return Accelerator("tcg", f"QEMU cannot be run: {error}")
    if tried.returncode == 0:
        return Accelerator("kvm")
    said = tried.stderr.decode(errors="replace").strip().splitlines()
    return Accelerator(
        "tcg", "KVM is present but broken: " + (said[0] if said else f"QEMU ended with {tried.returncode}")
    )
