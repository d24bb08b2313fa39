"""From a sealed layer to an immutable version."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from builder import __version__, digest, disks, files
from builder.attestations.provenance import BuildFacts, provenance
from builder.attestations.recipe import without_passwords
from builder.domains.template import render_domain_template
from builder.errors import CommandError, HostError
from builder.install_trees.url import shown
from builder.layers import Layer
from builder.paths import Output
from builder.pipeline.base import info_of
from builder.pipeline.journal import ActionResult
from builder.pipeline.run import BuildRun
from builder.plan import Plan
from builder.recipe import Recipe
from builder.sizes import write_hint
from builder.steps.growpart import Growpart
from builder.store import Store, Version
from builder.store.manifest import ManifestCommand, ManifestVerify, parse
from builder.store.reference import LATEST

SCHEMA = 1


def publish(run: BuildRun, base: Layer, sealed: Layer) -> Version:
    """Flatten and describe the sealed disk, and add it to the store; no channel points to the version yet.

    Raises HostError (no space, for one); nothing of the version is visible then.
    """
    plan, store = run.plan, Store(run.output.templates)
    recipe = plan.recipe
    staged = run.session.work / "version"
    with run.journal.running(plan.publish):
        try:
            staged.mkdir()
            disk = flatten(sealed.disk, recipe, staged)
            sha256 = digest.of_file(disk)
            name = store.next_name(recipe.name, datetime.now(UTC).date(), sha256)
            files.write(staged / "build.log", build_log(run))
            files.write(staged / "domain.xml.j2", render_domain_template(recipe, info_of(base), name, sha256))
            about = manifest(run, base, sealed, disk, sha256) | {"version": name}
            attest(run, about, Version(recipe.name, name, staged))
            files.write_json(staged / "manifest.json", about)
            files.write(staged / "SHA256SUMS", checksums(staged, {disk.name: sha256}))
            return store.admit(staged, recipe.name, name)
        except (OSError, CommandError) as error:
            details = error.details if isinstance(error, CommandError) else str(error)
            raise HostError(
                f"cannot publish a new version of {recipe.name}",
                details=details,
                hint=write_hint(run.output.root),
            ) from error


def release(version: Version, recipe: Recipe, output: Output) -> None:
    """Move `latest` to a version. Raises HostError; the channel then stays where it was."""
    try:
        Store(output.templates).point(version.template, LATEST, version.name, why=f"built from {recipe.file.name}")
    except OSError as error:
        raise HostError(
            f"published {version}, but cannot point {LATEST} at it",
            details=str(error),
            hint=f"remove the cause, then run `golden promote {version} --to {LATEST}`",
        ) from error


def flatten(layer: Path, recipe: Recipe, folder: Path) -> Path:
    """Write the whole disk, without backing, in the format that the recipe wants.

    The same content gives the same bytes: a disk that is published again has the same digest, and no template
    that is based on it is rebuilt.
    """
    form = recipe.publish
    target = folder / f"disk.{form.format}"
    disks.convert(layer, target, "qcow2", form.format, form.compress)
    return target


def manifest(run: BuildRun, base: Layer, sealed: Layer, disk: Path, sha256: str) -> dict[str, Any]:
    """What the version was built from, and what the audit found. Holds no secret and no path of the host."""
    plan = run.plan
    return {
        "schema": SCHEMA,
        "template": plan.recipe.name,
        "summary": plan.recipe.summary,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "builder": __version__,
        "key": plan.publish.key,
        "recipe": {"file": plan.recipe.file.name, "sha256": digest.of_file(plan.recipe.file)},
        "parent": plan.parent and parent_entry(plan.parent),
        "kept": {"paths": sorted(plan.seal.kept), "users": [*plan.seal.users]},
        "base": {"title": plan.base.title, "key": base.key},
        "guest": base.record["info"],
        "disk": {
            "file": disk.name,
            "format": plan.recipe.publish.format,
            "sha256": sha256,
            "size": disks.virtual_size(disk),
            "bytes": disk.stat().st_blocks * 512,
        },
        "firmware": plan.recipe.firmware,
        "domain": plan.recipe.domain.model_dump(mode="json"),
        "verify": to_verify(plan).model_dump(mode="json"),
        "appliance": run.session.how,
        "actions": [
            {
                "step": done.action.step,
                "title": done.action.title,
                "key": done.action.key,
                "digest": done.action.digest,
                "status": done.status,
                "seconds": round(done.seconds, 3),
                "observations": observations(done),
            }
            for done in run.journal.done
        ]
        + [
            {
                "step": plan.publish.step,
                "title": plan.publish.title,
                "key": plan.publish.key,
                "digest": plan.publish.digest,
                "status": "ran",
                "seconds": 0.0,
            }
        ],
        "audit": sealed.record["audit"],
        "packages": sealed.record["packages"],
    }


def observations(done: ActionResult) -> dict[str, str | None] | None:
    """What an action saw upstream; None if a URL in it has a password."""
    return None if any(shown(url) != url for url in done.observations) else {**done.observations}


def attest(run: BuildRun, about: dict[str, Any], staged: Version) -> None:
    """Write the recipe, SBOM and provenance of a version, and record them in the manifest. Raises OSError."""
    from builder.attestations.sbom import sbom  # slow to load, and most builds publish nothing

    recipe, parsed = run.plan.recipe, parse(about, str(staged), "manifest.json")
    files.write(staged.recipe_file, without_passwords(recipe.file.read_text()))
    files.write(staged.sbom_file, sbom(parsed, staged.template, staged.name))
    started = run.journal.begun.isoformat(timespec="seconds")
    made = BuildFacts(started, parsed.created, run.plan.base.facts, observed(run))
    files.write_json(staged.provenance_file, provenance(parsed, staged.template, staged.name, made))
    for name, file in (("sbom", staged.sbom_file), ("provenance", staged.provenance_file)):
        about[name] = {"file": file.name, "sha256": digest.of_file(file)}


def observed(run: BuildRun) -> dict[str, str | None]:
    """What the base and the steps saw upstream: URLs and digests; of a URL seen twice, the last."""
    return {url: seen for done in run.journal.done for url, seen in done.observations.items()}


def parent_entry(version: Version) -> dict[str, str]:
    """What the manifest records of the parent."""
    return {"template": version.template, "version": version.name, "digest": version.manifest.disk.sha256}


def to_verify(plan: Plan) -> ManifestVerify:
    """What `golden verify` checks in clones of the version; file systems that grow in the parent grow here, too."""
    inherited = plan.parent.manifest.verify.grown if plan.parent else []
    grown = {*inherited, *(step.mount for step in plan.recipe.steps if isinstance(step, Growpart))}
    commands = [ManifestCommand(command=each.command, expect=each.expect) for each in plan.recipe.verify]
    return ManifestVerify(commands=commands, grown=sorted(grown))


def build_log(run: BuildRun) -> str:
    """What was decided and why, then the whole output of every command, action by action.

    An action that was reused shows what it printed when it ran.
    """
    decided = "".join(f"{decision}\n" for decision in run.journal.decisions)
    printed = "".join(f"=== {done.action.title} ({done.status})\n{done.log}" for done in run.journal.done)
    return f"=== decisions\n{decided}{printed}"


def checksums(folder: Path, known: dict[str, str]) -> str:
    """SHA256SUMS of a folder's files, as sha256sum writes and checks it."""
    return "".join(
        f"{known.get(file.name) or digest.of_file(file)}  {file.name}\n" for file in sorted(folder.iterdir())
    )
