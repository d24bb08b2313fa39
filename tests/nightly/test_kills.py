"""kill -9 at random moments of real nightly runs that build, promote and prune: the store stays intact."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from builder import digest
from builder.appliance.scratch import scratch_folder
from builder.nightly.folder import NightlyFolder
from builder.paths import Output
from builder.store import Store
from tests.conftest import GOLDEN, PROJECT, Golden
from tests.guests.small import make_small
from tests.pipeline.builds import SMALL, wait_until_gone, write_recipe
from tests.prune.places import domain, overlay, written

pytestmark = pytest.mark.slow

KILLS = 10
BASES = {"base": SMALL, "app": " {template: base}\n", "other": SMALL}

NIGHT = ("--no-verify", "--promote-to", "stable", "--prune", "--keep-last", "1", "--jobs", "2", "--json")


@dataclass
class Site:
    """Three recipes, one based on another, and the output folder of their nightly runs."""

    recipes: Path
    output: Output
    scratch: Path
    env: dict[str, str]

    @property
    def store(self) -> Store:
        return Store(self.output.templates)

    def edit(self, text: str) -> None:
        for name in BASES:
            write_recipe(self.recipes, name, f"write: {{path: /etc/motd, content: {text}}}", base=BASES[name])

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(GOLDEN), "nightly", "run", str(self.recipes), *NIGHT],
            env={**os.environ, **self.env},
            cwd=PROJECT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def calm(self) -> dict[str, list[str]]:
        """A complete run; returns the versions that it pruned, by template."""
        night = self.start()
        said, talk = night.communicate()
        assert night.returncode == 0, talk
        found: dict[str, list[str]] = {name: [] for name in BASES}
        for each in json.loads(said)["pruned"]["versions"]:
            template, _, version = each.partition(":")
            found[template].append(version)
        return found

    def killed_after(self, seconds: float) -> bool:
        """Kill the run; whether it was still running. Returns once none of its processes runs."""
        night = self.start()
        time.sleep(seconds)
        night.kill()
        night.communicate()
        wait_until_gone("qemu-system", str(self.scratch))
        wait_until_gone(str(GOLDEN), str(self.recipes))
        wait_until_gone("qemu-img", str(self.output.root))
        return night.returncode == -signal.SIGKILL

    def require_whole(self) -> None:
        """Fail unless each channel points to a version, all versions are complete, and no run holds the lock."""
        for name in BASES:
            versions = {version.name: version for version in self.store.versions(name)}
            channels = self.store.channels(name)
            assert "latest" in channels
            assert set(channels.values()) <= set(versions), f"a channel of {name} points to nothing"
            for version in versions.values():
                assert digest.of_file(version.disk) == version.manifest.disk.sha256
            moves = self.store.history(name)
            assert {move.channel: move.to for move in moves} == channels
        with NightlyFolder(self.output.nightly).held():
            pass


@pytest.fixture
def site(bare: Output, tmp_path: Path) -> Iterator[Site]:
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    make_small(recipes / "small.qcow2")
    with scratch_folder() as scratch:
        env = {
            "GOLDEN_OUTPUT": str(bare.root),
            "TMPDIR": str(scratch),
            "LIBGUESTFS_CACHEDIR": "/var/tmp",  # its own appliance is where it always is
            "LIBVIRT_DEFAULT_URI": written(tmp_path),
        }
        yield Site(recipes, bare, scratch, env)


@pytest.mark.parametrize("seed", [6, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(100, 112))])
def test_ten_kills(site: Site, golden: Golden, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    site.edit("first")
    site.calm()
    used = site.store.find("base")
    node = overlay(tmp_path / "node.qcow2", used.disk)
    site.env["LIBVIRT_DEFAULT_URI"] = written(tmp_path, domain("node", node))
    site.edit("second")
    begun = time.monotonic()
    assert used.name not in site.calm()["base"]
    whole = time.monotonic() - begun

    killed = nights = 0
    while killed < KILLS:
        site.edit(f"text-{nights}")
        moment = chance.uniform(0.1, whole)
        if site.killed_after(moment):
            killed += 1
        else:
            whole = moment  # by which it was over: the machine has less to do than before
        site.require_whole()
        nights += 1
        assert nights < 2 * KILLS, "they end before they are killed"
    print(f"{killed} of {nights} nights were killed before their end, within {whole:.1f} s")

    site.edit("last")
    site.calm()
    site.require_whole()
    for name in BASES:
        channels = site.store.channels(name)
        assert channels["latest"] == channels["stable"]
        expected = {channels["latest"]} | ({used.name} if name == "base" else set())
        assert {version.name for version in site.store.versions(name)} == expected
        assert [path.name for path in (site.output.templates / name).iterdir() if path.name.startswith(".")] == []
    assert not [path.name for path in site.output.nightly.glob(".*") if path.name != ".lock"]
    assert [path for path in site.output.work.iterdir() if path.is_dir()] == []
    listed = golden("list", at=site.output)
    assert (listed.returncode, listed.stderr) == (0, "")
