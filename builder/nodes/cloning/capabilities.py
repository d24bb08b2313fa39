"""What a hypervisor's host can do for nodes."""

from __future__ import annotations

from builder import process
from builder.appliance import accelerator
from builder.errors import HostError
from builder.events import Emit, Notice
from builder.hypervisor.connection import Hypervisor


def domain_type(hypervisor: Hypervisor, emit: Emit) -> str:
    """`kvm` where KVM works, else `qemu`, said with what that costs.

    On this host KVM is tried; of a remote one there is only libvirt's word.
    """
    if hypervisor.local:
        usable = accelerator.probe(process.find_tool("qemu-system-x86_64", package="qemu-system-x86"))
        reason = usable.reason if usable.kind == "tcg" else None
    else:
        reason = None if hypervisor.offers_kvm else f"{hypervisor.uri} has no KVM"
    if reason is None:
        return "kvm"
    emit(Notice(f"{reason}; nodes run without it, about ten times slower", warning=True))
    return "qemu"


def check_firmware(hypervisor: Hypervisor, firmware: str, arch: str) -> None:
    """Raises HostError where nodes of that firmware and architecture cannot be had."""
    if firmware == "uefi" and not hypervisor.offers_uefi(arch):
        raise HostError(
            f"{hypervisor.uri} has no UEFI firmware for {arch}, which the template's nodes need",
            hint="install OVMF on the hypervisor's host: the package ovmf (Debian) or edk2-ovmf (EL, Fedora)",
        )


def check_capacity(hypervisor: Hypervisor, cpus: int, memory: int) -> None:
    """Raises HostError for a node that the host is too small for; `memory` in bytes."""
    capacity = hypervisor.capacity
    if memory > capacity.memory:
        raise HostError(
            f"a node of {memory >> 20} MiB does not fit: the host has {capacity.memory >> 20} MiB",
            hint="give it less with --memory",
        )
    if cpus > capacity.processors:
        raise HostError(
            f"a node of {cpus} processors does not fit: the host has {capacity.processors}",
            hint="give it fewer with --cpus",
        )
