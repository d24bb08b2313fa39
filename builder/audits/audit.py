"""The driver of audits: a recipe's promises, read from a disk."""

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
    """A finding, and the step, or the seal, that promised it."""

    step: str
    ok: bool
    message: str

    def to_json(self) -> dict[str, Any]:
        return {"step": self.step, "ok": self.ok, "message": self.message}


@dataclass(frozen=True, slots=True)
class SkippedStep:
    """A step that could not be checked: its place in the recipe, and why."""

    step: str
    where: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {"step": self.step, "where": self.where, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit came to."""

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
    """Read from a disk, which stays as it is, whether what a recipe promised is so.

    A published version must be sealed as well; a node has an identity by right. Raises GoldenError where
    the disk cannot be looked into.
    """
    with opened(target, output, emit) as guest:
        found = [
            AuditedFinding(step.title, finding.ok, finding.message) for step, finding in _prove(guest, promises.recipe)
        ]
        if target.published and target.version:
            found += [
                AuditedFinding("seal", one.ok, one.message)
                for one in _prove_sealed(guest, promises.recipe, target.version)
            ]
    skipped = tuple(SkippedStep(*step) for step in promises.recipe.skipped)
    return Audit(target.title, tuple(found), skipped)


def _prove(guest: Guest, recipe: PartialRecipe) -> Iterator[tuple[Step, Finding]]:
    """Each step's findings. Where one cannot even be asked for, as of a file that is gone, that is one that failed."""
    steps = in_order(recipe.steps)
    for number, step in enumerate(steps, 1):
        try:
            yield from ((step, finding) for finding in prove(guest, step, steps[number:]))
        except BuildError as error:
            yield step, Finding(False, error.message)


def _prove_sealed(guest: Guest, recipe: PartialRecipe, version: Version) -> Iterator[Finding]:
    """That the seal's operations have left nothing but what is kept on purpose."""
    kept, asked = version.manifest.kept, recipe.seal
    operations = seal.select(asked.skip, asked.also, keep_users=kept.users)
    return seal.check(guest, operations, frozenset(kept.paths))
