"""Reads the hardware of a version's nodes from its domain, so that the clones match later nodes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from jinja2 import TemplateError

from builder.errors import HostError, VerifyError
from builder.hypervisor.xml import render_text
from builder.store import Version

DESCRIPTORS = (Path("/etc/qemu/firmware"), Path("/usr/share/qemu/firmware"))
"""Where distributions describe firmware, in the format of QEMU's docs/interop/firmware.json."""

UNWANTED = frozenset({"secure-boot", "requires-smm", "enrolled-keys"})
"""Firmware features that nodes do not use."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """`memory` is in bytes; `channels` are the names of virtio ports to the host, for agents in the guest."""

    arch: str
    machine: str
    vcpus: int
    memory: int
    uefi: bool
    nic: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Firmware:
    """The UEFI code and the initial variables of a machine."""

    code: Path
    variables: Path

    def copy_variables(self, target: Path) -> Path:
        shutil.copyfile(self.variables, target)
        return target


def hardware_of(version: Version) -> Hardware:
    """The hardware in a version's domain. Raises HostError if it cannot be read, VerifyError if it is invalid."""
    path = version.folder / "domain.xml.j2"
    try:
        text = path.read_text()
    except OSError as error:
        raise HostError(f"cannot read the domain XML of {version}", details=str(error)) from error
    disk = {"file": "/disk", "format": "qcow2", "read_only": False, "device": "vda"}
    values: dict[str, object] = {"name": version.template, "domain_type": "qemu", "disks": [disk]}
    try:
        return _read(ElementTree.fromstring(render_text(text, **values)))
    except (TemplateError, ElementTree.ParseError, LookupError, ValueError) as error:
        raise VerifyError(
            f"the domain XML of {version} is invalid",
            where=str(path),
            details=str(error),
            hint="build the template again",
        ) from error


def _read(domain: ElementTree.Element) -> Hardware:
    system, kind = domain.find("os"), domain.find("os/type")
    if system is None or kind is None:
        raise LookupError("it has no <type> in <os>")
    model = domain.find("devices/interface/model")
    return Hardware(
        arch=kind.get("arch", "x86_64"),
        machine=kind.get("machine", "pc"),
        vcpus=int(domain.findtext("vcpu", "1")),
        memory=int(domain.findtext("memory", "")),
        uefi=system.get("firmware") == "efi",
        nic=model.get("type", "virtio") if model is not None else "virtio",
        channels=tuple(
            target.attrib["name"] for target in domain.findall("devices/channel/target[@type='virtio'][@name]")
        ),
    )


def find_firmware(arch: str, folders: tuple[Path, ...] = DESCRIPTORS) -> Firmware:
    """The preferred UEFI without secure boot among QEMU's descriptors. Raises HostError if there is none."""
    for path in _descriptors(folders):
        try:
            found = _read_firmware(json.loads(path.read_text()), arch)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue  # another kind of firmware, or a broken descriptor: try the next
        if found:
            return found
    raise HostError(
        f"this host has no UEFI firmware for {arch} virtual machines",
        hint="install the package ovmf (apt) or edk2-ovmf (dnf)",
    )


def _descriptors(folders: tuple[Path, ...]) -> Iterator[Path]:
    """Descriptors by name; one in an earlier folder hides one of the same name in a later folder."""
    named: dict[str, Path] = {}
    for folder in reversed(folders):
        named |= {path.name: path for path in folder.glob("*.json")}
    return (named[name] for name in sorted(named))


def _read_firmware(descriptor: dict[str, Any], arch: str) -> Firmware | None:
    fits = any(target["architecture"] == arch for target in descriptor["targets"])
    mapping = descriptor["mapping"]
    if not fits or "uefi" not in descriptor["interface-types"] or mapping["device"] != "flash":
        return None
    if UNWANTED & set(descriptor["features"]) or mapping["executable"]["format"] != "raw":
        return None
    found = Firmware(Path(mapping["executable"]["filename"]), Path(mapping["nvram-template"]["filename"]))
    return found if found.code.exists() and found.variables.exists() else None
