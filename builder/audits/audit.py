"""Audits a disk: checks a recipe's promises against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from builder import seal
from builder.audits.recipe import AuditedRecipe
from builder.errors import BuildError
from builder.events import Emit
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.offline import Target, opened
from builder.paths import Output
from builder.plan.make import in_order
from builder.recipe.load import PartialRecipe
from builder.steps import Step
from builder.steps.proof import prove
from builder.store import Version


@dataclass(frozen=True, slots=True)
class AuditedFinding:
    """A finding, and the step (or `seal`) that promised it."""

    step: str
    ok: bool
    message: str

    def to_json(self) -> dict[str, Any]:
        return {"step": self.step, "ok": self.ok, "message": self.message}


@dataclass(frozen=True, slots=True)
class SkippedStep:
    """A step that could not be checked, its place in the recipe, and the reason."""

    step: str
    where: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {"step": self.step, "where": self.where, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit."""

    target: str
    proofs: tuple[AuditedFinding, ...]
    skipped: tuple[SkippedStep, ...] = ()

    @property
    def failed(self) -> tuple[AuditedFinding, ...]:
        return tuple(proof for proof in self.proofs if not proof.ok)

    @property
    def passed(self) -> bool:
        return not self.failed

    def to_json(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "passed": len(self.proofs) - len(self.failed),
            "failed": len(self.failed),
            "findings": [proof.to_json() for proof in self.proofs],
            "skipped": [step.to_json() for step in self.skipped],
        }


def audit(target: Target, promises: AuditedRecipe, output: Output, emit: Emit) -> Audit:
    """Check on a disk, without changing it, whether a recipe's promises hold.

    Also checks that a published version is sealed; a node rightly has an identity. Raises GoldenError if
    the disk cannot be opened.
    """
    with opened(target, output, emit) as guest:
        findings = [
            AuditedFinding(step.title, finding.ok, finding.message) for step, finding in _prove(guest, promises.recipe)
        ]
        if target.published and target.version:
            findings += [
                AuditedFinding("seal", one.ok, one.message)
                for one in _prove_sealed(guest, promises.recipe, target.version)
            ]
    skipped = tuple(SkippedStep(*step) for step in promises.recipe.skipped)
    return Audit(target.title, tuple(findings), skipped)


def _prove(guest: Guest, recipe: PartialRecipe) -> Iterator[tuple[Step, Finding]]:
    """Each step's findings. A check that cannot run, for example because a file is gone, counts as failed."""
    steps = in_order(recipe.steps)
    for number, step in enumerate(steps, 1):
        try:
            yield from ((step, finding) for finding in prove(guest, step, steps[number:]))
        except BuildError as error:
            yield step, Finding(False, error.message)


def _prove_sealed(guest: Guest, recipe: PartialRecipe, version: Version) -> Iterator[Finding]:
    """Whether the seal's operations have left only what is kept on purpose."""
    kept, settings = version.manifest.kept, recipe.seal
    operations = seal.select(settings.skip, settings.also, keep_users=kept.users)
    return seal.check(guest, operations, frozenset(kept.paths))
