"""Bills of materials: valid, complete, the same each time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.attestations.sbom import purl, sbom
from builder.paths import Output
from builder.store.manifest import Manifest, parse
from tests.conftest import Golden
from tests.nodes.templates import fabricate
from tests.store.manifests import make_manifest

VERSION = "20261123.1-ab12cd34"
LFTP = {
    "name": "lftp",
    "version": "4.9.2-2+b1",
    "arch": "amd64",
    "source": "lftp 4.9.2-2",
    "supplier": "Noël Köthe <noel@debian.org>",
    "license": "",
}
KERNEL = {
    "name": "kernel",
    "version": "5:3.10.0-1160.el7",
    "arch": "x86_64",
    "source": "kernel-3.10.0-1160.el7.src.rpm",
    "supplier": "CentOS",
    "license": "GPLv2",
}
EL = {"distribution": "centos", "major": 7, "minor": 9, "arch": "x86_64"}


def manifest(*packages: dict[str, Any], **changes: Any) -> Manifest:
    made = make_manifest("web", VERSION, packages=[*packages], **changes)
    return parse(made, "web", "manifest.json")


def document(of: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sbom(of, "web", VERSION))
    return found


def test_a_debian_package() -> None:
    found = document(manifest(LFTP))
    assert found["spdxVersion"] == "SPDX-2.3"
    image, package = found["packages"]
    assert image["checksums"] == [{"algorithm": "SHA256", "checksumValue": "ab" * 32}]
    assert package == {
        "SPDXID": "SPDXRef-Package-lftp-4.9.2-2-b1-amd64",
        "name": "lftp",
        "versionInfo": "4.9.2-2+b1",
        "supplier": "Organization: Noël Köthe (noel@debian.org)",
        "sourceInfo": "built from the source package lftp 4.9.2-2",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE_MANAGER",
                "referenceType": "purl",
                "referenceLocator": "pkg:deb/debian/lftp@4.9.2-2%2Bb1?arch=amd64&distro=debian-12",
            }
        ],
    }
    assert [(each["spdxElementId"], each["relationshipType"]) for each in found["relationships"]] == [
        ("SPDXRef-DOCUMENT", "DESCRIBES"),
        ("SPDXRef-Image", "CONTAINS"),
    ]


def test_an_rpm_and_licenses_in_and_out_of_spdx() -> None:
    free = KERNEL | {"name": "bash", "license": "GPL-3.0-or-later AND MIT"}
    _, bash, kernel = document(manifest(KERNEL, free, guest=EL))["packages"]
    assert bash["licenseDeclared"] == "GPL-3.0-or-later AND MIT"
    assert (kernel["licenseDeclared"], kernel["licenseComments"]) == ("NOASSERTION", "declared as: GPLv2")
    assert kernel["externalRefs"][0]["referenceLocator"] == (
        "pkg:rpm/centos/kernel@3.10.0-1160.el7?arch=x86_64&distro=centos-7&epoch=5"
    )


def test_a_guest_of_no_known_family_has_no_package_urls() -> None:
    assert purl(LFTP, manifest(guest=EL | {"distribution": "plan9"})) is None


def test_times_and_namespace_come_from_the_version() -> None:
    found = document(manifest(created="2026-11-23T12:11:12+02:00"))
    assert found["creationInfo"] == {"created": "2026-11-23T10:11:12Z", "creators": ["Tool: golden-0.1.0"]}
    assert found["documentNamespace"].endswith(f"web-{VERSION}-{'ab' * 32}")


def test_identifiers_that_would_be_alike() -> None:
    one, two = ({"name": name, "version": "1", "arch": "all"} for name in ("a+b", "a_b"))
    ids = [package["SPDXID"] for package in document(manifest(one, two))["packages"]]
    assert ids == ["SPDXRef-Image", "SPDXRef-Package-a-b-1-all", "SPDXRef-Package-a-b-1-all-2"]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


@pytest.mark.parametrize("guest", [make_manifest("web", VERSION)["guest"], EL])
@settings(max_examples=25)
@given(
    packages=st.lists(
        st.fixed_dictionaries(
            {"name": TEXT.filter(str.strip)},
            optional=dict.fromkeys(["version", "arch", "source", "supplier", "license"], TEXT),
        ),
        max_size=4,
    )
)
def test_whatever_a_database_says_it_is_valid_and_always_the_same(
    guest: dict[str, Any], packages: list[dict[str, str]]
) -> None:
    text = sbom(manifest(*packages, guest=guest), "web", VERSION)  # which SPDX's validator passed
    assert text == sbom(manifest(*packages[::-1], guest=guest), "web", VERSION)
    assert len(json.loads(text)["packages"]) == 1 + len(packages)


def test_the_command_prints_what_was_published_or_makes_it(golden: Golden, tmp_path: Path) -> None:
    place = Output(tmp_path / "output")
    version = fabricate(place, "web", packages=[LFTP])
    done = golden("sbom", "web", at=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == sbom(version.manifest, "web", version.name)
    version.sbom_file.write_text("published\n")
    assert golden("sbom", "web", at=place).stdout == "published\n"
    done = golden("sbom", "wep", at=place)
    assert (done.returncode, done.stdout) == (2, "")


def test_no_other_command_waits_for_its_library() -> None:
    loaded = "import sys, builder.cli, builder.pipeline; print([name for name in sys.modules if 'spdx' in name])"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout == "[]\n"
