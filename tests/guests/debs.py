"""A small Debian package, and the signed repository that holds it."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from builder import process
from tests.guests.rpms import Packager


class Signer(Packager):
    def clearsign(self, file: Path, signed: Path) -> None:
        """Write a text with its signature around it."""
        self._gpg("--local-user", self._owner, "--output", str(signed), "--clearsign", str(file))


def deb_medium(folder: Path, signer: Signer, version: str = "1.0") -> Path:
    """A folder with one Debian package, in a repository that is signed."""
    tree = folder / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        f"Package: on-the-medium\nVersion: {version}\nArchitecture: all\n"
        "Maintainer: nobody\nDescription: a package for a test\n"
    )
    (tree / "usr/share/medium").mkdir(parents=True)
    (tree / "usr/share/medium/file").write_text("from the medium\n")
    medium = folder / "medium"
    (medium / "pool").mkdir(parents=True)
    deb = medium / f"pool/on-the-medium_{version}_all.deb"
    process.run(["dpkg-deb", "--root-owner-group", "--build", str(tree), str(deb)])
    about = process.run(["dpkg-deb", "--field", str(deb)])
    sha256 = hashlib.sha256(deb.read_bytes()).hexdigest()
    packages = f"{about.rstrip()}\nFilename: pool/{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {sha256}\n\n"
    suite = medium / "dists/stable"
    (suite / "main/binary-amd64").mkdir(parents=True)
    index = suite / "main/binary-amd64/Packages.gz"
    index.write_bytes(gzip.compress(packages.encode(), mtime=0))
    sums = [(packages.encode(), "main/binary-amd64/Packages"), (index.read_bytes(), "main/binary-amd64/Packages.gz")]
    release = (
        "Suite: stable\nCodename: stable\nArchitectures: amd64\nComponents: main\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n"
    )
    release += "SHA256:\n" + "".join(f" {hashlib.sha256(text).hexdigest()} {len(text)} {name}\n" for text, name in sums)
    (suite / "Release").write_text(release)
    signer.clearsign(suite / "Release", suite / "InRelease")
    return medium
