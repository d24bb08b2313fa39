"""The history of a template's channels: who moved which one when and why, one line of JSON for each move.

The lines are in the order of the moves, even if the clock was set back. A move is recorded durably before its link is
moved, so a killed mover may leave a last line that is incomplete, or that records a move that did not happen.
Readers skip such a line, and the next mover removes it.
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
    """One move of a channel. `before` is None for its first; `when` is UTC in ISO 8601."""

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
    """The move that a line records; None if the line is incomplete or damaged."""
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
    """The completed moves, oldest first; `channels` are the versions that the links point to now. Raises OSError."""
    try:
        text = file.read_text(errors="replace")
    except FileNotFoundError:
        return []
    # A line without its end was not written completely.
    moves = [move for line in text.split("\n")[:-1] if (move := parse(line))]
    return moves[:-1] if moves and _did_not_happen(moves[-1], channels) else moves


def _did_not_happen(last: ChannelMove, channels: Mapping[str, str]) -> bool:
    return last.to != last.before and channels.get(last.channel) == last.before


def repair(file: Path, channels: Mapping[str, str]) -> None:
    """Remove a last line that is incomplete or that records a move that did not happen; the caller holds the lock.

    Raises OSError.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return
    whole = content[: content.rfind(b"\n") + 1]
    start = whole.rfind(b"\n", 0, len(whole) - 1) + 1
    last = parse(whole[start:].decode(errors="replace"))
    if last and _did_not_happen(last, channels):
        whole = whole[:start]
    if whole != content:
        os.truncate(file, len(whole))
        files.sync(file)


def append(file: Path, move: ChannelMove) -> None:
    """Record a move durably. Raises OSError; the file then is as before, apart from an incomplete last line."""
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


def rollback_path(moves: Sequence[ChannelMove]) -> list[str]:
    """The versions that led to a channel's current one, oldest first, without those that were rolled back.

    It works like a browser's "back".
    """
    path: list[str] = []
    for move in moves:
        if move.before and (not path or path[-1] != move.before):
            path.append(move.before)  # moved by hand, or before golden kept a history
        if move.how == "rollback" and move.to in path:
            while path[-1] != move.to:
                path.pop()
        else:
            path.append(move.to)
    return path
