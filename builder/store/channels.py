"""Moving the channels of one template."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from builder import files, locks
from builder.errors import RequestError
from builder.store import history
from builder.store.history import ChannelMove, How

CHANNEL = re.compile(r"[a-z][a-z0-9-]{0,62}")
CHANNEL_HINT = "lower-case letters, digits and dashes, at most 63, first a letter"
VERIFICATION = "verification"
SIGNATURES = "signatures"
BESIDE = frozenset({VERIFICATION, SIGNATURES})
"""Folders of a template with what belongs to versions and comes after them, as these never change; no channel can
have such a name."""


def check_channel(name: str) -> str:
    """A name that a channel may have. Raises RequestError."""
    if not CHANNEL.fullmatch(name) or name in BESIDE:
        raise RequestError(
            f"no channel can be called {name!r}", hint=f"{CHANNEL_HINT}; not {' or '.join(sorted(BESIDE))}"
        )
    return name


def me() -> str:
    """Who is doing this, as user@host; behind sudo, whoever called it."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


@dataclass(frozen=True, slots=True)
class Channels:
    """A template's channels.

    ::

        templates/.NAME.lock            held while a channel moves, and while versions are removed
        templates/NAME/CHANNEL          a symbolic link to a version
        templates/NAME/.CHANNEL.PID     one that has not got its name yet
        templates/NAME/history.jsonl    every move, in the order in which they were made
    """

    folder: Path

    @property
    def history_file(self) -> Path:
        return self.folder / "history.jsonl"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the template's lock. Raises HostError."""
        with locks.held(self.folder.parent / f".{self.folder.name}.lock"):
            yield

    def links(self) -> dict[str, str]:
        """The channels, and the names to which they point."""
        try:
            # What begins with a dot is a pointer that never got its name.
            return {
                path.name: str(path.readlink())
                for path in sorted(self.folder.iterdir())
                if path.is_symlink() and not path.name.startswith(".")
            }
        except FileNotFoundError:  # no such template, or one that is being pruned
            return {}

    def history(self) -> list[ChannelMove]:
        """All moves that were made, in their order. Raises OSError."""
        before = self.links()
        while True:
            moves = history.read(self.history_file, before)
            after = self.links()
            if after == before:
                return moves
            before = after  # one moved between the two looks

    def way_back(self, channel: str) -> list[str]:
        """What a channel named before, the last first: each rollback goes one further. Raises OSError."""
        way = history.trail([move for move in self.history() if move.channel == channel])
        now = self.links().get(channel)
        return [name for name in reversed(way) if name != now]

    def move(self, channel: str, version: str, how: How, why: str, who: str | None) -> ChannelMove:
        """Move a channel to a version, by one rename; the caller holds the lock and knows that it is whole.

        Killed at any moment, the channel points to the old version or to the new one, and the history
        tells which. Raises OSError.
        """
        links = self.links()
        history.mend(self.history_file, links)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        move = ChannelMove(now, who or me(), how, why, channel, links.get(channel), version)
        if move.before == version:
            return move  # it is there
        history.append(self.history_file, move)
        link = self.folder / channel
        staged = link.with_name(f".{channel}.{os.getpid()}")
        staged.unlink(missing_ok=True)
        staged.symlink_to(version)
        os.rename(staged, link)
        files.sync(link.parent)
        return move
