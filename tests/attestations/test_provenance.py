"""Provenance: of what a version was made, with no path of the host and no secret."""

from __future__ import annotations

from typing import Any

import pytest

from builder.attestations.provenance import BuildFacts, provenance
from builder.attestations.recipe import without_passwords
from builder.store.manifest import parse
from tests.store.manifests import make_manifest

VERSION = "20261123.1-ab12cd34"
TIMES = ("2026-11-23T10:00:00+00:00", "2026-11-23T10:11:12+00:00")


def made(base: dict[str, Any], observed: dict[str, str | None] | None = None, **changes: Any) -> dict[str, Any]:
    manifest = parse(make_manifest("web", VERSION, **changes), "web", "manifest.json")
    return provenance(manifest, "web", VERSION, BuildFacts(*TIMES, base, observed or {}))


def dependencies(statement: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    return found


def test_the_statement() -> None:
    found = made({"kind": "bootstrap"})
    assert (found["_type"], found["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    assert found["subject"] == [{"name": "disk.qcow2", "digest": {"sha256": "ab" * 32}}]
    details = found["predicate"]["runDetails"]
    assert details["builder"]["version"] == {"golden": "0.1.0"}
    assert (details["metadata"]["startedOn"], details["metadata"]["finishedOn"]) == TIMES
    assert dependencies(found)[0] == {"name": "web.yaml", "digest": {"sha256": "cd" * 32}}


def test_a_parent() -> None:
    parent = {"template": "base", "version": "20261122.1-00000000", "digest": "12" * 32}
    found = dependencies(made({"kind": "template", "sha256": "12" * 32}, parent=parent))
    assert found[1:] == [{"name": "base:20261122.1-00000000", "digest": {"sha256": "12" * 32}}]


def test_an_image() -> None:
    found = dependencies(made({"kind": "image", "sha256": "56" * 32}))
    assert found[1:] == [{"name": "bootstrap debian bookworm", "digest": {"sha256": "56" * 32}}]


def test_an_install_tree() -> None:
    tree = {"kernel": "78" * 32, "files": {".treeinfo": "9a" * 32}}
    (_, base) = dependencies(made({"kind": "kickstart", "answers": "x", "tree": tree}))
    assert base["annotations"] == {"kind": "kickstart", "tree": tree}
    assert "digest" not in base


def test_what_was_seen_upstream_without_users_and_passwords() -> None:
    seen = {"https://me:pass@mirror/os/repodata/repomd.xml": "bc" * 32, "http://gone/": None}
    found = dependencies(made({"kind": "bootstrap"}, seen | {"http://me@mirror/InRelease": "de" * 32}))
    assert found[2:] == [
        {"uri": "http://mirror/InRelease", "annotations": {"index": "de" * 32}},
        {"uri": "https://mirror/os/repodata/repomd.xml", "digest": {"sha256": "bc" * 32}},
    ]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('vars: {tree: "ftp://me:pass@host/x"}', 'vars: {tree: "ftp://me:***@host/x"}'),
        ("a: http://me:p@ss@host/x", "a: http://me:***@host/x"),
        ("[http://u:p@h,http://x@y]", "[http://u:***@h,http://x@y]"),
        ("a: http://me@host:8080/x # y: z@w", "a: http://me@host:8080/x # y: z@w"),
        ("a: http://host:8080/x?who=a@b", "a: http://host:8080/x?who=a@b"),
        ("- ftp://:p:w@host\n- http://u:{{v}}@host\n", "- ftp://:***@host\n- http://u:***@host\n"),
        ("write: {content: 'a:b@c'}", "write: {content: 'a:b@c'}"),
    ],
)
def test_a_recipe_without_passwords(text: str, kept: str) -> None:
    assert without_passwords(text) == kept
