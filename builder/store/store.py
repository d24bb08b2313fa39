"""The store: published templates and their versions."""

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
from builder.store.manifest import REBUILD, Manifest, parse
from builder.store.reference import LATEST, VERSION
from builder.store.verification import Verification


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable version of a template.

    ::

        templates/NAME/VERSION/
        ├── disk.qcow2 (or disk.raw)
        ├── domain.xml.j2    the domain of a node, for Jinja2
        ├── manifest.json    what it was built from, and the results of the audit
        ├── recipe.yaml      the recipe's text, without the passwords in its URLs
        ├── sbom.spdx.json   the packages on the disk, for other programs
        ├── provenance.json  how it was built, for other programs
        ├── build.log        the complete output of every command
        └── SHA256SUMS       of all of these
        templates/NAME/signatures/VERSION.minisig

    The result of booting it is beside it, and may be replaced::

        templates/NAME/verification/VERSION/
        ├── result.json      the checks and their results
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
        """Raises HostError if it cannot be read or is incomplete."""
        found = files.read_json(self.manifest_file)
        if found is None:
            raise HostError(f"the manifest of {self} cannot be read", where=str(self.manifest_file), hint=REBUILD)
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
        """Older versions lack this file, and the two below."""
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
        """Beside the version, which never changes; exists once the version is signed."""
        return self.folder.parent / SIGNATURES / f"{self.name}.minisig"

    @property
    def disk(self) -> Path:
        """The template's disk, in any format. Raises HostError if it is missing."""
        for format in FORMATS:
            path = self.folder / f"disk.{format}"
            if path.exists():
                return path
        raise HostError(f"the disk of {self} is missing", where=str(self.folder), hint=REBUILD)

    @property
    def disk_format(self) -> DiskFormat:
        """The format of the template's disk. Raises HostError for a format that this golden does not know."""
        try:
            return parse_format(self.manifest.disk.format)
        except ValueError as error:
            raise HostError(f"cannot use the disk of {self}", details=str(error), hint="update golden") from error

    @property
    def verification_folder(self) -> Path:
        """The folder of its verification, beside the version, which never changes."""
        return self.folder.parent / VERIFICATION / self.name

    @property
    def verification(self) -> Verification | None:
        """The result of booting it; None if it was not verified, or the result cannot be read."""
        return verification.read(self.verification_folder)

    @property
    def failed(self) -> bool:
        """Whether it failed its verification."""
        found = files.read_json(self.verification_folder / "result.json")
        return found is not None and found.get("passed") is False

    @property
    def order(self) -> tuple[str, int]:
        """A sort key: date and counter, oldest first."""
        found = VERSION.fullmatch(self.name)
        assert found is not None
        return found[1], int(found[2])

    def __str__(self) -> str:
        return f"{self.template}:{self.name}"


@dataclass(frozen=True, slots=True)
class Rollback:
    """A completed rollback; `skipped` says, in words, which versions could not be used."""

    move: ChannelMove
    skipped: tuple[str, ...]


