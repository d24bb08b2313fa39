"""The machine of a version's own domain, and the firmware of a host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from builder.domains.template import render_domain_template
from builder.errors import HostError, VerifyError
from builder.paths import Output
from builder.recipe import load
from builder.store import Version
from builder.verify.hardware import Hardware, find_firmware, hardware_of
from builder.verify.machine import CloneMachine
from tests.nodes.templates import GUEST, fabricate

CHANNELS = ("org.qemu.guest_agent.0",)


def write_domain(output: Output, folder: Path, beside: str = "") -> Version:
    """A version of a recipe with those further lines."""
    version = fabricate(output)
    recipe = folder / "recipe.yaml"
    recipe.write_text(f"name: tiny\nbase: {{bootstrap: {{distribution: debian, release: bookworm}}}}\n{beside}\n")
    replace_domain(version, render_domain_template(load(recipe), GUEST, version.name, "ab" * 32))
    return version


def replace_domain(version: Version, text: str) -> None:
    path = version.folder / "domain.xml.j2"
    path.chmod(0o644)
    path.write_text(text)


def test_it_is_what_a_node_would_get(tmp_path: Path) -> None:
    version = write_domain(Output(tmp_path / "output"), tmp_path, "domain: {vcpus: 3, memory: 512M}")
    assert hardware_of(version) == Hardware("x86_64", "pc", 3, 512 << 20, False, "virtio", CHANNELS)


def test_uefi(tmp_path: Path) -> None:
    version = write_domain(Output(tmp_path / "output"), tmp_path, "firmware: uefi")
    found = hardware_of(version)
    assert (found.machine, found.uefi) == ("q35", True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<domain><os>", "no element found"),
        ("<domain/>", "no <type> in <os>"),
        ("<domain>{{ nothing }}</domain>", "'nothing' is undefined"),
        ("{% if %}", "Expected an expression"),
        ("<domain><os><type>hvm</type></os><memory>much</memory></domain>", "'much'"),
        ("<domain><os><type>hvm</type></os></domain>", "''"),
    ],
)
def test_a_domain_that_is_none(text: str, words: str, tmp_path: Path) -> None:
    version = write_domain(Output(tmp_path / "output"), tmp_path)
    replace_domain(version, text)
    with pytest.raises(VerifyError, match="is invalid") as caught:
        hardware_of(version)
    assert words in (caught.value.details or "")
    assert caught.value.where == str(version.folder / "domain.xml.j2")


def test_a_domain_that_is_gone(tmp_path: Path) -> None:
    version = write_domain(Output(tmp_path / "output"), tmp_path)
    (version.folder / "domain.xml.j2").unlink()
    with pytest.raises(HostError, match="cannot read the domain"):
        hardware_of(version)


def describe(folder: Path, **changes: Any) -> dict[str, Any]:
    """A descriptor of firmware whose files are in a folder, as edk2's packages have it."""
    for name in ("CODE.fd", "VARS.fd"):
        (folder / name).touch()
    mapping = {
        "device": "flash",
        "executable": {"filename": str(folder / "CODE.fd"), "format": "raw"},
        "nvram-template": {"filename": str(folder / "VARS.fd"), "format": "raw"},
    }
    target = {"architecture": "x86_64", "machines": ["pc-q35-*"]}
    plain = {"interface-types": ["uefi"], "mapping": mapping, "targets": [target], "features": ["acpi-s3"]}
    return {**plain, **changes}


def test_the_first_firmware_that_fits(tmp_path: Path) -> None:
    own, hosts = tmp_path / "etc", tmp_path / "usr"
    good, other = tmp_path / "good", tmp_path / "other"
    for folder in (own, hosts, good, other):
        folder.mkdir()
    descriptors = {
        "10.json": "not JSON",
        "20.json": json.dumps(["no", "map"]),
        "30.json": json.dumps(describe(good, features=["secure-boot"])),
        "40.json": json.dumps(describe(good, targets=[{"architecture": "aarch64", "machines": []}])),
        "41.json": json.dumps(describe(good, mapping={"device": "memory", "filename": "/x"})),
        "42.json": json.dumps(describe(good, **{"interface-types": ["bios"]})),
        "50.json": json.dumps(describe(good)),
        "60.json": json.dumps(describe(other)),
    }
    for name, text in descriptors.items():
        (hosts / name).write_text(text)
    assert find_firmware("x86_64", (own, hosts)).code == good / "CODE.fd"
    (own / "50.json").touch()
    assert find_firmware("x86_64", (own, hosts)).code == other / "CODE.fd", "an empty one in /etc hides the host's"
    (other / "VARS.fd").unlink()
    with pytest.raises(HostError, match="no UEFI firmware") as caught:
        find_firmware("x86_64", (own, hosts))
    assert "ovmf" in (caught.value.hint or "")


def test_paths_with_commas_reach_qemu_whole(tmp_path: Path) -> None:
    folder = tmp_path / "a,b"
    arguments = CloneMachine(
        folder, Hardware("x86_64", "pc", 1, 64 << 20, False, "e1000", ()), "kvm", None
    )._arguments()
    drive = next(each for each in arguments if "id=disk" in each)
    assert f"file={tmp_path}/a,,b/disk.qcow2," in drive
    assert any(each.startswith("e1000,netdev=net,mac=52:54:00:") for each in arguments)
    assert "user,id=net,restrict=on" in arguments
    assert arguments[arguments.index("-cpu") + 1] == "host"
