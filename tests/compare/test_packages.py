"""What became of packages: applied to what was there, it gives what is there."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from builder.compare import PackageChange, PackageChanges, compare_packages
from builder.store.manifest import Manifest, parse
from tests.store.manifests import make_manifest

# Few names and versions, so that they meet.
PACKAGES = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["lftp", "curl", "kernel"]),
            "version": st.sampled_from(["1", "2", "1:0", ""]),
            "arch": st.sampled_from(["amd64", "i386", "all"]),
        }
    ),
    max_size=12,
)

Packages = list[dict[str, Any]]


def manifest(packages: Packages) -> Manifest:
    return parse(make_manifest("web", "v", packages=packages), "web:v", "manifest.json")


def as_set(packages: Packages) -> set[tuple[str, str, str]]:
    return {(each["name"], each["arch"], each["version"]) for each in packages}


def compared(a: Packages, b: Packages) -> PackageChanges:
    return compare_packages(manifest(a), manifest(b))


@given(PACKAGES, PACKAGES)
def test_changes_applied_to_the_one_give_the_other(a: Packages, b: Packages) -> None:
    found = compared(a, b)
    gone = {(one.name, one.arch, one.before) for one in (*found.removed, *found.changed)}
    come = {(one.name, one.arch, one.after) for one in (*found.added, *found.changed)}
    assert gone <= as_set(a)
    assert (as_set(a) - gone) | come == as_set(b)
    assert not come & as_set(a)


@given(PACKAGES, PACKAGES)
def test_the_other_way_round_is_the_mirror_image(a: Packages, b: Packages) -> None:
    there, back = compared(a, b), compared(b, a)

    def mirrored(changes: tuple[PackageChange, ...]) -> list[PackageChange]:
        return [PackageChange(one.name, one.arch, one.after, one.before) for one in changes]

    assert mirrored(there.added) == [*back.removed]
    assert mirrored(there.changed) == [*back.changed]


@given(PACKAGES)
def test_the_same_packages_do_not_differ_in_whatever_order(a: Packages) -> None:
    assert not compared(a, a[::-1])


def test_an_update_names_both_versions() -> None:
    old = [{"name": "lftp", "version": "4.9.2-1", "arch": "amd64"}, {"name": "mc", "version": "1", "arch": "amd64"}]
    new = [{"name": "lftp", "version": "4.9.2-2", "arch": "amd64"}, {"name": "jq", "version": "1.6", "arch": "amd64"}]
    assert compared(old, new).to_json() == {
        "added": [{"name": "jq", "arch": "amd64", "before": None, "after": "1.6"}],
        "removed": [{"name": "mc", "arch": "amd64", "before": "1", "after": None}],
        "changed": [{"name": "lftp", "arch": "amd64", "before": "4.9.2-1", "after": "4.9.2-2"}],
    }


def test_a_second_kernel_is_added_and_changes_none() -> None:
    one, two, three = ({"name": "kernel", "version": version, "arch": "x86_64"} for version in "123")
    assert compared([one], [one, two]) == PackageChanges(added=(PackageChange("kernel", "x86_64", None, "2"),))
    assert compared([one, two], [three]) == PackageChanges(
        added=(PackageChange("kernel", "x86_64", None, "3"),),
        removed=(PackageChange("kernel", "x86_64", "1", None), PackageChange("kernel", "x86_64", "2", None)),
    )


def test_entries_that_older_manifests_left_incomplete() -> None:
    assert not compared([{"name": "lftp"}], [{"name": "lftp"}])
    assert compared([], [{"name": "lftp"}]).added == (PackageChange("lftp", "", None, ""),)
