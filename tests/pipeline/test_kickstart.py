"""The whole way from an install tree behind FTP to a clone that boots, with an installer of the tests' own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from builder.appliance.appliance import Appliance
from builder.guest.info import GuestInfo
from builder.installer.order import GATEWAY
from builder.paths import Output
from tests.conftest import Golden, share
from tests.installer.tree import debian_root, make_tree
from tests.machine import Machine
from tests.mounting import overlay_on, throw_away
from tests.servers import ftp_server

pytestmark = pytest.mark.slow

SECRET = "correct-horse"

KICKSTART = """\
#version=RHEL9
url --url={{ tree }}
text
rootpw --plaintext {{ secrets.root_password }}
clearpart --all --drives={{ disk }}
part / --size=1024 --grow
poweroff
%packages
@core
%end
"""

RECIPE = """\
name: installed
base:
  kickstart:
    file: x.ks.j2
    tree: TREE
    secrets: {root_password: {env: ROOT_PASSWORD}}
size: 3G
steps:
  - serial-console: ttyS0
  - write: {path: /etc/motd, content: "installed from a tree\\n"}
"""


@dataclass
class Site:
    """A recipe in a folder of its own, the tree that it names, and where it is built."""

    recipe: Path
    tree: Path
    output: Output


@pytest.fixture(scope="module")
def site(
    output: Output,
    appliance: Appliance,
    debian_base: tuple[Path, GuestInfo],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    root = debian_root(appliance, debian_base[0], folder / "root.tar")
    tree = make_tree(folder / "tree", root)
    root.unlink()
    with ftp_server(tree, GATEWAY) as url:
        recipe, kickstart = folder / "installed.yaml", folder / "x.ks.j2"
        kickstart.write_text(KICKSTART)
        # This host reaches it at its loopback address, which is another one for the installer.
        recipe.write_text(RECIPE.replace("TREE", url.replace(GATEWAY, "127.0.0.1")))
        yield Site(recipe, tree, share(output, Output(folder / "output")))


@pytest.fixture(scope="module")
def installed(site: Site, golden: Golden) -> tuple[dict[str, Any], str]:
    """What the first build printed on stdout, and said on stderr."""
    done = golden("build", site.recipe, "--json", at=site.output, env={"ROOT_PASSWORD": SECRET})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_it_installs_customizes_and_publishes(
    site: Site, installed: tuple[dict[str, Any], str], appliance: Appliance, tmp_path: Path
) -> None:
    result, said = installed
    assert result["changed"] is True
    assert [action["status"] for action in result["actions"]] == ["ran"] * len(result["actions"])
    assert result["audit"]["failed"] == 0
    log = (Path(result["path"]) / "build.log").read_text()
    for stage in ("Starting automated install", "Starting package installation process", "Installation complete"):
        assert stage in said, "the installer's stages are shown"
        assert stage in log
    with throw_away(appliance, (Path(result["path"]) / "disk.qcow2", INFO), tmp_path) as guest:
        assert guest.read("/etc/motd") == "installed from a tree\n"
        assert not guest.exists("/root/anaconda-ks.cfg"), "the seal removes what an installer leaves"
    assert list(site.output.work.glob("*/*")) == []


def test_its_secret_is_nowhere_in_what_stays(site: Site, installed: tuple[dict[str, Any], str]) -> None:
    result, said = installed
    assert SECRET not in said + json.dumps(result)
    kept = [path for path in site.output.root.rglob("*") if path.is_file() and path.suffix in (".json", ".log", ".j2")]
    assert len(kept) > 3
    assert [path for path in kept if SECRET in path.read_text()] == []


def test_a_second_build_does_not_install(site: Site, installed: tuple[dict[str, Any], str], golden: Golden) -> None:
    done = golden("build", site.recipe, "--json", at=site.output, env={"ROOT_PASSWORD": SECRET})
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    assert (again["changed"], again["version"]) == (False, installed[0]["version"])
    assert {action["status"] for action in again["actions"]} == {"cached"}
    assert again["seconds"] < installed[0]["seconds"] / 5
    assert "Starting automated install" not in done.stderr


@pytest.mark.parametrize("change", ["line", "secret", "size"])
def test_what_makes_it_install_again(
    site: Site, installed: tuple[dict[str, Any], str], golden: Golden, tmp_path: Path, change: str
) -> None:
    kickstart, recipe = KICKSTART, site.recipe.read_text()
    if change == "line":
        kickstart = KICKSTART.replace("%packages", "lang en_GB.UTF-8\n%packages")
    if change == "size":
        recipe = recipe.replace("3G", "4G")
    (tmp_path / "x.ks.j2").write_text(kickstart)
    (tmp_path / "installed.yaml").write_text(recipe)
    secret = "another" if change == "secret" else SECRET
    done = golden("plan", tmp_path / "installed.yaml", "--json", at=site.output, env={"ROOT_PASSWORD": secret})
    assert done.returncode == 0, done.stderr
    base = json.loads(done.stdout)["actions"][0]
    assert (base["step"], base["status"], base["reason"]) == ("base", "run", "its options changed")


def test_the_clone_boots(installed: tuple[dict[str, Any], str], tmp_path: Path) -> None:
    disk = Path(installed[0]["path"]) / "disk.qcow2"
    node = overlay_on(disk, tmp_path / "node.qcow2", 3 << 30)
    with Machine(node, tmp_path / "console") as machine:
        machine.wait_for("localhost login:")


def test_a_folder_that_lost_a_file_fails_and_leaves_nothing(site: Site, golden: Golden, tmp_path: Path) -> None:
    (site.tree / "root.tar").unlink()
    (tmp_path / "x.ks.j2").write_text(KICKSTART)
    (tmp_path / "installed.yaml").write_text(RECIPE.replace("TREE", str(site.tree)))
    before = sorted(site.output.bases.iterdir())
    done = golden("build", tmp_path / "installed.yaml", at=site.output, env={"ROOT_PASSWORD": SECRET})
    assert done.returncode == 4, done.stderr
    # It is served for the time of the install, and what is missing is the file alone.
    assert "Failed to fetch http://10.0.2.2:" in done.stderr
    assert "404" in done.stderr
    assert f"{tmp_path}/installed.yaml:3:" in done.stderr
    assert sorted(site.output.bases.iterdir()) == before
    assert list(site.output.work.glob("*/*")) == []


INFO = GuestInfo("debian", 12, 0, "x86_64", "apt", "Debian 12", {"/": "DISK1"})
