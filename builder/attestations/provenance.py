"""How a version was made: an in-toto Statement v1 with SLSA provenance v1.

https://slsa.dev/spec/v1.0/provenance; the fields have their names from there. Nothing in it names a
path of the host, and what it has of URLs lacks their passwords.
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
    """What a manifest does not tell of how its version was made; times in ISO 8601.

    `base` is what the base is known by, `observed` what base and steps saw upstream: the URLs of indexes, and
    what `digest_index` makes of them, None for what could not be had.
    """

    started: str
    finished: str
    base: Mapping[str, Any] = field(default_factory=dict)
    observed: Mapping[str, str | None] = field(default_factory=dict)


def provenance(manifest: Manifest, template: str, version: str, made: BuildFacts) -> dict[str, Any]:
    """The statement about the version's disk, as JSON."""
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
                "resolvedDependencies": [*dependencies(manifest, made)],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {"golden": manifest.builder}},
                "metadata": {
                    "invocationId": f"{template}:{version}",
                    "startedOn": made.started,
                    "finishedOn": made.finished,
                },
            },
        },
    }


def dependencies(manifest: Manifest, made: BuildFacts) -> Iterable[dict[str, Any]]:
    """What the disk was made of, each a ResourceDescriptor of in-toto."""
    yield {"name": manifest.recipe.file, "digest": {"sha256": manifest.recipe.sha256}}
    parent, kind = manifest.parent, made.base.get("kind", "base")
    base = next((action for action in manifest.actions if action.step == "base"), None)
    if parent:
        yield {"name": f"{parent.template}:{parent.version}", "digest": {"sha256": parent.digest}}
    elif kind == "image" and "sha256" in made.base:
        yield {"name": base.title if base else "image", "digest": {"sha256": made.base["sha256"]}}
    elif base:
        # No one file that has a digest, but a mirror's packages or an install tree: what was asked for is.
        about = {"kind": kind} | ({"tree": made.base["tree"]} if "tree" in made.base else {})
        yield {"name": base.title, "uri": f"urn:golden:base:{base.digest}", "annotations": about}
    for url, sha256 in sorted(made.observed.items()):
        if sha256 and url.endswith("Release"):
            # Of what it says, without its dates and signature: not that of the file.
            yield {"uri": USER.sub("", url), "annotations": {"index": sha256}}
        elif sha256:
            yield {"uri": USER.sub("", url), "digest": {"sha256": sha256}}
