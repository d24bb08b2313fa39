"""For each of virt-customize's options, virt-customize and a step of golden produce the same tree."""

from __future__ import annotations

import fnmatch
import os
import re
import tarfile
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from builder import process
from builder.appliance import accelerator
from builder.appliance.appliance import Appliance
from builder.guest.guest import Guest
from builder.guest.info import DISK, GuestInfo
from builder.inputs import RecipeContext
from builder.plan.make import in_order
from builder.steps import Step, password_crypto, registry
from tests.mounting import mounted, overlay_on
from tests.parity.differences import DIFFERENCES, ELSEWHERE, Difference
from tests.parity.edits import EDITS, HOME, KEY, OPTIONS, Edit

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.xdist_group("parity")]

REPOSITORY = f"{HOME}/repository"
PACKAGES = {
    "parity-needed": ("1.0",),
    "parity-new": ("1.0",),
    "parity-old": ("1.0",),
    "parity-updated": ("1.0", "2.0"),
}


@dataclass(frozen=True)
class Entry:
    kind: str
    mode: str
    owner: str
    target: str
    content: str


Tree = Mapping[str, Entry]


@dataclass(frozen=True)
class Trees:
    """The trees of one guest: before any edit, after virt-customize, and after golden."""

    before: Tree
    theirs: Tree
    ours: Tree

    @property
    def differing(self) -> Iterator[tuple[str, str]]:
        """Return every path that differs, with the aspect in which it differs."""
        for path in sorted({*self.theirs, *self.ours}):
            theirs, ours = self.theirs.get(path), self.ours.get(path)
            if theirs is None or ours is None:
                yield path, "theirs" if theirs else "ours"
            else:
                for field in fields(Entry):
                    if getattr(theirs, field.name) != getattr(ours, field.name):
                        yield path, field.name


# --- the guest that both start from --------------------------------------------------------------


def make_inputs(folder: Path) -> None:
    """Create the files on the host that the edits refer to."""
    tree = folder / "tree"
    (tree / "folder").mkdir(parents=True)
    (tree / "folder/deep").write_text("deep\n")
    (tree / "file").write_text("text\n")
    os.chown(tree / "file", 12, 34)
    (tree / "file").chmod(0o640)
    (tree / "link").symlink_to("/nowhere")
    (tree / "folder").chmod(0o2750)
    os.chown(tree, 56, 78)
    (folder / "program").write_text("#!/bin/sh\n")
    (folder / "program").chmod(0o4755)
    (folder / "script").write_text(f"#!/bin/sh\nid -u >{HOME}/run/made\numask >>{HOME}/run/made\n")
    (folder / "script").chmod(0o755)
    (folder / "password").write_text("correct horse\n")
    (folder / "key.pub").write_text(f"{KEY}\n")
    with tarfile.open(folder / "tree.tar", "w") as tar:
        for path in sorted(tree.rglob("*")):
            tar.add(path, path.relative_to(tree), recursive=False, filter=without_names)


