"""A published template as a base: its identity, and its copy, which is complete or not made at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from builder import process
from builder.appliance.appliance import Appliance
from builder.bases import BaseRequest, BuildContext, TemplateBase
from builder.disks import virtual_size
from builder.errors import HostError, RequestError
from builder.events import silent
from builder.paths import Output
from builder.store import Store
from tests.nodes.templates import fabricate

PATTERN = b"\x07" * (1 << 16)


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path / "output")


def disk(folder: Path, name: str, content: bytes = PATTERN, *options: str) -> Path:
    """A disk of 64 MiB with content at 1 MiB, in the format of its suffix."""
    raw = folder / "source"
    with raw.open("wb") as file:
        file.truncate(64 << 20)
        file.seek(1 << 20)
        file.write(content)
    disk = folder / name
    process.run(["qemu-img", "convert", "-f", "raw", "-O", disk.suffix[1:], *options, str(raw), str(disk)])
    return disk


def base_request(output: Output, size: int | None = None) -> BaseRequest:
    return BaseRequest(output.root, output.templates, size)


def no_appliance() -> Appliance:
    pytest.fail("a template needs no appliance")


def make(output: Output, target: Path, base: TemplateBase, size: int | None = None) -> Path:
    base.make(BuildContext(base_request(output, size), target.parent, target.parent, no_appliance, silent), target)
    return target


def test_its_identity_is_its_disk(output: Output, tmp_path: Path) -> None:
    base = TemplateBase(template="web")
    one, other = disk(tmp_path, "one.qcow2"), disk(tmp_path, "other.qcow2", b"other")
    first = fabricate(output, "web", one)
    before = base.identity(base_request(output))
    assert before == {"kind": "template", "version": 1, "sha256": first.manifest.disk.sha256}
    again = fabricate(output, "web", one, summary="other words")
    assert again.name != first.name
    assert base.identity(base_request(output)) == before
    assert TemplateBase(template=f"web:{first.name}").identity(base_request(output)) == before
    fabricate(output, "web", other)
    assert base.identity(base_request(output)) != before
    assert base.identity(base_request(output, 64 << 20)) == base.identity(base_request(output)), "its own size"
    assert base.identity(base_request(output, 65 << 20)) == {**base.identity(base_request(output)), "size": 65 << 20}


def test_a_channel_is_followed_once(output: Output, tmp_path: Path) -> None:
    """A build uses the planned version, even if the channel moved in the meantime."""
    first = fabricate(output, "web", disk(tmp_path, "one.qcow2"))
    pinned = TemplateBase(template="web").pin(base_request(output))
    fabricate(output, "web", disk(tmp_path, "other.qcow2", b"other"))
    assert pinned.template == f"web:{first.name}"
    assert pinned.parent(base_request(output)) == first
    Store(output.templates).point("web", "stable", first.name)
    assert TemplateBase(template="web@stable").parent(base_request(output)) == first


@pytest.mark.parametrize("options", [["one.qcow2"], ["one.raw"], ["one.qcow2", "-c", "-o", "compression_type=zstd"]])
@pytest.mark.parametrize("size", [None, 64 << 20, 96 << 20])
def test_the_disk_is_copied(output: Output, tmp_path: Path, options: list[str], size: int | None) -> None:
    name, *others = options
    version = fabricate(output, "web", disk(tmp_path, name, PATTERN, *others))
    target = make(output, tmp_path / "target.qcow2", TemplateBase(template="web"), size)
    version.disk.unlink()
    about = json.loads(process.run(["qemu-img", "info", "--output=json", str(target)]))
    assert (about["format"], "backing-filename" in about) == ("qcow2", False)
    assert virtual_size(target) == (size or 64 << 20)
    process.run(["qemu-img", "convert", "-O", "raw", str(target), str(tmp_path / "flat")])
    with (tmp_path / "flat").open("rb") as file:
        assert file.seek(1 << 20) == 1 << 20
        assert file.read(len(PATTERN)) == PATTERN


def test_a_disk_never_shrinks(output: Output) -> None:
    version = fabricate(output, "web")
    with pytest.raises(RequestError, match=f"^{version} is larger than `size:` in the recipe") as caught:
        TemplateBase(template="web").identity(base_request(output, 32 << 20))
    assert "size in the recipe: 32.0 MiB" in str(caught.value)


def test_another_firmware(output: Output) -> None:
    version = fabricate(output, "web", firmware="uefi")
    base = TemplateBase(template="web")
    with pytest.raises(RequestError, match=f"{version} is for firmware uefi, but the recipe is for bios"):
        base.identity(base_request(output))
    assert base.identity(replace(base_request(output), firmware="uefi"))["sha256"] == version.manifest.disk.sha256


def test_a_damaged_disk_is_refused(output: Output, tmp_path: Path) -> None:
    version = fabricate(output, "web", disk(tmp_path, "one.qcow2"))
    version.disk.chmod(0o644)
    with version.disk.open("r+b") as file:
        file.seek(-5, 2)
        file.write(b"x")
    with pytest.raises(HostError, match=f"the disk of {version} is damaged") as caught:
        make(output, tmp_path / "target.qcow2", TemplateBase(template="web"))
    assert caught.value.where == str(version.disk)
    assert not (tmp_path / "target.qcow2").exists()
    version.disk.unlink()
    with pytest.raises(HostError, match=f"the disk of {version} is missing"):
        make(output, tmp_path / "target.qcow2", TemplateBase(template="web"))


def test_no_room_for_the_copy(output: Output, tmp_path: Path) -> None:
    fabricate(output, "web")
    with pytest.raises(HostError, match="cannot copy the disk of"):
        make(output, tmp_path / "no-such-folder/target.qcow2", TemplateBase(template="web"))


def test_a_missing_template_or_version(output: Output) -> None:
    with pytest.raises(RequestError, match="no such template: web") as caught:
        TemplateBase(template="web").pin(base_request(output))
    assert "--with-parents" in str(caught.value.hint)
    version = fabricate(output, "web")
    for reference, words in {
        "wep": 'no such template: wep; did you mean "web"?',
        "web@stable": "no such version or channel: web@stable\nhint: choose one of the channels of web: latest",
        "web:20261123.9-ab12cd34": (
            f"web has no version 20261123.9-ab12cd34\nhint: choose one of the newest versions: {version.name}"
        ),
    }.items():
        with pytest.raises(RequestError) as caught:
            TemplateBase(template=reference).identity(base_request(output))
        assert words in str(caught.value)
        assert ("--with-parents" in str(caught.value)) == (reference == "wep"), "a build would not make the others"


def test_an_invalid_reference() -> None:
    with pytest.raises(ValidationError, match="write a channel as web@stable"):
        TemplateBase(template="web:stable")
