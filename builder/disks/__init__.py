"""Disk images: their formats, their headers, and all calls of qemu-img.

No other package contains a format name, a file suffix or a qemu-img command.
"""

from builder.disks.formats import FORMATS, DiskFormat, compression_options, format_of, parse_format
from builder.disks.images import check, convert, create, create_overlay, resize, set_backing
from builder.disks.info import DiskInfo, find_backing, is_lock_error, read_chain, read_info, virtual_size
from builder.disks.signatures import looks_like_a_disk

__all__ = [
    "FORMATS",
    "DiskFormat",
    "DiskInfo",
    "check",
    "compression_options",
    "convert",
    "create",
    "create_overlay",
    "find_backing",
    "format_of",
    "is_lock_error",
    "looks_like_a_disk",
    "parse_format",
    "read_chain",
    "read_info",
    "resize",
    "set_backing",
    "virtual_size",
]
