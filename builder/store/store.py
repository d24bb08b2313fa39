"""The store of templates."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from builder import files
from builder.disks import FORMATS, DiskFormat, parse_format
from builder.errors import HostError, InUseError, RequestError, did_you_mean
from builder.guest.info import GuestInfo, find_family
from builder.store import verification
from builder.store.channels import SIGNATURES, VERIFICATION, Channels, check_channel
from builder.store.history import ChannelMove, How
from builder.store.manifest import Manifest, parse
from builder.store.reference import LATEST, VERSION
from builder.store.verification import Verification


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

    What became of booting it lies beside it, and may be replaced::

        templates/NAME/verification/VERSION/
        ├── result.json      what was looked at, and how it was
        └── console-1.log, console-2.log
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

    def guest_info(self) -> GuestInfo | None:
        """The guest on its disk; None if the manifest does not describe it completely, or describes an unknown one.

        Older versions of golden wrote less: inspect the disk then. Raises HostError if the manifest is damaged.
        """
        try:
            info = GuestInfo.from_json(self.manifest.guest.model_dump())
        except TypeError:
            return None
        return info if "/" in info.mounts and find_family(info.distribution) else None

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
        return self.folder.parent / SIGNATURES / f"{self.name}.minisig"

    @property
    def disk(self) -> Path:
        """The template's disk, whatever its format. Raises HostError when it is gone."""
        for format in FORMATS:
            path = self.folder / f"disk.{format}"
            if path.exists():
                return path
        raise HostError(f"the disk of {self} is missing", where=str(self.folder))

    @property
    def disk_format(self) -> DiskFormat:
        """The format of the template's disk. Raises HostError for one that this golden does not know."""
        try:
            return parse_format(self.manifest.disk.format)
        except ValueError as error:
            raise HostError(f"the disk of {self} cannot be used", details=str(error), hint="update golden") from error

    @property
    def verification_folder(self) -> Path:
        """Where its verification is: beside the version, which never changes."""
        return self.folder.parent / VERIFICATION / self.name

    @property
    def verification(self) -> Verification | None:
        """What became of booting it; None where nobody did, or what they found cannot be read."""
        return verification.read(self.verification_folder)

    @property
    def failed(self) -> bool:
        """Whether it was verified and did not pass."""
        found = files.read_json(self.verification_folder / "result.json")
        return found is not None and found.get("passed") is False

    @property
    def order(self) -> tuple[str, int]:
        """Sorts versions by age."""
        found = VERSION.fullmatch(self.name)
        assert found is not None
        return found[1], int(found[2])

    def __str__(self) -> str:
        return f"{self.template}:{self.name}"