class Store:
    """All templates in one folder. A version arrives by one rename, so it is always complete."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def templates(self) -> list[str]:
        """The names of all templates with at least one version, sorted."""
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
        except (FileNotFoundError, NotADirectoryError):  # or pruned meanwhile
            return []
        return sorted(found, key=lambda version: version.order)

    def channels(self, template: str) -> dict[str, str]:
        """The versions that a template's channels point to, by channel."""
        return self._channels(template).links()

    def _channels(self, template: str) -> Channels:
        return Channels(self.folder / template)

    def find_channel(self, template: str, channel: str = LATEST) -> Version | None:
        """The version that a channel points to; None if there is no such channel or version."""
        target = self.channels(template).get(channel)
        return next((version for version in self.versions(template) if version.name == target), None)

    def find(self, reference: str) -> Version:
        """The version that NAME, NAME@CHANNEL or NAME:VERSION refers to. Raises RequestError with the existing ones."""
        template, colon, wanted = reference.partition(":")
        template, at, channel = template.partition("@")
        self.require_template(template)
        versions = self.versions(template)
        if colon and not at:
            found = next((version for version in versions if version.name == wanted), None)
            if found is None:
                names = ", ".join(version.name for version in versions[-5:])
                raise RequestError(
                    f"{template} has no version {wanted}", hint=f"choose one of the newest versions: {names}"
                )
            return found
        found = self.find_channel(template, channel or LATEST)
        if colon or found is None:
            raise RequestError(f"no such version or channel: {reference}", hint=self._channel_hint(template))
        return found

    def require_template(self, template: str) -> None:
        """Raises RequestError with the existing templates if there is no such template."""
        templates = self.templates()
        if template not in templates:
            known = ", ".join(templates)
            meant = did_you_mean(template, templates)
            hint = f"choose one of: {known}" if known else "run `golden build RECIPE` to build a template"
            raise RequestError(f"no such template: {template}{meant}", hint=hint)

    def next_name(self, template: str, today: date, digest: str) -> str:
        """The name of a version that is built today: date, counter, first digits of the disk's digest."""
        day = today.strftime("%Y%m%d")
        # Not `versions`: the number of a damaged version must not be used again.
        folder = self.folder / template
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        taken = [int(found[2]) for name in names if (found := VERSION.fullmatch(name)) and found[1] == day]
        return f"{day}.{max(taken, default=0) + 1}-{digest[:8]}"

    def admit(self, staged: Path, template: str, name: str) -> Version:
        """Make a complete folder a version: durable, read-only, and added to the store by one rename.

        Raises HostError and OSError; the store is then unchanged.
        """
        for file in staged.iterdir():
            file.chmod(0o444)
            files.sync(file)
        target = self.folder / template / name
        with self.locked(template):  # prune removes a folder without versions
            target.parent.mkdir(parents=True, exist_ok=True)
            files.move(staged, target)
        return Version(template, name, target)

    def locked(self, template: str) -> AbstractContextManager[None]:
        """Hold the lock that is needed to move a template's channels or remove its versions. Raises HostError."""
        return self._channels(template).locked()

    def point(
        self, template: str, channel: str, version: str, *, how: How = "publish", why: str = "", who: str | None = None
    ) -> ChannelMove:
        """Point a channel at a version in one atomic step, and record it in the history.

        Raises RequestError if there is no such version, HostError and OSError.
        """
        with self.locked(template):
            self._require(template, version)
            return self._channels(template).move(channel, version, how, why, who)

    def _require(self, template: str, version: str) -> Version:
        found = next((each for each in self.versions(template) if each.name == version), None)
        if found is None:
            raise RequestError(f"{template} has no version {version}", hint="run `golden list` to see its versions")
        return found

    def history(self, template: str) -> list[ChannelMove]:
        """Every move of the template's channels, oldest first. Raises RequestError if there is no such template."""
        self.require_template(template)
        return self._channels(template).history()

    def find_rollback_target(self, template: str, channel: str) -> str | None:
        """The version that a rollback of a channel would return to; None if there is none. Raises HostError."""
        try:
            targets = self._channels(template).rollback_targets(channel)
        except OSError as error:
            raise HostError(f"cannot read the history of {template}", details=str(error)) from error
        usable = {version.name for version in self.versions(template) if not version.failed}
        return next((name for name in targets if name in usable), None)

    def promote(
        self, template: str, version: str, channel: str, why: str = "", who: str | None = None, *, force: bool = False
    ) -> ChannelMove:
        """Point a channel at a version. A version that failed its verification needs `force`.

        Raises RequestError, InUseError, HostError and OSError; the channel then has not moved.
        """
        check_channel(channel)
        found = self.find(f"{template}:{version}")
        if found.failed and not force:
            raise InUseError(
                f"{found} failed its verification, so {template}@{channel} does not move to it",
                hint="use --force to promote it anyway",
            )
        return self.point(template, channel, version, how="promote", why=why, who=who)

    def rollback(
        self, template: str, channel: str = LATEST, why: str = "", who: str | None = None, *, to: str | None = None
    ) -> Rollback:
        """Return a channel to its previous version, or to the version `to`; repeat to go further back.

        Skips versions that were removed or that failed their verification; refuses such a version as `to`.
        Raises RequestError, InUseError, HostError and OSError.
        """
        check_channel(channel)
        self.require_template(template)
        with self.locked(template):
            own = self._channels(template)
            skipped: tuple[str, ...] = ()
            if to is None:
                to, skipped = self._require_rollback_target(template, channel)
            elif self.find(f"{template}:{to}").failed:
                raise InUseError(
                    f"{template}:{to} failed its verification, so {template}@{channel} does not return to it",
                    hint="name another version, or leave --to out",
                )
            elif channel not in own.links():
                raise self._no_channel(template, channel)
            return Rollback(own.move(channel, to, "rollback", why, who), skipped)

    def _require_rollback_target(self, template: str, channel: str) -> tuple[str, tuple[str, ...]]:
        """The last usable version that a channel pointed to before, and why later ones are skipped.

        Raises RequestError if there is none.
        """
        own = self._channels(template)
        now = own.links().get(channel)
        if now is None:
            raise self._no_channel(template, channel)
        whole = {version.name: version for version in self.versions(template)}
        skipped: list[str] = []
        for name in own.rollback_targets(channel):
            if name in whole and not whole[name].failed:
                return name, tuple(skipped)
            skipped.append(f"{template}:{name} {'failed its verification' if name in whole else 'was removed'}")
        raise RequestError(
            f"{template}@{channel} has no previous version"
            + (" that can be used" if skipped else f": it has always pointed to {now}"),
            details="\n".join(skipped) or None,
            hint=f"run `golden promote {template}:VERSION --to {channel}` to point it at any version",
        )

    def _no_channel(self, template: str, channel: str) -> RequestError:
        return RequestError(f"{template} has no channel {channel}", hint=self._channel_hint(template))

    def _channel_hint(self, template: str) -> str:
        names = ", ".join(self.channels(template))
        if names:
            return f"choose one of the channels of {template}: {names}"
        return f"name a version, as in {template}:VERSION: {template} has no channels yet"
