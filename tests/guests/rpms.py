"""Small signed rpms, and the repositories that hold them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from builder import process


@dataclass(frozen=True, slots=True)
class Rpm:
    """A package. `files` maps paths to texts; those below a folder of programs may be executed.

    `unit` is a service that is enabled as long as the package is installed.
    """

    name: str
    version: str
    release: str
    files: Mapping[str, str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    unit: str | None = None

    @property
    def spec(self) -> str:
        lines = [
            f"Name: {self.name}",
            f"Version: {self.version}",
            f"Release: {self.release}",
            f"Summary: A stand-in for {self.name}",
            "License: Public Domain",
            "BuildArch: noarch",
            # The guests' own programs are no rpms: nothing in the database provides what these would need.
            "AutoReqProv: no",
            *(f"Requires: {name}" for name in self.requires),
            *(f"Provides: {name}" for name in self.provides),
            "%description",
            f"Stands in for {self.name} in tests.",
            "%install",
            "cp -a %{_sourcedir}/. %{buildroot}/",
            "%files",
            *self.files,
        ]
        if self.unit:
            lines += ["%post", f"systemctl --no-reload enable {self.unit}"]
            lines += ["%preun", f'[ "$1" != 0 ] || systemctl --no-reload disable {self.unit}']
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Payload:
    """A package of all the files below a folder, as they are. `posttrans` is a script for the end of a transaction."""

    name: str
    release: str
    root: Path
    requires: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    posttrans: str = ""

    @property
    def spec(self) -> str:
        lines = [
            f"Name: {self.name}",
            "Version: 1",
            f"Release: {self.release}",
            f"Summary: A part of a system, {self.name}",
            "License: Public Domain",
            "AutoReqProv: no",
            *(f"Requires: {name}" for name in self.requires),
            *(f"Provides: {name}" for name in self.provides),
            "%description",
            f"The files of {self.name} in tests.",
            "%install",
            f"cp -a {self.root}/. %{{buildroot}}/",
            "%files",
            *(f"/{each.name}" for each in sorted(self.root.iterdir())),
        ]
        if self.posttrans:
            lines += ["%posttrans", self.posttrans]
        return "\n".join(lines) + "\n"


def is_program(path: str) -> bool:
    return Path(path).parent.name in ("bin", "sbin")


class Packager:
    """Builds rpms and signs them with a key of its own, which lasts as long as its folder.

    The folder's name must be short: GnuPG's sockets are in it. Use it in a `with` statement.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        """`owner` is the key's name."""
        self._folder = folder
        self._owner = owner
        self._gnupg = folder / "gnupg"

    def __enter__(self) -> Packager:
        self._gnupg.mkdir(mode=0o700)
        self._gpg("--passphrase", "", "--quick-generate-key", self._owner, "rsa2048", "sign", "never")
        return self

    def __exit__(self, *_: object) -> None:
        process.run(["gpgconf", "--homedir", str(self._gnupg), "--kill", "all"])

    def _gpg(self, *arguments: str) -> str:
        return process.run(["gpg", "--homedir", str(self._gnupg), "--batch", "--quiet", *arguments])

    @property
    def public_key(self) -> str:
        return self._gpg("--armor", "--export", self._owner)

    def build(self, rpm: Rpm, target: Path) -> Path:
        """Build a package into a folder, and return its file. Not signed yet."""
        build = self._folder / rpm.name
        for path, text in rpm.files.items():
            file = build / "SOURCES" / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o755 if is_program(path) else 0o644)
        (build / "SOURCES").mkdir(parents=True, exist_ok=True)
        self._build(build, rpm.spec, target)
        return target / f"{rpm.name}-{rpm.version}-{rpm.release}.noarch.rpm"

    def build_payload(self, payload: Payload, target: Path) -> Path:
        """Build a package of a folder's files, for x86_64, and return its file. Not signed yet."""
        build = self._folder / payload.name
        build.mkdir()
        self._build(build, payload.spec, target)
        return target / f"{payload.name}-1-{payload.release}.x86_64.rpm"

    def _build(self, build: Path, text: str, target: Path) -> None:
        """Build what a spec file's text says; `build` is the folder with its sources, and gone then."""
        spec = build / "package.spec"
        spec.write_text(text)
        macros = {"_topdir": build, "_rpmdir": target, "_dbpath": build / "db", "__os_install_post": "%{nil}"}
        macros["_build_name_fmt"] = "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm"
        macros |= {"_binary_payload": "w1.zstdio", "_build_id_links": "none", "debug_package": "%{nil}"}
        process.run(["rpmbuild", "-bb", "--quiet", "--target", "x86_64", *defines(macros), str(spec)])
        shutil.rmtree(build)

    def sign(self, packages: Iterable[Path]) -> None:
        macros = {"_gpg_path": self._gnupg, "_gpg_name": self._owner, "__gpg": shutil.which("gpg")}
        process.run(["rpmsign", *defines(macros), "--addsign", *map(str, packages)])

    def sign_index(self, repository: Path) -> None:
        """Put a signature beside a repository's index, which zypper asks for."""
        index = repository / "repodata/repomd.xml"
        self._gpg("--armor", "--detach-sign", "--output", f"{index}.asc", str(index))


def defines(macros: Mapping[str, object]) -> list[str]:
    return [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]


def index(repository: Path, comps: Path | None = None) -> None:
    """Make a folder of packages a repository; `comps` is a file with its groups."""
    groups = ["--groupfile", str(comps)] if comps else []
    process.run(["createrepo_c", "--quiet", *groups, str(repository)])


def tamper(package: Path) -> None:
    """Change a package's content behind its signature's back."""
    content = bytearray(package.read_bytes())
    content[-8] ^= 0xFF
    package.write_bytes(content)