@dataclass(frozen=True, slots=True)
class Rollback:
    """What going back came to; `passed_over` says, in words, which versions could not be gone back to."""

    move: ChannelMove
    passed_over: tuple[str, ...]


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
        try:
            found = [
                Version(template, path.name, path)
                for path in folder.iterdir()
                if VERSION.fullmatch(path.name) and not path.is_symlink() and (path / "manifest.json").is_file()
            ]
        except (FileNotFoundError, NotADirectoryError):  # or gone just now: it was pruned
            return []
        return sorted(found, key=lambda version: version.order)

    def channels(self, template: str) -> dict[str, str]:
        """A template's channels and the versions that they point to."""
        return self._channels(template).links()

    def _channels(self, template: str) -> Channels:
        return Channels(self.folder / template)

    def find_channel(self, template: str, channel: str = LATEST) -> Version | None:
        """The version that a channel points to; None where there is no such channel or version."""
        target = self.channels(template).get(channel)
        return next((version for version in self.versions(template) if version.name == target), None)

    def find(self, reference: str) -> Version:
        """The version that NAME, NAME@CHANNEL or NAME:VERSION means. Raises RequestError with what there is."""
        template, colon, wanted = reference.partition(":")
        template, at, channel = template.partition("@")
        self.require_template(template)
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

    def require_template(self, template: str) -> None:
        """Raises RequestError with what there is."""
        templates = self.templates()
        if template not in templates:
            known = ", ".join(templates) or "none yet; `golden build RECIPE` makes one"
            meant = did_you_mean(template, templates)
            raise RequestError(f"no such template: {template}{meant}", hint=f"templates are {known}")

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

        Raises HostError and OSError; then nothing has changed.
        """
        for file in staged.iterdir():
            file.chmod(0o444)
            files.sync(file)
        target = self.folder / template / name
        with self.locked(template):  # a folder without a version is pruned
            target.parent.mkdir(parents=True, exist_ok=True)
            files.move(staged, target)
        return Version(template, name, target)

    def locked(self, template: str) -> AbstractContextManager[None]:
        """Hold the lock under which a template's channels move and its versions are removed. Raises HostError."""
        return self._channels(template).locked()

    def point(
        self, template: str, channel: str, version: str, *, how: How = "publish", why: str = "", who: str | None = None
    ) -> ChannelMove:
        """Move a channel to a version in one atomic step, and record it. The only way in which channels move.

        Raises RequestError for a version that is not there, HostError and OSError.
        """
        with self.locked(template):
            self._require(template, version)
            return self._channels(template).move(channel, version, how, why, who)

    def _require(self, template: str, version: str) -> Version:
        found = next((each for each in self.versions(template) if each.name == version), None)
        if found is None:
            raise RequestError(f"{template} has no version {version}")
        return found

    def history(self, template: str) -> list[ChannelMove]:
        """Every move of the template's channels, oldest first. Raises RequestError where there is no template."""
        self.require_template(template)
        return self._channels(template).history()

    def former(self, template: str, channel: str) -> str | None:
        """The version to which a rollback of a channel would go; None where there is none. Raises HostError."""
        try:
            way = self._channels(template).way_back(channel)
        except OSError as error:
            raise HostError(f"the history of {template} cannot be read", details=str(error)) from error
        usable = {version.name for version in self.versions(template) if not version.failed}
        return next((name for name in way if name in usable), None)

    def promote(
        self, template: str, version: str, channel: str, why: str = "", who: str | None = None, *, force: bool = False
    ) -> ChannelMove:
        """Have a channel name a version; one that failed its verification only with `force`.

        Raises RequestError, InUseError, HostError and OSError; then the channel is where it was.
        """
        check_channel(channel)
        found = self.find(f"{template}:{version}")
        if found.failed and not force:
            raise InUseError(
                f"{found} failed its verification, and clones of {template}@{channel} would get it",
                hint="--force promotes it all the same",
            )
        return self.point(template, channel, version, how="promote", why=why, who=who)

    def rollback(
        self, template: str, channel: str = LATEST, why: str = "", who: str | None = None, *, to: str | None = None
    ) -> Rollback:
        """Have a channel name what it named before, by its history; once more, and it goes further back.

        Versions that are gone, or that failed their verification, are passed over, unless `to` says
        such a one, which is refused. Raises RequestError, InUseError, HostError and OSError.
        """
        check_channel(channel)
        self.require_template(template)
        with self.locked(template):
            own = self._channels(template)
            passed: tuple[str, ...] = ()
            if to is None:
                to, passed = self._find_former(template, channel)
            elif self.find(f"{template}:{to}").failed:
                raise InUseError(
                    f"{template}:{to} failed its verification", hint="name another version, or leave --to out"
                )
            elif channel not in own.links():
                raise self._no_channel(template, channel)
            return Rollback(own.move(channel, to, "rollback", why, who), passed)

    def _find_former(self, template: str, channel: str) -> tuple[str, tuple[str, ...]]:
        """The last version that a channel named before and that can be used, and why those after it cannot."""
        own = self._channels(template)
        now = own.links().get(channel)
        if now is None:
            raise self._no_channel(template, channel)
        whole = {version.name: version for version in self.versions(template)}
        passed: list[str] = []
        for name in own.way_back(channel):
            if name in whole and not whole[name].failed:
                return name, tuple(passed)
            passed.append(f"{template}:{name} {'failed its verification' if name in whole else 'is gone'}")
        raise RequestError(
            f"{template}@{channel} has nothing to go back to" + ("" if passed else f": it never named any but {now}"),
            details="\n".join(passed) or None,
            hint=f"`golden promote {template}:VERSION --to {channel}` names any version",
        )

    def _no_channel(self, template: str, channel: str) -> RequestError:
        names = ", ".join(self.channels(template)) or "none"
        return RequestError(f"{template} has no channel {channel}", hint=f"it has {names}")
