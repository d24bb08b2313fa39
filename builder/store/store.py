"""The store of templates."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from builder import files
from builder.errors import HostError, RequestError, did_you_mean
from builder.store.manifest import Manifest, parse
from builder.store.reference import LATEST, VERSION


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable result.

    ::

        templates/NAME/VERSION/
        ├── disk.qcow2 (or disk.raw)
        ├── domain.xml.j2    the domain of a node, for Jinja2
        ├── manifest.json    what it was made of, and what was proven
        ├── recipe.yaml      the recipe's text, without the passwords of its URLs
        ├── sbom.spdx.json   the packages on the disk, for other programs
        ├── provenance.json  how it was made, for other programs
        ├── build.log        the whole output of every command
        └── SHA256SUMS       of all of these
        templates/NAME/signatures/VERSION.minisig
    """

    template: str
    name: str
    folder: Path

    @property
    def manifest_file(self) -> Path:
        return self.folder / "manifest.json"

    @property
    def manifest(self) -> Manifest:
        """Raises HostError when it cannot be read, or lacks something."""
        found = files.read_json(self.manifest_file)
        if found is None:
            raise HostError(f"the manifest of {self} cannot be read", where=str(self.manifest_file))
        return parse(found, str(self), str(self.manifest_file))

    @property
    def recipe_file(self) -> Path:
        """Versions of before it was kept lack it; so it is with the two below."""
        return self.folder / "recipe.yaml"

    @property
    def sbom_file(self) -> Path:
        return self.folder / "sbom.spdx.json"

    @property
    def provenance_file(self) -> Path:
        return self.folder / "provenance.json"

    @property
    def checksums_file(self) -> Path:
        return self.folder / "SHA256SUMS"

    @property
    def signature_file(self) -> Path:
        """Beside the version, which is never changed; there once somebody signed it."""
        return self.folder.parent / "signatures" / f"{self.name}.minisig"

    @property
    def disk(self) -> Path:
        """The template's disk, whatever its format. Raises HostError when it is gone."""
        for format in ("qcow2", "raw"):
            path = self.folder / f"disk.{format}"
            if path.exists():
                return path
        raise HostError(f"the disk of {self} is missing", where=str(self.folder))

    @property
    def order(self) -> tuple[str, int]:
        """Sorts versions by age."""
        found = VERSION.fullmatch(self.name)
        assert found is not None
        return found[1], int(found[2])

    def __str__(self) -> str:
        return f"{self.template}:{self.name}"


class Store:
    """All templates below one folder. Nothing half-written is ever in it: versions arrive by one rename."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def templates(self) -> list[str]:
        """The names of templates that have a version, sorted."""
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if path.is_dir() and self.versions(path.name))

    def versions(self, template: str) -> list[Version]:
        """A template's versions, oldest first; empty for one that does not exist."""
        folder = self.folder / template
        if not folder.is_dir():
            return []
        found = [
            Version(template, path.name, path)
            for path in folder.iterdir()
            if VERSION.fullmatch(path.name) and not path.is_symlink() and (path / "manifest.json").is_file()
        ]
        return sorted(found, key=lambda version: version.order)

    def channels(self, template: str) -> dict[str, str]:
        """A template's channels and the versions that they point to."""
        folder = self.folder / template
        if not folder.is_dir():
            return {}
        # What begins with a dot is a pointer that never got its name.
        links = [path for path in sorted(folder.iterdir()) if path.is_symlink() and not path.name.startswith(".")]
        return {link.name: str(link.readlink()) for link in links}

    def find_channel(self, template: str, channel: str = LATEST) -> Version | None:
        """The version that a channel points to; None where there is no such channel or version."""
        target = self.channels(template).get(channel)
        return next((version for version in self.versions(template) if version.name == target), None)

    def find(self, reference: str) -> Version:
        """The version that NAME, NAME@CHANNEL or NAME:VERSION means. Raises RequestError with what there is."""
        template, colon, wanted = reference.partition(":")
        template, at, channel = template.partition("@")
        templates = self.templates()
        if template not in templates:
            known = ", ".join(templates) or "none yet; `golden build RECIPE` makes one"
            meant = did_you_mean(template, templates)
            raise RequestError(f"no such template: {template}{meant}", hint=f"templates are {known}")
        versions = self.versions(template)
        if colon and not at:
            found = next((version for version in versions if version.name == wanted), None)
            if found is None:
                names = ", ".join(version.name for version in versions[-5:])
                raise RequestError(f"{template} has no version {wanted}", hint=f"its newest are {names}")
            return found
        found = self.find_channel(template, channel or LATEST)
        if colon or found is None:
            names = ", ".join(self.channels(template)) or "none"
            raise RequestError(f"no such version or channel: {reference}", hint=f"{template} has the channels {names}")
        return found

    def next_name(self, template: str, today: date, digest: str) -> str:
        """The name of a version made today: date, counter, the first digits of the disk's digest."""
        day = today.strftime("%Y%m%d")
        # The folder and not `versions`: a damaged version's number is not given away again.
        folder = self.folder / template
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        taken = [int(found[2]) for name in names if (found := VERSION.fullmatch(name)) and found[1] == day]
        return f"{day}.{max(taken, default=0) + 1}-{digest[:8]}"

    def admit(self, staged: Path, template: str, name: str) -> Version:
        """Take a complete folder in as a version: made durable, read-only, and there by one rename.

        Raises OSError; then nothing has changed.
        """
        for file in staged.iterdir():
            file.chmod(0o444)
            files.sync(file)
        target = self.folder / template / name
        target.parent.mkdir(parents=True, exist_ok=True)
        files.move(staged, target)
        return Version(template, name, target)

    def point(self, template: str, channel: str, version: str) -> None:
        """Move a channel to a version in one atomic step. Raises OSError."""
        link = self.folder / template / channel
        staged = link.with_name(f".{channel}.{os.getpid()}")
        staged.unlink(missing_ok=True)
        staged.symlink_to(version)
        staged.rename(link)
        files.sync(link.parent)
