"""The pages' own promises: links that lead somewhere, recipes that pass, messages that golden prints."""

from __future__ import annotations

import ast
import functools
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import builder
from builder.paths import Output
from builder.recipe import load
from builder.recipe.schema import make_schema
from tests.certificates import AUTHORITY
from tests.docs.pages import PAGES, PROJECT, Block, fenced, prose

LINK = re.compile(r"\]\(([^)#\s]+)")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJvMHcoX2JxhBs0ZlHAq1gNLyvVTDLnYQZHyd+UwWmYM somebody"
CONTENTS = {".pub": KEY, ".crt": AUTHORITY, ".sh": "#!/bin/sh\n"}
"""What files that recipes name must hold, by their suffix; else an armoured key."""

PGP = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n"
VALUE = re.compile(r"\b[A-Z]{3,}(?:[:_][A-Z]+)*\b|\"[^\"]*\"|\d+|\binstall nginx\b|: command\b")
"""What stands in a quoted message for a value."""

PAGES_WITH_RECIPES = [page for page in PAGES if any(fenced(page, "yaml"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_to_files(page: Path) -> None:
    links = [found for _, line in prose(page) for found in LINK.findall(line) if "://" not in found]
    assert not [link for link in links if not (page.parent / link).is_file()]


def test_the_site_is_built_without_warnings(tmp_path: Path) -> None:
    """Links and anchors are among what mkdocs checks."""
    mkdocs = Path(sys.executable).with_name("mkdocs")
    done = subprocess.run(
        [mkdocs, "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "site/recipes/index.html").is_file()


def test_the_readme_is_short() -> None:
    lines = (PROJECT / "README.md").read_text().splitlines()
    assert len(lines) <= 95
    assert not [line for line in lines if len(line) > 100]


def whole(block: Block) -> str:
    """A recipe that has a block in it: the block itself, or one made of a list of steps or of some of its keys."""
    parsed = YAML(typ="safe").load(block.text)
    if isinstance(parsed, list):
        return f"name: x\nbase: {{template: y}}\nsteps:\n{block.text}"
    if set(parsed) <= set(make_schema()["properties"]):
        missing = {"name": "name: x\n", "base": "base: {template: y}\n"}
        return "".join(text for key, text in missing.items() if key not in parsed) + block.text
    return f"name: x\nbase:\n  kickstart:\n{block.text}"


@pytest.mark.parametrize("page", PAGES_WITH_RECIPES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_recipes_pass(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is loaded beside the files that it names, with its secrets set."""
    shutil.copytree(PROJECT / "kickstart", tmp_path / "kickstart")
    folder = tmp_path / "recipes"
    for block in fenced(page, "yaml"):
        for name in re.findall(r"\benv: (\w+)", block.text):
            monkeypatch.setenv(name, "secret")
        for name in re.findall(r"[\w./-]+\.(?:iso|qcow2)\b|\bfiles/[\w./-]+|\bkey\.pub", block.text):
            if "//" not in name:
                make_file(folder / name)
        recipe = folder / "recipe.yaml"
        recipe.parent.mkdir(exist_ok=True)
        recipe.write_text(whole(block))
        load(recipe)


def make_file(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".iso":
        file.write_bytes(bytes(0x8001) + b"CD001")
    elif file.name.endswith(".tar.gz"):
        with tarfile.open(file, "w:gz") as tar:
            tar.add(__file__, "file")
    elif file.name == "site":
        file.mkdir()
    else:
        file.write_text(CONTENTS.get(file.suffix, PGP))


@functools.cache
def said() -> str:
    """All texts of the package, with a NUL where a value is put in."""
    return "\n".join(texts_of_the_package())


def texts_of_the_package() -> Iterator[str]:
    for file in Path(builder.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def quoted() -> list[Any]:
    """Messages that the page on troubleshooting quotes; what is in capitals or quotes is a value, or a place before."""
    blocks = [block.text.strip() for block in fenced(PROJECT / "docs/troubleshooting.md", "text")]
    return [pytest.param(text, id=text[:40]) for text in blocks]


@pytest.mark.parametrize("message", quoted())
def test_quoted_messages_are_real(message: str) -> None:
    parts = (part.strip() for part in VALUE.split(re.sub(r"^\S+:\d+:\d+: ", "", message)))
    missing = [part for part in parts if part.strip(" :;?") and part not in said()]
    assert not missing, "golden does not print this any more; bring docs/troubleshooting.md up to date"


PATH = re.compile(r"`((?:builder|tests|recipes|kickstart|docs|\.setup)/[\w./-]*)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_paths_of_this_repository_exist(page: Path) -> None:
    found = [path for _, line in prose(page) for path in PATH.findall(line) if "NAME" not in path]
    assert not [path for path in found if not (PROJECT / path).exists()]


def test_every_variable_is_described() -> None:
    used = set(re.findall(r"\bGOLDEN_[A-Z_]+\b", said())) - {"GOLDEN_LAUNCH"}
    described = (PROJECT / "docs/reference/environment.md").read_text()
    assert used
    assert not [name for name in used if f"`{name}`" not in described]


def test_every_metric_is_described() -> None:
    metrics = set(re.findall(r"^golden_[a-z_]+$", said(), re.MULTILINE))
    described = (PROJECT / "docs/how-to/nightly.md").read_text()
    assert len(metrics) > 5
    assert not [name for name in metrics if f"`{name}`" not in described]


def test_everything_in_the_output_folder_is_described() -> None:
    drawn = [line.split()[1] for line in (Output.__doc__ or "").splitlines() if re.match(r"\s*[├└]", line)]
    described = (PROJECT / "docs/reference/output-folder.md").read_text()
    assert len(drawn) > 15
    missing = [path for path in drawn if not path.startswith("templates/.") and tail(path) not in described]
    assert not missing


def tail(path: str) -> str:
    """A path without what differs from entry to entry."""
    return re.sub(r"/(?:KEY|SHA256|GUEST|VERSION).*", "/", path)
