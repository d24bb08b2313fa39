from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from builder import process
from builder.appliance.appliance import Appliance
from builder.bases import BaseRequest, BuildContext, ImageBase
from builder.bases.image import import_image
from builder.disks import virtual_size
from builder.errors import RequestError
from builder.events import silent
from tests.bases.conftest import Server

SIZE = 4 << 20
CLUSTER = 65_536
PATTERN = b"\x07" * CLUSTER

Make = Callable[..., Path]


def no_appliance() -> Appliance:
    pytest.fail("an image needs no appliance")


def base_request(folder: Path, size: int | None = None) -> BaseRequest:
    return BaseRequest(folder, folder / "templates", size)


@pytest.fixture
def context(tmp_path: Path) -> BuildContext:
    (tmp_path / "work").mkdir()
    return BuildContext(base_request(tmp_path), tmp_path / "downloads", tmp_path / "work", no_appliance, silent)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target.qcow2"


def raw(path: Path, signature: bytes = b"\x55\xaa", at: int = 510) -> Path:
    """A raw disk of SIZE bytes, with a pattern at 1 MiB."""
    content = bytearray(SIZE)
    content[at : at + len(signature)] = signature
    content[1 << 20 : (1 << 20) + len(PATTERN)] = PATTERN
    path.write_bytes(content)
    return path


def image(path: Path, format: str = "qcow2", *options: str) -> Path:
    """The same disk in another format."""
    source = raw(path.with_suffix(".source"))
    process.run(["qemu-img", "convert", "-f", "raw", "-O", format, *options, str(source), str(path)])
    source.unlink()
    return path


def about(disk: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(process.run(["qemu-img", "info", "--output=json", str(disk)]))
    return found


def holds_the_disk(target: Path) -> bool:
    """Whether it is a qcow2 without a backing file, with the content that `raw` wrote."""
    flat = target.with_suffix(".flat")
    process.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", str(target), str(flat)])
    content = flat.read_bytes()
    flat.unlink()
    return "backing-filename" not in about(target) and content[1 << 20 : (1 << 20) + len(PATTERN)] == PATTERN


def refusal(source: Path, target: Path, size: int | None = None) -> str:
    with pytest.raises(RequestError) as caught:
        import_image(source, target, size)
    assert str(source) in caught.value.message
    return str(caught.value)


@pytest.mark.parametrize(
    ("signature", "at"), [(b"\x55\xaa", 510), (b"\x53\xef", 1080), (b"XFSB", 0), (b"_BHRfS_M", 65_600)]
)
def test_a_raw_disk(tmp_path: Path, target: Path, signature: bytes, at: int) -> None:
    import_image(raw(tmp_path / "disk.img", signature, at), target)
    assert holds_the_disk(target)
    assert virtual_size(target) == SIZE


@pytest.mark.parametrize("format", ["qcow2", "vmdk", "vdi", "vhdx"])
def test_other_formats(tmp_path: Path, target: Path, format: str) -> None:
    import_image(image(tmp_path / "disk", format), target)
    assert holds_the_disk(target)


def test_a_compressed_qcow2(tmp_path: Path, target: Path) -> None:
    import_image(image(tmp_path / "disk.qcow2", "qcow2", "-c"), target)
    assert holds_the_disk(target)


def test_a_backing_is_refused(tmp_path: Path, target: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a file of the host\n" * 100)
    process.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(secret), str(tmp_path / "disk.qcow2")]
    )
    text = refusal(tmp_path / "disk.qcow2", target)
    assert text.startswith(f"the base image refers to another file, {secret}: ")
    assert text.endswith("hint: flatten it with `qemu-img convert -O qcow2 IMAGE FLAT`, and use FLAT as the base")
    secret.unlink()
    assert "refers to another file" in refusal(tmp_path / "disk.qcow2", target)
    assert not target.exists()


def test_a_data_file_is_refused(tmp_path: Path, target: Path) -> None:
    data = tmp_path / "data.raw"
    disk = image(tmp_path / "disk.qcow2", "qcow2", "-o", f"data_file={data}")
    assert f"refers to another file, {data}:" in refusal(disk, target)
    assert not target.exists()


def test_the_extents_of_a_vmdk_are_refused(tmp_path: Path, target: Path) -> None:
    disk = image(tmp_path / "disk.vmdk", "vmdk", "-o", "subformat=monolithicFlat")
    assert f"refers to another file, {tmp_path}/disk-flat.vmdk:" in refusal(disk, target)
    assert not target.exists()


@pytest.mark.parametrize("content", [b"", b"a text file\n" * 10_000, bytes(SIZE)])
def test_a_file_that_is_not_a_disk_is_refused(tmp_path: Path, target: Path, content: bytes) -> None:
    file = tmp_path / "disk.img"
    file.write_bytes(content)
    assert refusal(file, target) == (
        f"the base image is not a disk: {file}\n  it starts with neither a partition table nor a file system"
    )
    assert not target.exists()


