"""From packages to disks and repositories, kept in a folder for the next run."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from builder import digest, locks, process
from builder.appliance.appliance import Appliance, Disk
from builder.appliance.scratch import scratch_folder
from builder.bases.bootstrap import lay_out, layout
from builder.events import Event
from builder.guest import inspection
from builder.guest.info import GuestInfo
from tests.guests import tree
from tests.guests.almalinux9 import Almalinux9
from tests.guests.centos7 import Centos7
from tests.guests.rpms import Packager, index, tamper
from tests.guests.shape import Shape
from tests.guests.system import make_repository
from tests.guests.tree import Tree

SHAPES: tuple[Shape, ...] = (Centos7(), Almalinux9())

SIZE = 4 << 30
"""Bytes of the disks."""


@dataclass(frozen=True, slots=True)
class ElGuest:
    """A guest shaped like EL, and packages for it.

    ::

        FOLDER/
        ├── disk.qcow2     never to be written: use overlays
        ├── info.json      what inspection says of it
        ├── key            the public key; the guest has it too, but has not imported it
        ├── repository/    lftp, lrzsz, cloud-utils-growpart, and hwdata, newer than the guest's
        ├── dvd/           the same in two parts, BaseOS and AppStream, as EL 8 and later have them
        ├── tampered/      a repository with an lftp that was changed after it was signed
        ├── system/        AlmaLinux's: all packages of a system that boots, to bootstrap it from
        └── unsigned/      a repository with an lftp that nobody signed
    """

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.qcow2"

    @property
    def info(self) -> GuestInfo:
        return GuestInfo.from_json(json.loads((self.folder / "info.json").read_text()))

    @property
    def base(self) -> tuple[Path, GuestInfo]:
        return self.disk, self.info

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    @property
    def dvd(self) -> Path:
        return self.folder / "dvd"

    @property
    def system(self) -> Path:
        return self.folder / "system"

    @property
    def tampered(self) -> Path:
        return self.folder / "tampered"

    @property
    def unsigned(self) -> Path:
        return self.folder / "unsigned"


def make_guests(folder: Path, appliance: Appliance) -> dict[str, ElGuest]:
    """The guests by their shape's name, made if they are not in `folder` yet, which takes minutes."""
    sources = [Path(layout.__file__), Path(inspection.__file__), *sorted(Path(__file__).parent.glob("*.py"))]
    kept = folder / digest.of_value([digest.of_file(source) for source in sources])[:16]
    with locks.held(folder / ".lock"):
        if not kept.exists():
            staged = folder / "staged"
            shutil.rmtree(staged, ignore_errors=True)
            staged.mkdir()
            make_all(staged, appliance)
            staged.rename(kept)
    return {shape.name: ElGuest(kept / shape.name) for shape in SHAPES}


def make_all(folder: Path, appliance: Appliance) -> None:
    debian = tree.bootstrap(folder / "debian")
    *first, last = SHAPES
    for shape in first:
        make(shape, debian.copy(folder / "copy"), ElGuest(folder / shape.name), appliance)
    make(last, debian, ElGuest(folder / last.name), appliance)


def make(shape: Shape, files: Tree, guest: ElGuest, appliance: Appliance) -> None:
    """Turn the files into the guest; they are gone then."""
    guest.folder.mkdir()
    shape.take_over(files)
    add_packages(shape, files, guest)
    packed = guest.folder / "tree.tar"
    files.pack(packed)
    shutil.rmtree(files.root)
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(guest.disk), str(SIZE)])
    lay_out(appliance, guest.disk, packed, shape.layout, show)
    packed.unlink()
    device = appliance.plug(Disk(guest.disk, read_only=True))
    info = inspection.inspect(appliance, device)
    appliance.unplug(device)
    (guest.folder / "info.json").write_text(json.dumps(info.to_json()))
    guest.disk.chmod(0o444)


def add_packages(shape: Shape, files: Tree, guest: ElGuest) -> None:
    """Install the guest's packages in the tree, and fill the repositories."""
    growpart = (files.root / "usr/bin/growpart").read_text()
    files.remove("usr/bin/growpart")
    cache = files.root / "var/cache/packages"
    for folder in (cache, guest.repository, guest.tampered, guest.unsigned):
        folder.mkdir()
    with scratch_folder() as scratch, Packager(scratch, shape.owner) as packager:
        guest.key.write_text(packager.public_key)
        if isinstance(shape, Almalinux9):
            make_repository(shape, files, packager, guest.system)
        installed = [packager.build(rpm, cache) for rpm in shape.installed(packager.public_key)]
        offered = [packager.build(rpm, guest.repository) for rpm in shape.offered(growpart)]
        shutil.copy(offered[0], guest.unsigned)
        packager.sign([*installed, *offered])
        index(guest.repository)
        packager.sign_index(guest.repository)
    tamper(Path(shutil.copy(offered[0], guest.tampered)))
    parts = {guest.dvd / "BaseOS": offered[2:], guest.dvd / "AppStream": offered[:2]}
    for part, packages in parts.items():
        part.mkdir(parents=True)
        for package in packages:
            shutil.copy(package, part)
    for repository in (guest.tampered, guest.unsigned, *parts):
        index(repository)
    files.run("rpm", "--install", *(f"/var/cache/packages/{file.name}" for file in installed))
    shutil.rmtree(cache)


def show(event: Event) -> None:
    print(event)
