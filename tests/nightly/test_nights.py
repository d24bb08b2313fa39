"""Three real nightly runs of ten recipes and a repository."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from builder.appliance.scratch import scratch_folder
from builder.paths import Output
from builder.store import Store
from tests.conftest import Golden
from tests.guests.debs import Signer, deb_medium
from tests.guests.small import make_small
from tests.pipeline.builds import SMALL, write_recipe
from tests.servers import http_server

pytestmark = pytest.mark.slow

USERS = {"shop", "wiki"}
OTHERS = {f"plain{number}" for number in range(8)}


def test_three_nights(golden: Golden, apart: Output, tmp_path: Path) -> None:
    recipes, served = tmp_path / "recipes", tmp_path / "served"
    recipes.mkdir()

    def night() -> tuple[dict[str, Any], dict[str, Any]]:
        done = golden("nightly", "run", recipes, "--no-verify", "--json", at=apart)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        return told, {image["template"]: image for image in told["images"]}

    def states(images: dict[str, Any], state: str) -> set[str]:
        return {name for name, image in images.items() if image["state"] == state}

    with scratch_folder() as scratch, (signer := Signer(scratch, "Upstream <upstream@debian.test>")):
        (recipes / "upstream.asc").write_text(signer.public_key)
        for number in ("1.0", "2.0"):
            (tmp_path / number).mkdir()
            deb_medium(tmp_path / number, signer, number)
    shutil.copytree(tmp_path / "1.0/medium", served)
    with http_server(served) as server:
        for name in USERS:
            write_recipe(
                recipes,
                name,
                "write: {path: /etc/apt/sources.list, content: '# none'}",
                f"repo: {{id: upstream, uri: '{server.url}', suite: stable, key: upstream.asc}}",
                "install: [on-the-medium]",
                "timezone: Europe/London",
            )
        make_small(recipes / "small.qcow2")
        for name in OTHERS:
            write_recipe(recipes, name, f"write: {{path: /etc/motd, content: {name}}}", base=SMALL)

        _, first = night()
        assert states(first, "rebuilt") == USERS | OTHERS

        begun = time.monotonic()
        told, second = night()
        took = time.monotonic() - begun
        print(f"ten unchanged recipes: {told['seconds']:.2f} s, the whole command {took:.2f} s")
        assert states(second, "unchanged") == USERS | OTHERS
        assert took < 10

        shutil.rmtree(served)
        shutil.copytree(tmp_path / "2.0/medium", served)
        # Both were made within a second, which is all that this server tells apart.
        later = time.time() + 60
        os.utime(served / "dists/stable/InRelease", (later, later))
        _, third = night()
    assert states(third, "rebuilt") == USERS
    assert states(third, "unchanged") == OTHERS
    shop = third["shop"]
    assert (shop["before"], shop["after"]) == (first["shop"]["after"], latest(apart, "shop"))
    assert [moved["url"] for moved in shop["moved"]] == [f"{server.url}/dists/stable/InRelease"]
    assert [(each["name"], each["before"], each["after"]) for each in shop["packages"]] == [
        ("on-the-medium", "1.0", "2.0")
    ]
    cached = [action["title"] for action in shop["actions"] if action["status"] == "cached"]
    assert cached == [action["title"] for action in shop["actions"]][: len(cached)]
    assert cached[-1] == "write /etc/apt/sources.list", "only the steps that use the repository are rebuilt"
    for name in ("report.txt", "report.html"):
        page = (apart.nightly / name).read_text()
        assert "on-the-medium" in page
        assert "InRelease changed" in page
    assert " ~ on-the-medium 1.0 -> 2.0\n" in (apart.nightly / "report.txt").read_text()


def latest(output: Output, name: str) -> str:
    version = Store(output.templates).find_channel(name)
    assert version
    return version.name
