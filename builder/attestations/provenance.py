"""The provenance of a version: an in-toto Statement v1 with SLSA provenance v1.

See https://slsa.dev/spec/v1.0/provenance for the fields. The statement contains no paths of the host,
and no passwords in URLs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from builder.store.manifest import Manifest

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:golden:recipe:v1"
BUILDER = "urn:golden:builder"

USER = re.compile(r"(?<=://)[^/@\s]+@")
"""User and password in a URL."""


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """What provenance needs beyond the manifest. Times are ISO 8601.

    `base` identifies the base. `observed` holds the indexes that base and steps read upstream: by URL, the
    result of `digest_index`, or None if the index was unavailable.
    """

    started: str
    finished: str
    base: Mapping[str, Any] = field(default_factory=dict)
    observed: Mapping[str, str | None] = field(default_factory=dict)


def provenance(manifest: Manifest, template: str, version: str, build: BuildFacts) -> dict[str, Any]:
    """The statement about the version's disk, as JSON data."""
    return {
        "_type": STATEMENT,
        "subject": [{"name": manifest.disk.file, "digest": {"sha256": manifest.disk.sha256}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"recipe": manifest.recipe.file, "template": template, "version": version},
                "internalParameters": {
                    "key": manifest.key,
                    "actions": [
                        {"step": action.step, "title": USER.sub("", action.title), "digest": action.digest}
                        for action in manifest.actions
                    ],
                },
                "resolvedDependencies": [*dependencies(manifest, build)],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {"golden": manifest.builder}},
                "metadata": {
                    "invocationId": f"{template}:{version}",
                    "startedOn": build.started,
                    "finishedOn": build.finished,
                },
            },
        },
    }


def dependencies(manifest: Manifest, build: BuildFacts) -> Iterable[dict[str, Any]]:
    """What the disk was built from, each an in-toto ResourceDescriptor."""
    yield {"name": manifest.recipe.file, "digest": {"sha256": manifest.recipe.sha256}}
    parent, kind = manifest.parent, build.base.get("kind", "base")
    base = next((action for action in manifest.actions if action.step == "base"), None)
    if parent:
        yield {"name": f"{parent.template}:{parent.version}", "digest": {"sha256": parent.digest}}
    elif kind == "image" and "sha256" in build.base:
        yield {"name": base.title if base else "image", "digest": {"sha256": build.base["sha256"]}}
    elif base:
        # Packages of a mirror or an install tree have no single digest; the digest of the request identifies them.
        annotations = {"kind": kind} | ({"tree": build.base["tree"]} if "tree" in build.base else {})
        yield {"name": base.title, "uri": f"urn:golden:base:{base.digest}", "annotations": annotations}
    for url, sha256 in sorted(build.observed.items()):
        if sha256 and url.endswith("Release"):
            # The digest covers the content without dates and signature, so it is not the digest of the file.
            yield {"uri": USER.sub("", url), "annotations": {"index": sha256}}
        elif sha256:
            yield {"uri": USER.sub("", url), "digest": {"sha256": sha256}}
