"""What became of recipes, by manifests."""

from __future__ import annotations

from typing import Any

from builder.compare import RecipeChanges, compare_recipes
from builder.compare.recipes import StepChange
from builder.store.manifest import Manifest, parse
from tests.store.manifests import make_action, make_manifest

BASE = make_action("base", title="bootstrap debian bookworm", digest="b")
INSTALL = make_action("install", title="install lftp", digest="i")
ZONE = make_action("timezone", title="timezone UTC", digest="z")
MOTD = make_action("write", title="write /etc/motd", digest="m")
ISSUE = make_action("write", title="write /etc/issue", digest="n")


def manifest(*actions: dict[str, Any], **changes: Any) -> Manifest:
    return parse(make_manifest("web", "v", actions=[*actions], **changes), "web:v", "manifest.json")


def test_nothing() -> None:
    assert not compare_recipes(manifest(BASE, ZONE), manifest(BASE, ZONE | {"status": "cached", "key": "other"}))


def test_steps_that_come_go_and_change() -> None:
    edited = MOTD | {"digest": "m2"}
    found = compare_recipes(manifest(BASE, INSTALL, MOTD, ISSUE), manifest(BASE, ZONE, edited, ISSUE))
    assert found == RecipeChanges(
        added=(StepChange("timezone", None, "timezone UTC"),),
        removed=(StepChange("install", "install lftp", None),),
        changed=(StepChange("write", "write /etc/motd", "write /etc/motd"),),
    )


def test_the_like_titled_one_is_what_an_edited_step_was() -> None:
    found = compare_recipes(
        manifest(MOTD, ISSUE), manifest(ISSUE | {"digest": "n2"}, MOTD | {"digest": "m2"}, ZONE | {"digest": "z2"})
    )
    assert [(change.before, change.after) for change in found.changed] == [
        ("write /etc/motd", "write /etc/motd"),
        ("write /etc/issue", "write /etc/issue"),
    ]
    assert [change.after for change in found.added] == ["timezone UTC"]


def test_an_option_in_the_title() -> None:
    found = compare_recipes(manifest(ZONE), manifest(ZONE | {"digest": "z2", "title": "timezone Europe/London"}))
    assert found.to_json()["changed"] == [
        {"step": "timezone", "before": "timezone UTC", "after": "timezone Europe/London"}
    ]


def test_another_order() -> None:
    assert compare_recipes(manifest(INSTALL, ZONE), manifest(ZONE, INSTALL)) == RecipeChanges(reordered=True)


def test_a_comment_alone() -> None:
    other = {"file": "web.yaml", "sha256": "ce" * 32}
    assert compare_recipes(manifest(ZONE), manifest(ZONE, recipe=other)) == RecipeChanges(text=True)
    # Versions of before the digest was kept tell nothing.
    assert not compare_recipes(manifest(ZONE, recipe={"file": "web.yaml"}), manifest(ZONE, recipe=other))


def test_another_parent() -> None:
    one = {"template": "base", "version": "1", "digest": "a"}
    again = {"template": "base", "version": "2", "digest": "a"}
    other = {"template": "base", "version": "3", "digest": "c"}
    assert not compare_recipes(manifest(parent=one), manifest(parent=again))
    assert compare_recipes(manifest(parent=one), manifest(parent=other)).parents == ("base:1", "base:3")
    assert compare_recipes(manifest(), manifest(parent=one)).to_json()["parents"] == {
        "before": None,
        "after": "base:1",
    }