def without_names(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uname = info.gname = ""
    return info


def make_repository(folder: Path) -> None:
    """Create a repository of Debian packages, each with a file that contains its version."""
    index = []
    for name, versions in PACKAGES.items():
        for version in versions:
            root = folder / f"{name}-{version}"
            control = (
                f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: golden\n"
                f"Depends: {'parity-needed' if name == 'parity-new' else ''}\nDescription: a test\n"
            ).replace("Depends: \n", "")
            for path, text in (
                ("DEBIAN/control", control),
                ("DEBIAN/conffiles", f"/etc/{name}.conf\n"),
                (f"etc/{name}.conf", "text\n"),
                (f"usr/share/{name}/version", f"{version}\n"),
            ):
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            deb = folder / f"{name}_{version}.deb"
            process.run(["dpkg-deb", "--root-owner-group", "--build", str(root), str(deb)])
            sha256 = process.run(["sha256sum", str(deb)]).split()[0]
            index.append(f"{control}Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {sha256}\n")
    (folder / "Packages").write_text("\n".join(index))


def prepare(guest: Guest, folder: Path) -> None:
    """Give the guest this repository and no other, and run the commands that precede the edits."""
    (folder / "repository").mkdir()
    make_repository(folder / "repository")
    guest.mkdir(REPOSITORY)
    for file in sorted((folder / "repository").iterdir()):
        if file.is_file():
            guest.upload(file, f"{REPOSITORY}/{file.name}")
    guest.remove("/etc/apt/sources.list", *guest.glob("/etc/apt/sources.list.d/*"))
    guest.write("/etc/apt/sources.list", f"deb [trusted=yes] file:{REPOSITORY} ./\n")
    scripts = ["set -e; umask 022; apt-get -qq update"]
    scripts += [
        f"mkdir {HOME}/{edit.option}; cd {HOME}/{edit.option}\n{textwrap.dedent(edit.before)}" for edit in EDITS
    ]
    guest.run("\n".join(scripts))


# --- the edits -----------------------------------------------------------------------------------


def placed(text: str, edit: Edit, inputs: Path) -> str:
    return text.replace("HERE", f"{HOME}/{edit.option}").replace("HOST", str(inputs))


def run_theirs(disk: Path, info: GuestInfo, inputs: Path) -> None:
    """Run virt-customize with all options at once, then the calls of newer options."""
    env = {}
    # Otherwise libguestfs would use a KVM that exists but does not work, and crash.
    if accelerator.probe(process.find_tool("qemu-system-x86_64", package="qemu-system-x86")).kind == "tcg":
        env["LIBGUESTFS_BACKEND_SETTINGS"] = "force_tcg"
    words = [placed(word, edit, inputs) for edit in EDITS for word in edit.theirs]
    process.run(["virt-customize", "-a", str(disk), "--no-network", *words], env=env, on_line=print)
    calls = [
        word
        for edit in EDITS
        if edit.guestfish
        for word in (":", *(placed(word, edit, inputs) for word in edit.guestfish))
    ]
    root = info.mounts["/"].replace(DISK, "/dev/sda")
    process.run(["guestfish", "-a", str(disk), "-m", root, *calls[1:]], env=env)


def our_steps(inputs: Path) -> list[Step]:
    """Return the steps as a recipe in the folder of the inputs has them."""
    steps = []
    for edit in EDITS:
        for item in YAML(typ="safe").load(placed(textwrap.dedent(edit.ours), edit, inputs)):
            [(name, value)] = item.items()
            steps.append(registry()[name].model_validate(value, context=RecipeContext(inputs)))
    return in_order(password_crypto.set_crypto(tuple(steps)))


def look(guest: Guest) -> Tree:
    """Return everything in a guest except times."""
    guest.leave_chroot()
    output = guest.appliance.shell_output
    printed = output("cd /sysroot; find . -mindepth 1 -printf '%y %m %U:%G /%P\\0%l\\0'").decode().split("\0")
    sums = output("cd /sysroot; find . -type f -print0 | xargs -0 sha256sum --zero").decode().split("\0")
    contents = {path[1:]: sha256 for sha256, path in (line.split("  ", 1) for line in sums if line)}
    # Compare each user's line by itself, and replace the hash, which differs every time, with its kind.
    shadow = re.sub(r"\$(\w+)\$[^:]*", r"$\1$", guest.read("/etc/shadow"))
    contents["/etc/shadow"] = ""
    tree = {}
    for entry, target in zip(printed[:-1:2], printed[1::2], strict=True):
        kind, mode, owner, path = entry.split(" ", 3)
        tree[path] = Entry(kind, mode, owner, target, contents.get(path, ""))
    for line in shadow.splitlines():
        tree[f"/etc/shadow/{line.partition(':')[0]}"] = Entry("line", "", "", "", line)
    return tree


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


@pytest.fixture(scope="module")
def trees(
    appliance: Appliance, debian_base: tuple[Path, GuestInfo], inputs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trees:
    base, info = debian_base
    folder = tmp_path_factory.mktemp("parity")
    start = overlay_on(base, folder / "start.qcow2")
    with mounted(appliance, start, info) as guest:
        prepare(guest, folder)
        before = look(guest)

    ours = overlay_on(start, folder / "ours.qcow2")
    with mounted(appliance, ours, info) as guest:
        steps = our_steps(inputs)
        for step in steps:
            step.apply(guest)
        failed = [finding.message for step in steps for finding in step.check(guest) if not finding.ok]
        assert failed == []
        edited = look(guest)

    theirs = overlay_on(start, folder / "theirs.qcow2")
    run_theirs(theirs, info, inputs)
    with mounted(appliance, theirs, info) as guest:
        return Trees(before, look(guest), edited)


# --- the comparison ------------------------------------------------------------------------------


def option_of(path: str) -> str:
    """Return the option that a path belongs to."""
    for edit in EDITS:
        patterns = [f"{HOME}/{edit.option}", *edit.paths]
        if any(fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(path, f"{pattern}/*") for pattern in patterns):
            return edit.option
    return ELSEWHERE


def explains(difference: Difference, path: str, aspect: str) -> bool:
    return (
        difference.option == option_of(path)
        and difference.aspect == aspect
        and fnmatch.fnmatchcase(path, difference.path)
    )


@pytest.mark.parametrize("option", [*OPTIONS, ELSEWHERE])
def test_the_same_tree(option: str, trees: Trees) -> None:
    unexplained = [
        f"{path} {aspect}: {trees.theirs.get(path)} {trees.ours.get(path)}"
        for path, aspect in trees.differing
        if option_of(path) == option and not any(explains(difference, path, aspect) for difference in DIFFERENCES)
    ]
    assert not unexplained, "\n".join(unexplained)


@pytest.mark.parametrize("option", OPTIONS)
def test_both_changed_something(option: str, trees: Trees) -> None:
    for after in (trees.theirs, trees.ours):
        changed = [path for path in {*trees.before, *after} if trees.before.get(path) != after.get(path)]
        assert any(option_of(path) == option for path in changed)


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: f"{difference.path} {difference.aspect}")
def test_every_listed_difference_exists(difference: Difference, trees: Trees) -> None:
    assert any(explains(difference, path, aspect) for path, aspect in trees.differing)


def test_every_option_is_tested() -> None:
    assert sorted(edit.option for edit in EDITS) == sorted(OPTIONS)
    assert set(OPTIONS) <= set(registry())
