"""What a template's channels named, and when, by whom and why: one line of JSON for each move.

The order of the lines is the order of the moves, whatever the clock said. A move is written down,
durably, before its link is moved; so of a mover that died the last line may be torn, or tell of a
move that never was. Readers leave such a line out, and the next mover removes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from builder import files

How = Literal["publish", "promote", "rollback"]


@dataclass(frozen=True, slots=True)
class ChannelMove:
    """One move of a channel, `before` None where it was its first; `when` is UTC as ISO 8601 has it."""

    when: str
    who: str
    how: How
    why: str
    channel: str
    before: str | None
    to: str

    def to_json(self) -> dict[str, str | None]:
        return {
            "when": self.when,
            "who": self.who,
            "how": self.how,
            "why": self.why,
            "channel": self.channel,
            "from": self.before,
            "to": self.to,
        }


def parse(line: str) -> ChannelMove | None:
    """None for a line that tells of no move: a torn one, or one that was damaged."""
    try:
        found = json.loads(line)
        before, how = found["from"], found["how"]
        texts = [found[key] for key in ("when", "who", "why", "channel", "to")]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if how not in get_args(How) or not all(isinstance(text, str) for text in (*texts, before or "")):
        return None
    when, who, why, channel, to = texts
    return ChannelMove(when, who, how, why, channel, before, to)


def read(file: Path, channels: Mapping[str, str]) -> list[ChannelMove]:
    """The moves that were made, oldest first; `channels` are what the links name now. Raises OSError."""
    try:
        text = file.read_text(errors="replace")
    except FileNotFoundError:
        return []
    # What has no end of line was never whole.
    moves = [move for line in text.split("\n")[:-1] if (move := parse(line))]
    return moves[:-1] if moves and _never_was(moves[-1], channels) else moves


def _never_was(last: ChannelMove, channels: Mapping[str, str]) -> bool:
    return last.to != last.before and channels.get(last.channel) == last.before


def mend(file: Path, channels: Mapping[str, str]) -> None:
    """Cut off a last line that is torn, or that tells of a move that never was; the caller holds the lock.

    Raises OSError.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return
    whole = content[: content.rfind(b"\n") + 1]
    start = whole.rfind(b"\n", 0, len(whole) - 1) + 1
    last = parse(whole[start:].decode(errors="replace"))
    if last and _never_was(last, channels):
        whole = whole[:start]
    if whole != content:
        os.truncate(file, len(whole))
        files.sync(file)


def append(file: Path, move: ChannelMove) -> None:
    """Write a move down, durably. Raises OSError; then the file is as it was, a torn last line apart."""
    line = (json.dumps(move.to_json(), ensure_ascii=False) + "\n").encode()
    new = not file.exists()
    with file.open("ab", buffering=0) as open_file:
        size = os.fstat(open_file.fileno()).st_size
        try:
            while line:
                line = line[open_file.write(line) :]
            os.fsync(open_file.fileno())
        except OSError:
            os.truncate(file, size)
            raise
    if new:
        files.sync(file.parent)


def trail(moves: Sequence[ChannelMove]) -> list[str]:
    """One channel's way to what it names now, as a browser's "back" goes it: what was rolled back is not on it."""
    way: list[str] = []
    for move in moves:
        if move.before and (not way or way[-1] != move.before):
            way.append(move.before)  # it was moved by hand, or before there was a history
        if move.how == "rollback" and move.to in way:
            while way[-1] != move.to:
                way.pop()
        else:
            way.append(move.to)
    return way