@pytest.mark.parametrize("clusters", [0.01, 0.5, 1, 2.2, 2.9, 3, 3.5, 4.1, 5])
def test_a_truncated_qcow2_is_refused(tmp_path: Path, target: Path, clusters: float) -> None:
    """The image has seven clusters: four of tables and three of data; the last one may be incomplete."""
    disk = image(tmp_path / "disk.qcow2")
    assert disk.stat().st_size == 7 * CLUSTER
    with disk.open("rb+") as file:
        file.truncate(int(clusters * CLUSTER))
    assert re.match(r"the base image is (damaged, truncated or )?(truncated|not a disk): ", refusal(disk, target))
    assert not target.exists()


def test_a_larger_size(tmp_path: Path, target: Path) -> None:
    import_image(raw(tmp_path / "disk.img"), target, 2 * SIZE)
    assert (virtual_size(target), about(target)["format"]) == (2 * SIZE, "qcow2")
    assert holds_the_disk(target)
    target.unlink()
    import_image(tmp_path / "disk.img", target, SIZE)
    assert virtual_size(target) == SIZE


def test_a_smaller_size_is_refused(tmp_path: Path, target: Path) -> None:
    disk = raw(tmp_path / "disk.img")
    assert refusal(disk, target, SIZE - 512) == (
        f"the base image is larger than `size:` in the recipe: {disk}\n"
        "  size in the recipe: 4193792 bytes\n"
        "  size of the image:  4194304 bytes\n"
        "hint: raise `size:`, or remove it: golden can only grow a disk"
    )
    assert not target.exists()


# --- the base ------------------------------------------------------------------------------------


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_identity(tmp_path: Path) -> None:
    sha256 = digest_of(raw(tmp_path / "disk.img"))
    base = ImageBase(image="disk.img")
    assert base.identity(base_request(tmp_path)) == {"kind": "image", "version": 1, "sha256": sha256}
    assert base.identity(base_request(tmp_path, SIZE)) == {
        "kind": "image",
        "version": 1,
        "sha256": sha256,
        "size": SIZE,
    }
    (tmp_path / "disk.img").rename(tmp_path / "other.img")
    named = ImageBase(image="disk.img", sha256=sha256)
    assert ImageBase(image="other.img").identity(base_request(tmp_path)) == named.identity(base_request(tmp_path))
    with pytest.raises(RequestError, match="the base image does not exist: "):
        base.identity(base_request(tmp_path))
    with pytest.raises(RequestError, match="not a file: "):
        ImageBase(image=".").identity(base_request(tmp_path))


@pytest.mark.parametrize("named", [True, False])
def test_an_image_of_this_host(tmp_path: Path, context: BuildContext, target: Path, named: bool) -> None:
    sha256 = digest_of(raw(tmp_path / "disk.img"))
    base = ImageBase(image="disk.img", sha256=sha256 if named else None)
    assert base.title == "image disk.img"
    base.make(replace(context, request=base_request(tmp_path, 2 * SIZE)), target)
    assert holds_the_disk(target)
    assert virtual_size(target) == 2 * SIZE


def test_a_wrong_digest_is_refused(tmp_path: Path, context: BuildContext, target: Path) -> None:
    found, named = digest_of(raw(tmp_path / "disk.img")), "ab" * 32
    with pytest.raises(RequestError) as caught:
        ImageBase(image="disk.img", sha256=named).make(context, target)
    assert str(caught.value) == (
        f"the base image does not match the recipe's sha256: {tmp_path / 'disk.img'}\n"
        f"  sha256 in the recipe: {named}\n"
        f"  sha256 of the file:   {found}\n"
        "hint: restore the file if it is damaged, or correct `sha256:` in the recipe"
    )
    assert not target.exists()


def test_an_image_behind_a_url(tmp_path: Path, server: Server, context: BuildContext, target: Path) -> None:
    server.content = raw(tmp_path / "source.img").read_bytes()
    base = ImageBase(image=server.url, sha256=server.sha256)
    assert base.title == "image disk.img"
    assert base.identity(base_request(tmp_path))["sha256"] == server.sha256
    assert server.asked == [], "the identity does not need the file"
    for _ in range(2):
        base.make(context, target)
        assert holds_the_disk(target)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": "http://host.example/disk.img"}, "needs `sha256:`"),
        ({"image": ""}, "at least 1"),
        ({"image": "disk.img", "sha256": "AB" * 32}, "pattern"),
        ({"image": "disk.img", "sha256": "ab" * 31}, "pattern"),
        ({"image": "disk.img", "sha256": "ab" * 32 + "\n"}, "pattern"),
    ],
)
def test_invalid_options(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ImageBase.model_validate(options)
