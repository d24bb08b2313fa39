"""Recognize a raw disk by its first bytes."""

from __future__ import annotations

from pathlib import Path


def looks_like_a_disk(path: Path) -> bool:
    """Whether a raw file begins like a disk: with a boot signature or a file system's magic number.

    The signature 0x55AA ends the first sector of MBR and GPT disks; ext2–4 has 0xEF53 at byte 1080,
    XFS begins with XFSB, btrfs has _BHRfS_M at byte 65600. Raises OSError.
    """
    with path.open("rb") as file:
        start = file.read(65_608)
    return (
        start[510:512] == b"\x55\xaa"
        or start[1080:1082] == b"\x53\xef"
        or start[:4] == b"XFSB"
        or start[65_600:65_608] == b"_BHRfS_M"
    )
