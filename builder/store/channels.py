"""The channels of one template: reading and moving them."""

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
CHANNEL_HINT = "use lower-case letters, digits and dashes, at most 63 characters, starting with a letter"
VERIFICATION = "verification"
SIGNATURES = "signatures"
COMPANION_FOLDERS = frozenset({VERIFICATION, SIGNATURES})
"""Folders of a template for what is added to a version later, since a version never changes. No channel can have such
a name."""


def check_channel(name: str) -> str:
    """Return the name if a channel may have it. Raises RequestError."""
    if not CHANNEL.fullmatch(name) or name in COMPANION_FOLDERS:
        raise RequestError(
            f"invalid channel name: {name!r}",
            hint=f"{CHANNEL_HINT}; the names {' and '.join(sorted(COMPANION_FOLDERS))} are reserved",
        )
    return name


def current_user() -> str:
    """Who runs this process, as user@host; under sudo, the user who called sudo."""
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
        templates/NAME/.CHANNEL.PID     a new link, before it is renamed to CHANNEL
        templates/NAME/history.jsonl    every move, in order
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
        """The version names that the channels point to, by channel."""
        try:
            # A killed mover leaves a link whose name begins with a dot.
            return {
                path.name: str(path.readlink())
                for path in sorted(self.folder.iterdir())
                if path.is_symlink() and not path.name.startswith(".")
            }
        except FileNotFoundError:  # no such template, or it is being pruned
            return {}

    def history(self) -> list[ChannelMove]:
        """All completed moves, oldest first. Raises OSError."""
        before = self.links()
        while True:
            moves = history.read(self.history_file, before)
            after = self.links()
            if after == before:
                return moves
            before = after  # a channel moved meanwhile

    def rollback_targets(self, channel: str) -> list[str]:
        """The versions that a channel pointed to before, the latest first; each rollback goes one further back.

        Raises OSError.
        """
        path = history.rollback_path([move for move in self.history() if move.channel == channel])
        now = self.links().get(channel)
        return [name for name in reversed(path) if name != now]

    def move(self, channel: str, version: str, how: How, why: str, who: str | None) -> ChannelMove:
        """Move a channel to a version by one rename.

        The caller holds the lock and has checked that the version is complete. If the process is killed, the
        channel points to the old version or to the new one, and the history says which. Raises OSError.
        """
        links = self.links()
        history.repair(self.history_file, links)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        move = ChannelMove(now, who or current_user(), how, why, channel, links.get(channel), version)
        if move.before == version:
            return move  # already there
        history.append(self.history_file, move)
        link = self.folder / channel
        staged = link.with_name(f".{channel}.{os.getpid()}")
        staged.unlink(missing_ok=True)
        staged.symlink_to(version)
        os.rename(staged, link)
        files.sync(link.parent)
        return move
