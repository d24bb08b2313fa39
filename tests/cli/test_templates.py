"""`golden list` and `golden show` on a fabricated store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from builder.cli import app
from builder.paths import Output
from builder.sizes import format_size
from builder.store import Store, Verification, verification
from builder.store.verification import CheckResult
from tests.conftest import Golden
from tests.store.manifests import make_manifest

OLD, NEW = "20261122.1-00000000", "20261123.1-ab12cd34"


def run(at: Output, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--output", str(at.root)])


@pytest.fixture
def place(tmp_path: Path) -> Output:
    """Two versions of one template and one of another; a build that died left something too."""
    place = Output(tmp_path / "output")
    store = Store(place.templates)
    for template, version in (("web", OLD), ("web", NEW), ("db", OLD)):
        staged = tmp_path / "staged"
        staged.mkdir()
        (staged / "disk.qcow2").write_text("a disk")
        (staged / "manifest.json").write_text(json.dumps(make_manifest(template, version)))
        store.admit(staged, template, version)
    for channel, version in (("latest", NEW), ("stable", OLD), ("tested", OLD)):
        store.point("web", channel, version)
    store.point("db", "latest", OLD)
    (place.templates / "web/20261124.1-12345678").mkdir()
    (place.templates / "web/.latest.1").symlink_to(NEW)
    return place


def test_list(place: Output) -> None:
    done = run(place, "list")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == (
        f"db               {OLD}      300.0 MiB  2026-11-23T10:11 <- latest\n"
        f"web              {OLD}      300.0 MiB  2026-11-23T10:11 <- stable, tested\n"
        f"web              {NEW}      300.0 MiB  2026-11-23T10:11 <- latest\n"
    )


def test_list_json(place: Output) -> None:
    done = run(place, "list", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert [(row["template"], row["version"], row["channels"]) for row in rows] == [
        ("db", OLD, ["latest"]),
        ("web", OLD, ["stable", "tested"]),
        ("web", NEW, ["latest"]),
    ]
    assert rows[2] == {
        "template": "web",
        "version": NEW,
        "channels": ["latest"],
        "created": "2026-11-23T10:11:12+00:00",
        "format": "qcow2",
        "size": 4 << 30,
        "bytes": 300 << 20,
        "verification": None,
        "path": f"{place.templates}/web/{NEW}",
    }


def test_an_empty_store(tmp_path: Path) -> None:
    empty = Output(tmp_path / "none")
    done = run(empty, "list")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "no templates yet; build one with `golden build RECIPE`\n"
    done = run(empty, "list", "--json")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "[]\n", "")


def test_show(place: Output) -> None:
    done = run(place, "show", "web@stable")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == (
        "template  web  a web server\n"
        f"version   {OLD} (stable, tested)\n"
        f"path      {place.templates}/web/{OLD}\n"
        "created   2026-11-23T10:11:12+00:00 by golden 0.1.0 from web.yaml\n"
        "guest     debian 12.5 (x86_64)\n"
        "disk      qcow2, 4.0 GiB, 300.0 MiB used, sha256 abababababababab…\n"
        "packages  2\n"
        "audit     3 of 3 checks passed\n"
        "actions\n"
        "  cached     0.0 s  bootstrap debian bookworm\n"
        "  ran        1.2 s  timezone UTC\n"
    )


def test_show_the_parent(place: Output, tmp_path: Path) -> None:
    (tmp_path / "staged").mkdir()
    parent = {"template": "web", "version": OLD, "digest": "ab" * 32}
    manifest = make_manifest("shop", NEW, parent=parent)
    (tmp_path / "staged/manifest.json").write_text(json.dumps(manifest))
    Store(place.templates).admit(tmp_path / "staged", "shop", NEW)
    assert f"\nparent    web:{OLD}, sha256 abababababababab…\n" in run(place, "show", f"shop:{NEW}").stdout
    assert json.loads(run(place, "show", f"shop:{NEW}", "--json").stdout)["parent"] == parent


def test_what_was_verified(place: Output) -> None:
    for version, ok in ((OLD, True), (NEW, False)):
        checks = (
            CheckResult(name="login", ok=True, message="login prompt after 20 s"),
            CheckResult(name="units", ok=ok, message="failed units: x.service"),
        )
        found = Verification(when="2026-11-24T01:02:03+00:00", seconds=25, accelerator="kvm", checks=checks)
        verification.keep(Store(place.templates).find(f"web:{version}").verification_folder, found, [b"", b""])
    assert run(place, "list").stdout == (
        f"db               {OLD}      300.0 MiB  2026-11-23T10:11 <- latest\n"
        f"web              {OLD}      300.0 MiB  2026-11-23T10:11  verified <- stable, tested\n"
        f"web              {NEW}      300.0 MiB  2026-11-23T10:11  failed <- latest\n"
    )
    rows = json.loads(run(place, "list", "--json").stdout)
    assert [row["verification"] for row in rows] == [None, "verified", "failed"]
    assert (
        "\nverified  verified at 2026-11-24T01:02:03+00:00: 2 of 2 checks passed\n"
        in run(place, "show", "web@stable").stdout
    )
    assert (
        "\nverified  failed at 2026-11-24T01:02:03+00:00: 1 of 2 checks passed; failed: units\n"
        in run(place, "show", "web").stdout
    )
    shown = json.loads(run(place, "show", "web", "--json").stdout)["verification"]
    assert (shown["passed"], shown["checks"][1]["message"]) == (False, "failed units: x.service")


def test_show_json(place: Output) -> None:
    done = run(place, "show", f"web:{NEW}", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout) == make_manifest("web", NEW) | {
        "path": f"{place.templates}/web/{NEW}",
        "verification": None,
    }


def test_show_what_is_not_there(golden: Golden, place: Output) -> None:
    for reference, said in (
        ("wep", 'no such template: wep; did you mean "web"?\nhint: choose one of: db, web\n'),
        ("db:1", f"db has no version 1\nhint: choose one of the newest versions: {OLD}\n"),
        ("db@stable", "no such version or channel: db@stable\nhint: choose one of the channels of db: latest\n"),
    ):
        done = golden("show", reference, at=place)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {said}")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"template": "w', "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        (json.dumps(make_manifest("web", NEW, disk={"size": "large"})), "is damaged\n  disk.file: Field required\n"),
        (json.dumps(make_manifest("web", NEW, actions=[5])), "is damaged\n  actions.0: "),
    ],
)
def test_a_damaged_version(golden: Golden, place: Output, content: str, said: str) -> None:
    damaged = place.templates / "web" / NEW / "manifest.json"
    damaged.chmod(0o644)
    damaged.write_text(content)
    expected = f"{damaged}: the manifest of web:{NEW} {said}"
    done = golden("show", "web", at=place)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"error: {expected}")
    # The others are listed all the same.
    done = golden("list", at=place)
    assert (done.returncode, [line.split()[1] for line in done.stdout.splitlines()]) == (0, [OLD, OLD])
    assert done.stderr.startswith(f"warning: {expected}")
    done = golden("list", "--json", at=place)
    assert (done.returncode, [row["version"] for row in json.loads(done.stdout)]) == (0, [OLD, OLD])
    assert done.stderr.startswith(f"warning: {expected}")


def test_a_store_of_damaged_versions_is_not_empty(place: Output) -> None:
    for manifest in place.templates.glob("*/*/manifest.json"):
        manifest.chmod(0o644)
        manifest.write_text("{}")
    done = run(place, "list")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.count("is damaged\n  summary: Field required\n") == 3
    assert "no templates yet" not in done.stderr


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1 << 10, "1 KiB"),
        (1 << 20, "1.0 MiB"),
        (1_610_612_736, "1.5 GiB"),
        (3 << 40, "3.0 TiB"),
        (5000 << 40, "5000.0 TiB"),
    ],
)
def test_size(count: int, text: str) -> None:
    assert format_size(count) == text
