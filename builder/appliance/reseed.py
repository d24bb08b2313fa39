"""A program that makes the kernel reseed its random generator.

A write to /dev/urandom only adds to the entropy pool. The generator keeps its old seed until the next reseed,
seconds or minutes later, and until then two machines restored from one state produce the same random numbers. No
program in the appliance can call the ioctl that reseeds at once, so golden uploads one.
"""

from __future__ import annotations

import struct

ADDRESS = 0x400000
HEADER = struct.Struct("<16s2HI3QI6H")
SEGMENT = struct.Struct("<2I6Q")
START = HEADER.size + SEGMENT.size
"""Offset of the code: it follows the ELF header and the header of the only segment; see elf(5)."""

OPEN, IOCTL, EXIT = 2, 16, 60
WRITE_ONLY = 1
RNDRESEEDCRNG = 0x5207
"""`_IO('R', 7)` in linux/random.h, since Linux 4.17."""


def program(device: bytes = b"/dev/urandom") -> bytes:
    """A Linux x86-64 executable that reseeds. It exits 0 on success, else with 256 minus the number of the error."""
    code = b""
    for attempt in (0, 1):  # the first one only finds out how long the code is
        path = ADDRESS + START + len(code) * attempt
        code = b"".join(
            [
                call(OPEN, edi=path, esi=WRITE_ONLY),
                b"\x89\xc7",  # mov edi, eax: the file descriptor
                call(IOCTL, esi=RNDRESEEDCRNG, edx=0),
                b"\x89\xc7",  # mov edi, eax: the result
                call(EXIT),
            ]
        )
    text = code + device + b"\0"
    size = START + len(text)
    identity = b"\x7fELF\x02\x01\x01"  # 64 bits, little-endian, version 1
    header = HEADER.pack(identity, 2, 62, 1, ADDRESS + START, HEADER.size, 0, 0, HEADER.size, SEGMENT.size, 1, 0, 0, 0)
    segment = SEGMENT.pack(1, 5, 0, ADDRESS, ADDRESS, size, size, 0x1000)  # PT_LOAD, readable and executable
    return header + segment + text


def call(number: int, **registers: int) -> bytes:
    """Machine code that sets registers and makes a system call."""
    moves = {"eax": b"\xb8", "edx": b"\xba", "esi": b"\xbe", "edi": b"\xbf"}
    values = {**registers, "eax": number}
    return b"".join(moves[name] + struct.pack("<I", value) for name, value in values.items()) + b"\x0f\x05"
