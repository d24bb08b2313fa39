"""A template whose nodes print their identity on their console."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DEBIAN, Golden

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsHtCZ4o3wPe5i2z9+bnSEJeAlm3EyWGvQIv1SMeMYS me@here"

PROBE = """\
  - write:
      path: /usr/lib/who
      content: |
        {
        echo
        echo "who machine-id $(cat /etc/machine-id)"
        echo "who hostname $(hostname)"
        for key in /etc/ssh/ssh_host_*_key.pub; do echo "who key $(sha256sum <$key)"; done
        echo "who root $(findmnt -bno SIZE /)"
        echo "who disks $(lsblk -dno NAME,SIZE | tr -s ' \\n' ' ')"
        echo "who nics $(ls /sys/class/net | tr '\\n' ' ')"
        echo "who address $(ip -4 -o address show eth0 | tr -s ' ')"
        echo "who keys $(cut -d' ' -f3 /root/.ssh/authorized_keys 2>/dev/null | tr '\\n' ' ')"
        echo "who state $(systemctl is-system-running --wait)"
        echo "who failed $(systemctl list-units --failed --plain --no-legend | cut -d' ' -f1 | tr '\\n' ' ')"
        echo who done
        } >/run/who  # a getty closes the terminal for other processes
        cat /run/who >/dev/ttyS0
  - write:
      path: /etc/systemd/system/who.service
      content: |
        [Unit]
        After=multi-user.target
        [Service]
        ExecStart=/bin/sh /usr/lib/who
        [Install]
        WantedBy=multi-user.target
  - service: {enable: [who.service]}
"""


@pytest.fixture(scope="session")
def probe(golden: Golden, built: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The template `who`: the shipped Debian recipe with the probe as its last steps."""
    return build_probe(golden, tmp_path_factory.mktemp("who"), "who")


@pytest.fixture(scope="session")
def raw_probe(golden: Golden, probe: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same disk, published raw."""
    return build_probe(golden, tmp_path_factory.mktemp("raw"), f"{probe}-raw", "raw")


def build_probe(golden: Golden, folder: Path, name: str, format: str = "qcow2") -> str:
    text = DEBIAN.read_text().replace("name: debian-12", f"name: {name}").replace("\nvars:", f"\n{PROBE}\nvars:")
    assert "publish: {format: qcow2," in text
    recipe = folder / f"{name}.yaml"
    recipe.write_text(text.replace("format: qcow2", f"format: {format}").replace("files/", f"{DEBIAN.parent}/files/"))
    done = golden("build", recipe, "--json")
    assert done.returncode == 0, done.stderr
    return name


def clone(golden: Golden, *arguments: str) -> dict[str, Any]:
    """`golden clone … --json`, which must succeed."""
    done = golden("clone", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result
