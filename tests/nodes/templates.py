"""Templates without an operating system, for tests that boot nothing."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from builder import digest, files, process
from builder.domains.template import render_domain_template
from builder.guest.info import GuestInfo
from builder.paths import Output
from builder.recipe import load
from builder.store import Store, Version
from tests.store.manifests import make_manifest

GUEST = GuestInfo("debian", 12, 5, "x86_64", "apt", "Debian GNU/Linux 12", {"/": "DISK1"})


def fabricate(
    output: Output, name: str = "tiny", source: Path | None = None, *, release: bool = True, **changes: Any
) -> Version:
    """Admit a version with an empty disk of 64 MiB, or with a copy of `source` (format by suffix: qcow2 or raw).

    With `release`, `latest` moves to it. `changes` override values of its manifest.
    """
    output.root.mkdir(parents=True, exist_ok=True)
    staged, format = Path(tempfile.mkdtemp(prefix="staged-", dir=output.root)), source.suffix[1:] if source else "qcow2"
    staged.chmod(0o755)
    disk = staged / f"disk.{format}"
    if source:
        shutil.copyfile(source, disk)
    else:
        process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "64M"])
    sha256 = digest.of_file(disk)
    store = Store(output.templates)
    version = store.next_name(name, date(2026, 11, 23), sha256)
    files.write(staged / "domain.xml.j2", template_text(name, version, sha256))
    about = {"file": disk.name, "format": format, "sha256": sha256, "size": 64 << 20, "bytes": 200 << 10}
    manifest = make_manifest(name, version, **{"disk": about, "guest": GUEST.to_json(), **changes})
    files.write_json(staged / "manifest.json", manifest)
    admitted = store.admit(staged, name, version)
    if release:
        store.point(name, "latest", version)
    return admitted


def template_text(name: str, version: str, sha256: str) -> str:
    """The domain.xml.j2 of a version, as publishing writes it."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder, "recipe.yaml")
        recipe.write_text(f"name: {name}\nbase: {{bootstrap: {{distribution: debian, release: bookworm}}}}\n")
        return render_domain_template(load(recipe), GUEST, version, sha256)
