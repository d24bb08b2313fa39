"""What a hypervisor's host offers its nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from builder.errors import HostError
from builder.events import silent
from builder.hypervisor.connection import Hypervisor
from builder.nodes.cloning import capabilities


@dataclass
class Host:
    """A hypervisor's host; `offered` is the firmware that libvirt's domain capabilities list."""

    offered: tuple[str, ...]
    uri: str = "qemu+ssh://host/system"

    def getDomainCapabilities(self, *arguments: Any) -> str:
        assert arguments == (None, "x86_64", "q35", None, 0)
        values = "".join(f"<value>{each}</value>" for each in self.offered)
        return f"<domainCapabilities><os><enum name='firmware'>{values}</enum></os></domainCapabilities>"

    @property
    def hypervisor(self) -> Hypervisor:
        return Hypervisor(self, self.uri, cast(Any, None), silent)


def test_uefi_needs_firmware() -> None:
    capabilities.check_firmware(Host(("bios", "efi")).hypervisor, "uefi", "x86_64")
    capabilities.check_firmware(Host(()).hypervisor, "bios", "x86_64")
    with pytest.raises(HostError) as caught:
        capabilities.check_firmware(Host(("bios",)).hypervisor, "uefi", "x86_64")
    assert caught.value.message == ("the template needs UEFI firmware for x86_64, and qemu+ssh://host/system has none")
    assert caught.value.hint
    assert "ovmf" in caught.value.hint
