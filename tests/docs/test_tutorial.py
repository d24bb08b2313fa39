"""The tutorial's commands, run in order as they stand."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from builder.paths import Output
from tests.conftest import GOLDEN
from tests.docs.pages import PROJECT, fenced


@pytest.mark.slow
def test_the_tutorial(fresh: Output, tmp_path: Path) -> None:
    """Its base is the one that all tests share: the same packages, in a disk of the same size."""
    home = tmp_path / "golden"
    (home / ".venv").mkdir(parents=True)
    (home / ".venv/bin").symlink_to(GOLDEN.parent)
    blocks = [block.text for block in fenced(PROJECT / "docs/tutorial.md", "sh")]
    bases = sorted(fresh.bases.iterdir())
    environment = {name: value for name, value in os.environ.items() if name != "LIBVIRT_DEFAULT_URI"}
    done = subprocess.run(
        ["bash", "-eux", "-o", "pipefail", "-c", "\n".join(blocks)],
        cwd=home,
        env={**environment, "GOLDEN_OUTPUT": str(fresh.root)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(fresh.bases.iterdir()) == bases, "the tutorial's recipe has a base of its own, which takes minutes"
    said = done.stdout.splitlines()
    assert "web.yaml: ok" in said
    assert "Welcome." in said
    assert "  ~ /etc/motd  content" in said
    assert {"node1", "node2", "node3"} <= {line.split()[0] for line in said if line.startswith("node")}
    assert not (tmp_path / "golden-tutorial").exists()
