"""A package is updated upstream: a refresh builds what stands on it anew, and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from builder.appliance.scratch import scratch_folder
from builder.layers import LayerCache
from builder.paths import Output
from tests.conftest import Golden
from tests.guests.debs import Signer, deb_medium
from tests.pipeline.builds import write_recipe
from tests.servers import http_server

pytestmark = [pytest.mark.slow, pytest.mark.soak]  # tests/nightly/test_nights.py refreshes in every run


def test_from_the_repository_on(golden: Golden, apart: Output, tmp_path: Path) -> None:
    def run(command: str, *options: str) -> dict[str, Any]:
        done = golden(command, recipe, "--json", *options, at=apart)
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def statuses(result: dict[str, Any]) -> dict[str, str]:
        return {action["step"]: action["status"] for action in result["actions"]}

    def version(result: dict[str, Any]) -> list[str]:
        manifest = json.loads((Path(result["path"]) / "manifest.json").read_text())
        return [each["version"] for each in manifest["packages"] if each["name"] == "on-the-medium"]

    served = tmp_path / "served"
    with scratch_folder() as scratch, (signer := Signer(scratch, "Upstream <upstream@debian.test>")):
        (tmp_path / "upstream.asc").write_text(signer.public_key)
        for number in ("1.0", "2.0"):
            (tmp_path / number).mkdir()
            deb_medium(tmp_path / number, signer, number)
    shutil.copytree(tmp_path / "1.0/medium", served)
    with http_server(served) as server:
        recipe = write_recipe(
            tmp_path,
            "refreshed",
            "write: {path: /etc/apt/sources.list, content: '# none'}",
            f"repo: {{id: upstream, uri: '{server.url}', suite: stable, key: upstream.asc}}",
            "install: [on-the-medium]",
            "timezone: Europe/London",
        )
        first = run("build")
        assert (first["changed"], first["moved"], version(first)) == (True, [], ["1.0"])
        server.answered.clear()
        again = run("build", "--refresh")
        assert (again["changed"], again["version"]) == (False, first["version"])
        assert server.answered == [("/dists/stable/InRelease", 200)]
        assert not run("build", "--refresh")["changed"]

        shutil.rmtree(served)
        shutil.copytree(tmp_path / "2.0/medium", served)
        # Both were made within a second, which is all that a server's time stamps can tell.
        (served / "dists/stable/InRelease").touch()
        assert not run("build")["changed"], "nobody looked"
        told = run("plan", "--refresh")
        assert [(each["step"], each["url"]) for each in told["moved"]] == [
            ("repo", f"{server.url}/dists/stable/InRelease")
        ]
        assert told["actions"][2]["reason"] == "stable changed upstream"
        result = run("build", "--refresh")
        assert (result["changed"], version(result), result["audit"]["failed"]) == (True, ["2.0"], 0)
        assert result["moved"] == told["moved"]
        assert statuses(result) == {
            "base": "cached",
            "write": "cached",
            **dict.fromkeys(["repo", "install", "timezone", "seal", "publish"], "ran"),
        }
        for options in ([], ["--refresh"]):
            last = run("build", *options)
            assert (last["changed"], last["version"]) == (False, result["version"])
    # What the first build made is there as it was: other recipes may stand on it.
    for action in first["actions"][2:6]:
        assert LayerCache(apart.layers).disk(action["key"]).exists()
    assert version(first) == ["1.0"]
