"""How long it takes to find out which of 1,000 versions may go, with 1,000 domains of which some stand on them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

from builder.nodes.identity.names import base_volume_name
from builder.paths import Output
from builder.prune.plan import RetentionPolicy, plan_prune
from builder.prune.scan import scan
from builder.store import Store
from tests.prune.places import domain, hypervisor
from tests.store.manifests import make_manifest

TEMPLATES, EACH = 20, 50
DOMAINS = 1000
PACKAGES = 300


def measure(folder: Path) -> list[str]:
    """The lines of the report; `folder` is made. The hypervisor is libvirt's test driver, in this process."""
    print("looking for versions to prune …", flush=True)
    folder.mkdir(exist_ok=True)
    output = Output(folder / "many")
    fabricate(output)
    with hypervisor(folder, *domains(output, folder / "pool")) as found:
        begun = time.monotonic()
        libvirt = [tree for each in found.domains() for tree in (*each.trees(), *each.snapshot_trees())]
        asked = time.monotonic() - begun
        begun = time.monotonic()
        graph, _ = scan(output, [found])
        scanned = time.monotonic() - begun
    begun = time.monotonic()
    plan = plan_prune(graph, RetentionPolicy(), datetime.now(UTC))
    planned = time.monotonic() - begun
    what = f"{len(plan.decisions)} versions, {DOMAINS} domains"
    assert len(libvirt) >= DOMAINS
    return [
        f"{what}; {len(plan.removed)} versions may go (aim 2 s, without libvirt's part)",
        f"prune, planning            {planned:8.2f} s",
        f"prune, looking             {scanned:8.2f} s   of which libvirt's descriptions {asked:.2f} s",
    ]


def fabricate(output: Output) -> None:
    """Versions whose manifests are as long as real ones; each third template is the child of the one before."""
    packages = [{"name": f"package-{number}", "version": "1.2.3-4", "arch": "amd64"} for number in range(PACKAGES)]
    for template in range(TEMPLATES):
        name = f"web{template}"
        for number in range(1, EACH + 1):
            version = f"20261101.{number}-00000000"
            place = output.templates / name / version
            place.mkdir(parents=True)
            parent = {"template": f"web{template - 1}", "version": version, "digest": ""} if template % 3 == 2 else None
            manifest = make_manifest(name, version, packages=packages, parent=parent)
            (place / "manifest.json").write_text(json.dumps(manifest))
        Store(output.templates).point(name, "latest", version)


def domains(output: Output, pool: Path) -> list[str]:
    """Nodes, each on an overlay over another one, over the base of a version."""
    pool.mkdir()
    found = []
    for number in range(DOMAINS):
        template, version = f"web{number % TEMPLATES}", f"20261101.{number % 7 + 1}-00000000"
        base = pool / base_volume_name(template, version, "qcow2")
        if not base.exists():
            base.write_bytes(header(None))
        (pool / f"{number}-0.qcow2").write_bytes(header(base))
        (pool / f"{number}.qcow2").write_bytes(header(pool / f"{number}-0.qcow2"))
        made = [f"{number}.qcow2"]
        found.append(domain(f"node{number}", str(pool / made[0]), node=(template, version), made=made))
    return found


def header(backing: Path | None) -> bytes:
    """The beginning of a qcow2 as far as it says on what it stands."""
    name = str(backing or "").encode()
    offset = 104 if backing else 0
    start = b"QFI\xfb" + (3).to_bytes(4, "big") + offset.to_bytes(8, "big") + len(name).to_bytes(4, "big")
    return start.ljust(104, b"\0") + name


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory(prefix="golden-bench-") as place:
        print("\n".join(measure(Path(place))))
