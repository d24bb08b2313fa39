"""Recipes for nodes that boot by UEFI: from the bootstrap to a node that OVMF boots, and cloud-init tells who it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from builder import process
from builder.paths import Output
from tests.conftest import Golden
from tests.hypervisors import Console, Place
from tests.nodes.conftest import KEY, PROBE

pytestmark = pytest.mark.slow

RECIPE = """\
name: uefi
firmware: uefi
base: {bootstrap: {distribution: debian, release: bookworm, packages: [cloud-guest-utils, cloud-init, openssh-server]}}
size: 3G
steps:
  - fstab: device-names
  - kernel-args: {add: [net.ifnames=0], remove: [quiet]}
  - serial-console: ttyS0
  - growpart: /
"""

ESP = """\
        echo "who efi $(test -d /sys/firmware/efi && echo yes)"
        echo "who mounts $({ findmnt -no SOURCE /; findmnt -no SOURCE /boot/efi; } | tr '\\n' ' ')"
        echo who done
"""

USER_DATA = """\
#cloud-config
locale: false  # there is no locale-gen here, without which cloud-init's unit fails
runcmd: [sync, 'echo cloud was here on $(hostname) >/dev/ttyS0']
"""


def test_a_node_boots_by_uefi_and_reads_its_seed(golden: Golden, place: Place, tmp_path: Path) -> None:
    recipe = tmp_path / "uefi.yaml"
    recipe.write_text(RECIPE + PROBE.replace("        echo who done\n", ESP))
    done = golden("build", recipe, "--json")
    assert done.returncode == 0, done.stderr
    built = json.loads(done.stdout)
    assert built["audit"]["failed"] == 0
    manifest = json.loads((Path(built["path"]) / "manifest.json").read_text())
    assert manifest["guest"]["mounts"] == {"/": "DISK1", "/boot/efi": "DISK15"}

    before = place.state()
    (tmp_path / "user-data").write_text(USER_DATA)
    own = ("--disk-size", "6G", "--memory", "512M", "--user-data", str(tmp_path / "user-data"), "--ssh-key", KEY)
    done = golden("clone", "uefi", "efi1", *place.options, *own, "--json")
    assert done.returncode == 0, done.stderr
    (domain,) = place.domains()
    variables = domain.trees()[-1].findtext("os/nvram")  # libvirt chooses it when the node starts
    assert variables is not None
    assert Path(variables).exists()
    console = Console(place.hypervisor, "efi1")
    console.wait_for("who done", "efi1 login:", "cloud was here on efi1", timeout=500)
    said = dict(re.findall(r"^who (\S+) ?(.*?)\s*$", console.text, re.MULTILINE))
    assert (said["failed"], said["state"]) == ("", "running")
    assert (said["efi"], said["hostname"]) == ("yes", "efi1")
    assert said["mounts"].split() == ["/dev/vda1", "/dev/vda15"]
    assert int(said["root"]) > 5.5 * (1 << 30), "root has not grown to --disk-size"

    keys = golden("cat", "efi1", "/root/.ssh/authorized_keys", "--connect", place.hypervisor.uri)
    assert KEY in keys.stdout

    removed = golden("node", "remove", "efi1", "--yes", "--connect", place.hypervisor.uri)
    assert removed.returncode == 0, removed.stderr
    assert place.state() == before
    assert not Path(variables).exists()


def test_an_image_without_an_esp_is_refused(golden: Golden, fresh: Output, tmp_path: Path) -> None:
    image = tmp_path / "disk.raw"
    image.write_bytes(bytes(64 << 20))
    process.run(["sh", "-c", f"printf 'label: dos\\n2048,,L\\n' | sfdisk --quiet {image}"])
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: web\nfirmware: uefi\nbase: {image: disk.raw}\n")
    done = golden("build", recipe, at=fresh)
    assert done.returncode == 2
    assert "the base has no EFI system partition" in done.stderr
    assert "recipe.yaml:3:7" in done.stderr
    assert not list(fresh.bases.glob("*.part*"))
    assert not fresh.templates.exists() or not list(fresh.templates.iterdir())
