"""Which accelerator really works here: /dev/kvm existing proves nothing."""

from __future__ import annotations

import functools
import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from builder import digest, files

DEVICE = "/dev/kvm"
PROBE = b'{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n'
DEADLINE = 10.0
"""Seconds after which a probe that neither quits nor aborts counts as broken."""

KERNELS = Path("/boot")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Accelerator:
    """`kvm` or `tcg`, and in one line why not KVM."""

    kind: Literal["kvm", "tcg"]
    reason: str = ""


@functools.cache
def probe(qemu: str) -> Accelerator:
    """Whether that QEMU can use KVM: what was found out is remembered until the host boots again."""
    if not os.path.exists(DEVICE):
        return Accelerator("tcg", f"this host has no {DEVICE}")
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return Accelerator("tcg", f"no permission to use {DEVICE} (is this user in the group kvm?)")
    memory = _memory(qemu)
    remembered = files.read_json(memory) if memory else None
    if remembered and remembered.get("kind") in ("kvm", "tcg"):
        return Accelerator(remembered["kind"], str(remembered.get("reason", "")))
    found = _try_machine(qemu) or _try_kernel(qemu) or Accelerator("kvm")
    if memory:
        with suppress(OSError):
            memory.parent.mkdir(parents=True, exist_ok=True)
            files.write_json(memory, {"kind": found.kind, "reason": found.reason})
    return found


def _memory(qemu: str) -> Path | None:
    """The file for what was found out about this QEMU since the host was booted; None where there is no place."""
    cache = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("HOME") and f"{os.environ['HOME']}/.cache")
    try:
        binary, device = os.stat(qemu), os.stat(DEVICE)  # which is made anew when KVM's module is
        key = digest.of_value([BOOT_ID.read_text(), device.st_ctime_ns, qemu, binary.st_ino, binary.st_mtime_ns])
    except OSError:
        return None
    return Path(cache) / "golden" / f"accelerator-{key[:16]}.json" if cache else None


def _try_machine(qemu: str) -> Accelerator | None:
    """Start a machine under KVM that executes nothing; what is wrong then, or None.

    On many nested or paravirtualised hosts QEMU aborts within 30 ms (`failed to set MSR`), while
    libguestfs, which only looks at /dev/kvm, would pick KVM and crash.
    """
    return _try([qemu, *_MACHINE, "-S", "-qmp", "stdio"], "did not answer")


def _try_kernel(qemu: str) -> Accelerator | None:
    """Boot the host's own kernel under KVM, to its panic for want of a root; what is wrong then, or None.

    Where KVM is itself emulated, with shadow page tables, machines start and then crawl or stop
    (`emulation failure`). A kernel that may not be read tells nothing.
    """
    kernels = sorted(path for path in KERNELS.glob("vmlinuz-*") if os.access(path, os.R_OK))
    if not kernels:
        return None
    boot = ("-m", "512", "-no-reboot", "-monitor", "none", "-append", "panic=-1", "-kernel", str(kernels[-1]))
    return _try([qemu, *_MACHINE, *boot], "did not boot a kernel")


_MACHINE = ("-accel", "kvm", "-cpu", "max", "-nodefaults", "-display", "none")


def _try(argv: list[str], missed: str) -> Accelerator | None:
    """Run a machine that ends by itself; None if it did."""
    try:
        tried = subprocess.run(argv, input=PROBE, capture_output=True, timeout=DEADLINE, check=False)
    except subprocess.TimeoutExpired:
        return Accelerator("tcg", f"KVM is present but broken: a machine {missed} within {DEADLINE:.0f} s")
    except OSError as error:
        return Accelerator("tcg", f"QEMU cannot be run: {error}")
    if tried.returncode == 0:
        return None
    said = tried.stderr.decode(errors="replace").strip().splitlines()
    return Accelerator(
        "tcg", "KVM is present but broken: " + (said[0] if said else f"QEMU ended with {tried.returncode}")
    )
