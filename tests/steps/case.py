"""Test cases of steps as data: files in the guest, the step's options, and the expected files.

cases/STEP.yaml is a list of maps::

    case:     the title, unique within the file
    family:   debian, centos7 or almalinux9; by default debian
    real:     whether the case also runs on a real disk
    inputs:   files beside the recipe, by name; a map of texts makes a tar archive
    before:   files in the guest before the step, by path
    options:  the step's options, or its short form
    after:    files that the step changes, by path; null for a file that it removes
    error:    a regular expression that matches the step's error; nothing changes then except what `after` has
    unproven: a regular expression that matches a failed finding of the step's check after the step
    idle:     whether the check succeeds before the step, too, because there is nothing to do or to check

A file is its text, or a map with one of these:

- `text` (any text if left out), `mode` (by default 0644) and `owner` (`uid:gid`, by default root)
- `link`: the target (null for any target)
- `folder`: the mode

Parent folders have mode 0755 and belong to root. Files in an archive have mode 4711 and belong to 12:34.
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
    """One case; the module's docstring describes its fields."""

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
        """All files that differ from the guest's initial files at the end."""
        return self.before | self.after

    def load(self, folder: Path) -> Step:
        """Write the inputs to an empty folder and return the step."""
        for name, content in self.inputs.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                (folder / name).write_text(content)
            else:
                pack(folder / name, content)
        return registry()[self.step].model_validate(self.options, context=RecipeContext(folder))

    def play(self, guest: Guest, folder: Path) -> None:
        """Run the step, and verify its own check before and after."""
        step = self.load(folder)
        put(guest, self.before)
        if self.error:
            with pytest.raises((BuildError, OSError), match=self.error):
                step.apply(guest)
            return
        succeeded = all(finding.ok for finding in step.check(guest))
        step.apply(guest)
        failed = [finding.message for finding in step.check(guest) if not finding.ok]
        if self.unproven:
            assert any(re.search(self.unproven, message) for message in failed), failed
        else:
            assert failed == []
            assert succeeded is self.idle


def pack(archive: Path, texts: dict[str, str]) -> None:
    with tarfile.open(archive, "w") as tar:
        for name, text in texts.items():
            info = tarfile.TarInfo(name)
            info.mode, info.uid, info.gid, info.size = 0o4711, 12, 34, len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))


@functools.cache
def load_cases() -> list[Case]:
    """Return all cases. Raises TypeError for an unknown key."""
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
"""Used for contents that are not compared."""


def put(guest: Guest, files: Files) -> None:
    """Write files into a guest, and remove those that are None."""
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
    """Return what a guest has at a path."""
    stat = guest.find_stat(path)
    if stat is None:
        return None
    content = b""
    if stat.kind == "file":
        content = guest.read_bytes(path)
    elif stat.kind == "link":
        content = guest.read_link(path).encode()
    return Change(stat.kind, stat.mode, stat.uid, stat.gid, content)
