"""Cases of steps as data: a guest's files, a step's options, and the files that must come of it.

cases/STEP.yaml is a list of maps::

    case:     what it shows; unique within the file
    family:   debian, centos7 or almalinux9; debian if left out
    real:     whether it is one of those that are also tried on a real disk
    inputs:   files beside the recipe, by name; a map of texts for what is in a tar archive
    before:   files that the guest has, by path
    options:  the step's options, or what stands for them
    after:    files that are not as before, by path; null for one that is gone
    error:    a regular expression for what the step is refused with; nothing changes then, unless `after` says so
    unproven: why the step's own proof does not hold yet, as a message that one of its findings has
    idle:     whether the proof holds before, too: the promise is kept already, or there is none to prove

A file is its text, or a map of `text` (left out: whatever it is), `mode` and `owner` (`uid:gid`); or of
`link`, with what it says (null: whatever that is); or of `folder`, with its mode. Without mode and owner it
is 0644, and root's. Folders on the way are 0755, and root's. What an archive holds is 4711, and 12:34's.
"""

from __future__ import annotations

import functools
import io
import posixpath
import re
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from builder.errors import BuildError
from builder.guest.guest import Guest
from builder.inputs import RecipeContext
from builder.steps import Step, registry
from tests.folder_guests import Change

CASES = Path(__file__).parent / "cases"

Files = dict[str, Change | None]


@dataclass(frozen=True, slots=True)
class Case:
    """One case; see the module."""

    step: str
    case: str
    options: Any
    family: str = "debian"
    real: bool = False
    inputs: dict[str, str | dict[str, str]] = field(default_factory=dict)
    before: Files = field(default_factory=dict)
    after: Files = field(default_factory=dict)
    error: str | None = None
    unproven: str | None = None
    idle: bool = False

    @property
    def expected(self) -> Files:
        """All that differs from the guest's first files at the end."""
        return self.before | self.after

    def load(self, folder: Path) -> Step:
        """The step, with its inputs written to an empty folder."""
        for name, content in self.inputs.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                (folder / name).write_text(content)
            else:
                pack(folder / name, content)
        return registry()[self.step].model_validate(self.options, context=RecipeContext(folder))

    def play(self, guest: Guest, folder: Path) -> None:
        """Do it, and look at what the step says of itself."""
        step = self.load(folder)
        put(guest, self.before)
        if self.error:
            with pytest.raises((BuildError, OSError), match=self.error):
                step.apply(guest)
            return
        held = all(finding.ok for finding in step.check(guest))
        step.apply(guest)
        wrong = [finding.message for finding in step.check(guest) if not finding.ok]
        if self.unproven:
            assert any(re.search(self.unproven, message) for message in wrong), wrong
        else:
            assert wrong == []
            assert held is self.idle


def pack(archive: Path, texts: dict[str, str]) -> None:
    with tarfile.open(archive, "w") as tar:
        for name, text in texts.items():
            info = tarfile.TarInfo(name)
            info.mode, info.uid, info.gid, info.size = 0o4711, 12, 34, len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))


@functools.cache
def load_cases() -> list[Case]:
    """All of them. Raises TypeError for a key that no case has."""
    found = []
    for file in sorted(CASES.glob("*.yaml")):
        for value in YAML(typ="safe").load(file):
            before, after = (
                {path: parse(entry) for path, entry in value.pop(name, {}).items()} for name in ("before", "after")
            )
            found.append(Case(step=file.stem, before=before, after=after, **value))
    return found


def parse(entry: Any) -> Change | None:
    if entry is None:
        return None
    if isinstance(entry, str):
        entry = {"text": entry}
    unknown = set(entry) - {"text", "link", "folder", "mode", "owner"}
    assert not unknown, f"a file has no {unknown}"
    uid, gid = map(int, entry.get("owner", "0:0").split(":"))
    if "link" in entry:
        return Change("link", 0o777, uid, gid, (ANY if entry["link"] is None else entry["link"]).encode())
    if "folder" in entry:
        return Change("folder", int(entry["folder"], 8), uid, gid, b"")
    return Change("file", int(entry.get("mode", "0644"), 8), uid, gid, entry.get("text", ANY).encode())


ANY = "\0any"
"""Stands for a content that is not looked at."""


def put(guest: Guest, files: Files) -> None:
    """Give a guest files of one's own, and take from it those that are None."""
    for path, file in files.items():
        if file is None:
            guest.remove(path)
        elif file.kind == "link":
            guest.mkdir(posixpath.dirname(path))
            guest.link(file.content.decode(), path)
            guest.chown(path, f"{file.uid}:{file.gid}")
        elif file.kind == "folder":
            guest.mkdir(path)
            guest.chown(path, f"{file.uid}:{file.gid}")
            guest.chmod(path, file.mode)
        else:
            guest.write(path, file.content, mode=file.mode, owner=f"{file.uid}:{file.gid}")


def same(found: Change | None, wanted: Change | None) -> bool:
    if found and wanted and wanted.content == ANY.encode():
        return (found.kind, found.mode, found.uid, found.gid) == (wanted.kind, wanted.mode, wanted.uid, wanted.gid)
    return found == wanted


def read(guest: Guest, path: str) -> Change | None:
    """What a guest has at a path."""
    stat = guest.find_stat(path)
    if stat is None:
        return None
    content = b""
    if stat.kind == "file":
        content = guest.read_bytes(path)
    elif stat.kind == "link":
        content = guest.read_link(path).encode()
    return Change(stat.kind, stat.mode, stat.uid, stat.gid, content)
