"""No path in a recipe leads out of the guest: files of the appliance with the same names do not change."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from builder.errors import BuildError
from builder.guest.guest import Guest
from builder.inputs import RecipeContext
from builder.steps import Step, registry

FOLDER = "/escape"
"""A folder of the appliance, which some guests have too."""

# {} is a folder with a link in its path.
EDITS = """\
- append-line: {path: {}/file, line: more}
- chmod: {path: {}/file, mode: "0600"}
- chown: {path: {}/file, owner: "12:34"}
- chown: {path: {}, owner: "12:34", recursive: true}
- copy: {source: /srv/own, path: {}/made}
- copy: {source: /srv/own, path: {}/file}
- copy: {source: {}/file, path: /srv/made}
- copy-in: {source: tree, path: {}}
- copy-in: {source: tree/file, path: {}}
- delete: {}/file
- delete: {}/*
- delete: {}/folder
- edit: {path: {}/file, pattern: text, replace: edited}
- link: {target: /srv/own, path: {}/file}
- link: {target: /srv/own, path: {}/made}
- mkdir: {}/made/deep
- move: {source: {}/file, path: /srv/made}
- move: {source: /srv/own, path: {}/made}
- scrub: {}/file
- tar-in: {source: a.tar, path: {}}
- touch: {}/made
- truncate: {}/file
- truncate-recursive: {}
- upload: {source: tree/file, path: {}/file}
- upload: {source: tree/file, path: {}/}
- write: {path: {}/file, content: written}
"""

MAKE = f"mkdir -p {{0}}{FOLDER}/folder && cd {{0}}{FOLDER} && echo text >file && echo text >folder/below"
LISTING = "find {0} -printf '%P %y %m %U:%G %l %T@\\n' | sort; cat {0}/file {0}/folder/below"


def edits(way: str, folder: Path) -> Iterator[Step]:
    for item in YAML(typ="safe").load(EDITS.replace("{}", way)):
        [(name, value)] = item.items()
        yield registry()[name].model_validate(value, context=RecipeContext(folder))


def test_every_step_on_files_is_tested(tmp_path: Path) -> None:
    make_inputs(tmp_path)
    tried = {step.step_name for step in edits("/srv/out", tmp_path)}
    about_files = {name for name, step in registry().items() if {"path", "paths"} & set(step.model_fields)}
    assert tried == about_files


def make_inputs(folder: Path) -> None:
    (folder / "tree").mkdir()
    (folder / "tree/file").write_text("text\n")
    with tarfile.open(folder / "a.tar", "w") as tar:
        tar.add(folder / "tree/file", "file")


@pytest.mark.parametrize(
    ("name", "link", "has_it"),
    [
        ("folder_debian", FOLDER, True),
        ("folder_debian", f"../../../..{FOLDER}", True),
        ("folder_debian", FOLDER, False),
        ("folder_debian", f"/sysroot/..{FOLDER}", False),
        pytest.param("guest", FOLDER, True, marks=pytest.mark.slow),
    ],
)
def test_links_stay_inside(name: str, link: str, has_it: bool, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    guest: Guest = request.getfixturevalue(name)
    make_inputs(tmp_path)
    shell = guest.appliance.shell
    shell(f"rm -rf {FOLDER}; {MAKE.format('')}")
    theirs = shell(LISTING.format(FOLDER))
    guest.link(link, "/srv/out")
    changed = []
    for step in edits("/srv/out", tmp_path):
        guest.remove(FOLDER, "/srv/made")
        guest.write("/srv/own", "own\n")
        if has_it:
            shell(MAKE.format("/sysroot"))
        before = guest.query(f"cd /; {LISTING.format(FOLDER)}; find /srv -printf '%p %y %s\\n'") if has_it else ""
        try:
            step.apply(guest)
        except BuildError:
            assert not has_it, step.title
        else:
            after = guest.query(f"cd /; {LISTING.format(FOLDER)}; find /srv -printf '%p %y %s\\n'") if has_it else ""
            changed += [step.title] if after != before else []
            assert all(finding.ok for finding in step.check(guest)), step.title
        assert shell(LISTING.format(FOLDER)) == theirs, f"{step.title} reached the appliance's own files"
        assert guest.read_link("/srv/out") == link, step.title
    assert len(changed) == (len(list(edits("/srv/out", tmp_path))) if has_it else 0)


@pytest.mark.parametrize("has_it", [True, False])
def test_a_link_at_the_end_stays_inside(folder_debian: Guest, tmp_path: Path, has_it: bool) -> None:
    guest = folder_debian
    make_inputs(tmp_path)
    shell = guest.appliance.shell
    shell(f"rm -rf {FOLDER}; {MAKE.format('')}")
    theirs = shell(LISTING.format(FOLDER))
    for step in edits("/srv", tmp_path):
        guest.remove(FOLDER, "/srv")
        if has_it:
            shell(MAKE.format("/sysroot"))
        guest.write("/srv/own", "own\n")
        for name in ("file", "folder"):
            guest.link(posixpath.join(FOLDER, name), f"/srv/{name}")
        try:
            step.apply(guest)
        except BuildError:
            assert not has_it, step.title
        assert shell(LISTING.format(FOLDER)) == theirs, f"{step.title} reached the appliance's own files"


@pytest.mark.parametrize("has_it", [True, False])
def test_guest_methods(folder_debian: Guest, tmp_path: Path, has_it: bool) -> None:
    """The methods of Guest, which steps and the seal call with paths of a recipe."""
    guest = folder_debian
    make_inputs(tmp_path)
    shell = guest.appliance.shell
    shell(f"rm -rf {FOLDER}; {MAKE.format('')}")
    theirs = shell(LISTING.format(FOLDER))
    guest.link(FOLDER, "/srv/out")
    if has_it:
        shell(f"{MAKE.format('/sysroot')} && echo >own")
    own = [f"/srv/out/{name}" for name in ("file", "folder", "folder/below", "own")] if has_it else []
    assert guest.find("/srv/out") == own
    assert guest.glob("/srv/out/*") == [path for path in own if path.count("/") == 3]
    assert guest.ls("/srv/out") == [posixpath.basename(path) for path in own if path.count("/") == 3]
    assert guest.is_file("/srv/out/own") is has_it
    assert guest.resolve("/srv/out/own") == (f"{FOLDER}/own" if has_it else "/srv/out/own")
    guest.remove("/srv/out/file", "/srv/out/folder", "/srv/out/none")
    assert guest.ls("/srv/out") == (["own"] if has_it else [])
    if has_it:
        guest.link("/nowhere", "/srv/out/link")
        assert guest.read_link(f"{FOLDER}/link") == "/nowhere"
    assert shell(LISTING.format(FOLDER)) == theirs
