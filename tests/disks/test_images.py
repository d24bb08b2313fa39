from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import process
from builder.disks import (
    FORMATS,
    DiskFormat,
    convert,
    create,
    create_overlay,
    parse_format,
    set_backing,
    virtual_size,
)
from builder.errors import CommandError

SIZE = 3 << 20


def about(disk: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(process.run(["qemu-img", "info", "--output=json", str(disk)]))
    return found


def test_an_overlay_names_its_backing_relative_to_itself(tmp_path: Path) -> None:
    layers, bases = tmp_path / "cache/layers", tmp_path / "cache/bases"
    layers.mkdir(parents=True)
    bases.mkdir()
    base, overlay = bases / "base.qcow2", layers / ".owner-1.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(base), str(SIZE)])
    process.run(["qemu-io", "-f", "qcow2", "-c", "write -P 7 0 64k", str(base)])
    create_overlay(overlay, base, "qcow2", size=SIZE)
    found = about(overlay)
    assert (found["backing-filename"], found["backing-filename-format"]) == ("../bases/base.qcow2", "qcow2")
    assert virtual_size(overlay) == SIZE

    # So all of them can move together.
    moved = tmp_path / "moved"
    (tmp_path / "cache").rename(moved)
    process.run(["qemu-io", "-r", "-f", "qcow2", "-c", "read -P 7 0 64k", str(moved / "layers/.owner-1.qcow2")])


def test_the_backing_may_get_its_name_later(tmp_path: Path) -> None:
    coming, overlay, above = tmp_path / "key.qcow2", tmp_path / ".owner-1.qcow2", tmp_path / ".owner-2.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(overlay), str(SIZE)])
    create_overlay(above, coming, "qcow2", size=SIZE)
    assert about(above)["backing-filename"] == "key.qcow2"
    overlay.rename(coming)
    assert process.run(["qemu-img", "map", "--output=json", str(above)])


def test_a_larger_overlay(tmp_path: Path) -> None:
    base, overlay = tmp_path / "base.qcow2", tmp_path / "overlay.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(base), str(SIZE)])
    create_overlay(overlay, base, "qcow2", size=2 * SIZE)
    assert (virtual_size(base), virtual_size(overlay)) == (SIZE, 2 * SIZE)


@pytest.mark.parametrize("format", FORMATS)
def test_an_overlay_names_the_format_of_its_backing(tmp_path: Path, format: str) -> None:
    """QEMU refuses an overlay that does not, because a guest could make its raw disk look like anything."""
    base, overlay, other = tmp_path / f"base.{format}", tmp_path / "overlay.qcow2", tmp_path / f"other.{format}"
    for disk in (base, other):
        process.run(["qemu-img", "create", "-q", "-f", format, str(disk), str(SIZE)])
    create_overlay(overlay, base, format, size=SIZE)
    assert about(overlay)["backing-filename-format"] == format
    set_backing(overlay, other, format, absolute=True)
    assert (about(overlay)["backing-filename"], about(overlay)["backing-filename-format"]) == (str(other), format)


def test_an_overlay_as_large_as_its_backing(tmp_path: Path) -> None:
    base, overlay = tmp_path / "base.raw", tmp_path / "overlay.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "raw", str(base), str(SIZE)])
    create_overlay(overlay, base, "raw", absolute=True)
    assert (virtual_size(overlay), about(overlay)["backing-filename"]) == (SIZE, str(base))


@pytest.mark.parametrize("format", FORMATS)
def test_a_converted_disk_has_the_same_content(tmp_path: Path, format: DiskFormat) -> None:
    base, overlay, flat = tmp_path / "base.qcow2", tmp_path / "overlay.qcow2", tmp_path / "flat"
    create(base, SIZE)
    process.run(["qemu-io", "-f", "qcow2", "-c", "write -P 7 0 64k", str(base)])
    create_overlay(overlay, base, "qcow2", size=SIZE)
    process.run(["qemu-io", "-f", "qcow2", "-c", "write -P 9 1M 64k", str(overlay)])
    convert(overlay, flat, "qcow2", format)
    assert "identical" in process.run(["qemu-img", "compare", "-f", "qcow2", "-F", format, str(overlay), str(flat)])
    assert "backing-filename" not in about(flat)


@given(st.text(max_size=12))
def test_a_format_is_known_or_refused(name: str) -> None:
    if name in FORMATS:
        assert parse_format(name) == name
    else:
        with pytest.raises(ValueError, match="unknown disk format"):
            parse_format(name)


def test_no_disk(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="exited with status 1"):
        virtual_size(tmp_path / "none.qcow2")
    with pytest.raises(CommandError):
        create_overlay(tmp_path / "none/overlay.qcow2", tmp_path / "base.qcow2", "qcow2", size=SIZE)
