from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder import process
from builder.errors import CommandError
from builder.layers import create_overlay, virtual_size

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
    create_overlay(overlay, base, size=SIZE)
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
    create_overlay(above, coming, size=SIZE)
    assert about(above)["backing-filename"] == "key.qcow2"
    overlay.rename(coming)
    assert process.run(["qemu-img", "map", "--output=json", str(above)])


def test_a_larger_overlay(tmp_path: Path) -> None:
    base, overlay = tmp_path / "base.qcow2", tmp_path / "overlay.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(base), str(SIZE)])
    create_overlay(overlay, base, size=2 * SIZE)
    assert (virtual_size(base), virtual_size(overlay)) == (SIZE, 2 * SIZE)


def test_no_disk(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="exited with status 1"):
        virtual_size(tmp_path / "none.qcow2")
    with pytest.raises(CommandError):
        create_overlay(tmp_path / "none/overlay.qcow2", tmp_path / "base.qcow2", size=SIZE)
