"""Find out whether KVM works on this host: /dev/kvm alone proves nothing."""

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
"""Seconds to wait for a probe to end. KVM counts as broken after that."""

KERNELS = Path("/boot")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Accelerator:
    """`kvm` or `tcg`. For `tcg`, `reason` says in one line why KVM cannot be used."""

    kind: Literal["kvm", "tcg"]
    reason: str = ""


@functools.cache
def probe(qemu: str) -> Accelerator:
    """Find out whether this QEMU can use KVM. The result is cached until the host reboots."""
    if not os.path.exists(DEVICE):
        return Accelerator("tcg", f"this host has no {DEVICE}")
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return Accelerator("tcg", f"no permission to use {DEVICE} (add this user to the group kvm, and log in again)")
    cache = _cache_file(qemu)
    cached = files.read_json(cache) if cache else None
    if cached and cached.get("kind") in ("kvm", "tcg"):
        return Accelerator(cached["kind"], str(cached.get("reason", "")))
    found = _try_machine(qemu) or _try_kernel(qemu) or Accelerator("kvm")
    if cache:
        with suppress(OSError):
            cache.parent.mkdir(parents=True, exist_ok=True)
            files.write_json(cache, {"kind": found.kind, "reason": found.reason})
    return found


def _cache_file(qemu: str) -> Path | None:
    """The file that caches the result for this QEMU and this boot of the host; None if there is no cache folder."""
    folder = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("HOME") and f"{os.environ['HOME']}/.cache")
    try:
        binary, device = os.stat(qemu), os.stat(DEVICE)  # reloading the KVM module recreates the device
        key = digest.of_value([BOOT_ID.read_text(), device.st_ctime_ns, qemu, binary.st_ino, binary.st_mtime_ns])
    except OSError:
        return None
    return Path(folder) / "golden" / f"accelerator-{key[:16]}.json" if folder else None


def _try_machine(qemu: str) -> Accelerator | None:
    """Start a paused machine under KVM. Return `tcg` and the reason if that fails, else None.

    On many nested or paravirtualised hosts QEMU aborts within 30 ms (`failed to set MSR`). libguestfs only
    checks that /dev/kvm exists, so it would pick KVM and crash.
    """
    return _try([qemu, *_MACHINE, "-S", "-qmp", "stdio"], "did not answer")


def _try_kernel(qemu: str) -> Accelerator | None:
    """Boot the host's own kernel under KVM until it panics for lack of a root disk.

    Return `tcg` and the reason if it does not get that far, else None. Where KVM itself is emulated with shadow
    page tables, machines start, but then crawl or stop (`emulation failure`). Without a readable kernel, this
    test is skipped.
    """
    kernels = sorted(path for path in KERNELS.glob("vmlinuz-*") if os.access(path, os.R_OK))
    if not kernels:
        return None
    boot = ("-m", "512", "-no-reboot", "-monitor", "none", "-append", "panic=-1", "-kernel", str(kernels[-1]))
    return _try([qemu, *_MACHINE, *boot], "did not boot a kernel")


_MACHINE = ("-accel", "kvm", "-cpu", "max", "-nodefaults", "-display", "none")


def _try(argv: list[str], failure: str) -> Accelerator | None:
    """Run a machine that ends by itself. Return None if it does, else `tcg` and the reason."""
    try:
        done = subprocess.run(argv, input=PROBE, capture_output=True, timeout=DEADLINE, check=False)
    except subprocess.TimeoutExpired:
        return Accelerator("tcg", f"KVM is present but broken: a test VM {failure} within {DEADLINE:.0f} s")
    except OSError as error:
        return Accelerator("tcg", f"cannot run QEMU: {error}")
    if done.returncode == 0:
        return None
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return Accelerator(
        "tcg", "KVM is present but broken: " + (lines[0] if lines else f"QEMU exited with {done.returncode}")
    )
