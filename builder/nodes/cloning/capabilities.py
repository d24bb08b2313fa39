"""What a hypervisor's host offers its nodes: KVM, firmware, processors and memory."""

from __future__ import annotations

from builder import process
from builder.appliance import accelerator
from builder.errors import HostError
from builder.events import Emit, Notice
from builder.hypervisor.connection import Hypervisor


def domain_type(hypervisor: Hypervisor, emit: Emit) -> str:
    """`kvm` if KVM works, else `qemu`, with a warning about the cost.

    On this host KVM is tested; on a remote host libvirt's capabilities decide.
    """
    if hypervisor.local:
        usable = accelerator.probe(process.find_tool("qemu-system-x86_64", package="qemu-system-x86"))
        reason = usable.reason if usable.kind == "tcg" else None
    else:
        reason = None if hypervisor.offers_kvm else f"{hypervisor.uri} has no KVM"
    if reason is None:
        return "kvm"
    emit(Notice(f"{reason}; nodes are emulated, about ten times slower", warning=True))
    return "qemu"


def check_firmware(hypervisor: Hypervisor, firmware: str, arch: str) -> None:
    """Raises HostError if the host lacks that firmware for that architecture."""
    if firmware == "uefi" and not hypervisor.offers_uefi(arch):
        raise HostError(
            f"the template needs UEFI firmware for {arch}, and {hypervisor.uri} has none",
            hint="install OVMF on the hypervisor's host: the package ovmf (Debian) or edk2-ovmf (EL, Fedora)",
        )


def check_capacity(hypervisor: Hypervisor, cpus: int, memory: int) -> None:
    """Raises HostError if one node needs more than the host has; `memory` in bytes."""
    capacity = hypervisor.capacity
    if memory > capacity.memory:
        raise HostError(
            f"a node needs {memory >> 20} MiB of memory; the host has {capacity.memory >> 20} MiB",
            hint=f"set --memory to at most {capacity.memory >> 20}M",
        )
    if cpus > capacity.processors:
        raise HostError(
            f"a node needs {cpus} processors; the host has {capacity.processors}",
            hint=f"set --cpus to at most {capacity.processors}",
        )
