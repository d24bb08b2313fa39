"""A program that has the kernel's random generator begin anew from its pool.

What is written to /dev/urandom only goes into that pool: numbers keep coming from the old seed until the next
reseed, seconds or minutes later, and two machines restored from one state draw the same ones meanwhile. The
appliance has nothing that calls the ioctl, so it is handed a program that does.
"""

from __future__ import annotations

import struct

ADDRESS = 0x400000
HEADER = struct.Struct("<16s2HI3QI6H")
SEGMENT = struct.Struct("<2I6Q")
START = HEADER.size + SEGMENT.size
"""Where the code begins, after ELF's header and the one segment's; see elf(5)."""

OPEN, IOCTL, EXIT = 2, 16, 60
WRITE_ONLY = 1
RNDRESEEDCRNG = 0x5207
"""`_IO('R', 7)` of linux/random.h, from Linux 4.17 on."""


def program(device: bytes = b"/dev/urandom") -> bytes:
    """An executable for Linux on x86-64 that does it, and exits with 0 where that was done."""
    code = b""
    for after in (0, 1):  # the first time to know how long the code is
        path = ADDRESS + START + len(code) * after
        code = b"".join(
            [
                call(OPEN, edi=path, esi=WRITE_ONLY),
                b"\x89\xc7",  # mov edi, eax: the file
                call(IOCTL, esi=RNDRESEEDCRNG, edx=0),
                b"\x89\xc7",  # mov edi, eax: what came of it
                call(EXIT),
            ]
        )
    text = code + device + b"\0"
    size = START + len(text)
    identity = b"\x7fELF\x02\x01\x01"  # 64 bits, little-endian, version 1
    header = HEADER.pack(identity, 2, 62, 1, ADDRESS + START, HEADER.size, 0, 0, HEADER.size, SEGMENT.size, 1, 0, 0, 0)
    segment = SEGMENT.pack(1, 5, 0, ADDRESS, ADDRESS, size, size, 0x1000)  # to be loaded, read and run
    return header + segment + text


def call(number: int, **registers: int) -> bytes:
    """Machine code that sets registers and makes a system call."""
    moves = {"eax": b"\xb8", "edx": b"\xba", "esi": b"\xbe", "edi": b"\xbf"}
    values = {**registers, "eax": number}
    return b"".join(moves[name] + struct.pack("<I", value) for name, value in values.items()) + b"\x0f\x05"
