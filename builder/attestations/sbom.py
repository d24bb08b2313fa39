"""The SBOM (software bill of materials) of a version: SPDX 2.3 JSON, from the packages in its manifest.

The same manifest always gives the same bytes. The SPDX library takes 0.25 s to load, so import this
module only where a document is made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from boolean.boolean import ParseError
from license_expression import ExpressionError, get_spdx_licensing
from packageurl import PackageURL
from spdx_tools.spdx import model
from spdx_tools.spdx.jsonschema.document_converter import DocumentConverter
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from builder import digest
from builder.errors import HostError
from builder.guest.info import find_family
from builder.store.manifest import Manifest

IMAGE = "SPDXRef-Image"

PERSON = re.compile(r"(?P<name>[^<]*?)\s*(?:<(?P<email>[^>]*)>)?")
"""`Name <address>`, the form of dpkg's maintainers."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._~^-]*")
"""A name that is valid in every package manager."""


def sbom(manifest: Manifest, template: str, version: str) -> str:
    """The document as text. Raises HostError if the SPDX validator rejects it."""
    document = make_document(manifest, template, version)
    if problems := validate_full_spdx_document(document):
        details = "\n".join(f"{one.context.spdx_id}: {one.validation_message}" for one in problems[:10])
        raise HostError(f"the SBOM of {template}:{version} is not valid SPDX", details=details)
    converter = DocumentConverter()  # type: ignore[no-untyped-call]  # not typed in the library
    return json.dumps(converter.convert(document), indent=2, ensure_ascii=False) + "\n"


def make_document(manifest: Manifest, template: str, version: str) -> model.Document:
    """The document that lists the disk and every package installed on it."""
    created = datetime.fromisoformat(manifest.created).astimezone(UTC).replace(tzinfo=None)
    creation = model.CreationInfo(
        spdx_version="SPDX-2.3",
        spdx_id="SPDXRef-DOCUMENT",
        name=f"{template}-{version}",
        # SPDX requires a URI unique to this document; nothing needs to exist at that address.
        document_namespace=f"https://spdx.org/spdxdocs/{template}-{version}-{manifest.disk.sha256}",
        creators=[model.Actor(model.ActorType.TOOL, f"golden-{manifest.builder}")],
        created=created,
    )
    disk = model.Package(
        spdx_id=IMAGE,
        name=template,
        version=version,
        file_name=manifest.disk.file,
        download_location=model.SpdxNoAssertion(),
        files_analyzed=False,
        checksums=[model.Checksum(model.ChecksumAlgorithm.SHA256, manifest.disk.sha256)],
        primary_package_purpose=model.PackagePurpose.OPERATING_SYSTEM,
        **_unknown_fields(),
    )
    packages = [make_package(entry, manifest) for entry in sorted(manifest.packages, key=_order)]
    _make_ids_unique(packages)
    relationships = [model.Relationship("SPDXRef-DOCUMENT", model.RelationshipType.DESCRIBES, IMAGE)]
    relationships += [
        model.Relationship(IMAGE, model.RelationshipType.CONTAINS, package.spdx_id) for package in packages
    ]
    return model.Document(creation, packages=[disk, *packages], relationships=relationships)


def make_package(entry: Mapping[str, Any], manifest: Manifest) -> model.Package:
    """An installed package, with what the package database says of it."""
    name, version, supplier = (str(entry.get(key) or "") for key in ("name", "version", "supplier"))
    known: dict[str, Any] = _unknown_fields()
    if licensed := str(entry.get("license") or ""):
        expression = find_license(licensed)
        known |= (
            {"license_declared": expression}
            if expression is not None
            else {"license_comment": f"declared as: {licensed}"}
        )
    if source := str(entry.get("source") or ""):
        known["source_info"] = f"built from the source package {source}"
    if supplier:
        known["supplier"] = _organization(supplier)
    if url := purl(entry, manifest):
        category = model.ExternalPackageRefCategory.PACKAGE_MANAGER
        known["external_references"] = [model.ExternalPackageRef(category, "purl", url)]
    words = [word for word in (name, version, str(entry.get("arch") or "")) if word]
    return model.Package(
        spdx_id="SPDXRef-Package-" + re.sub(r"[^A-Za-z0-9.-]", "-", "-".join(words)),
        name=name,
        version=version or None,
        download_location=model.SpdxNoAssertion(),
        files_analyzed=False,
        **known,
    )


def purl(entry: Mapping[str, Any], manifest: Manifest) -> str | None:
    """The package URL of an installed package; None for an unknown distribution family or an invalid name.

    See https://github.com/package-url/purl-spec: for deb the epoch is part of the version, for rpm it is a qualifier.
    """
    guest, name = manifest.guest, str(entry.get("name") or "")
    family = find_family(guest.distribution)
    if family is None or not NAME.fullmatch(name):
        return None
    version = str(entry.get("version") or "")
    qualifiers = {"arch": str(entry.get("arch") or ""), "distro": f"{guest.distribution}-{guest.major}"}
    if family != "debian" and ":" in version:
        qualifiers["epoch"], _, version = version.partition(":")
    kind = "deb" if family == "debian" else "rpm"
    qualifiers = {key: value for key, value in qualifiers.items() if value}
    return PackageURL(kind, guest.distribution, name, version or None, qualifiers).to_string()


def find_license(text: str) -> Any:
    """The SPDX license expression in a text; None if it is not SPDX, such as `GPLv2+`."""
    try:
        return get_spdx_licensing().parse(text, validate=True, strict=True)
    except (ExpressionError, ParseError):
        return None


def _organization(text: str) -> model.Actor:
    found = PERSON.fullmatch(text)
    name, email = (found["name"], found["email"]) if found else (text, None)
    return model.Actor(model.ActorType.ORGANIZATION, name or text, email or None)


def _unknown_fields() -> dict[str, Any]:
    return {
        "license_concluded": model.SpdxNoAssertion(),
        "license_declared": model.SpdxNoAssertion(),
        "copyright_text": model.SpdxNoAssertion(),
    }


def _order(entry: Mapping[str, Any]) -> tuple[str, bytes]:
    return str(entry.get("name") or ""), digest.canonical(entry)


def _make_ids_unique(packages: list[model.Package]) -> None:
    """Number equal identifiers: SPDX identifiers allow fewer characters than versions, so some collide."""
    seen: set[str] = set()
    for package in packages:
        own, number = package.spdx_id, 1
        while package.spdx_id in seen:
            number += 1
            package.spdx_id = f"{own}-{number}"
        seen.add(package.spdx_id)
