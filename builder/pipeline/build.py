"""Building a recipe: from a plan to a published version."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from builder import files, locks, seal
from builder.appliance.appliance import Disk
from builder.appliance.handle import ApplianceSettings
from builder.errors import BuildError, GoldenError, VerifyError
from builder.events import Decision, Emit, Notice
from builder.findings import Finding
from builder.guest import packages
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from builder.guest.supplies import Supplies
from builder.installer import InstallLimits
from builder.layers import Layer, LayerCache
from builder.layers.work import require_writable, unwritable, work_folder
from builder.paths import Output
from builder.pipeline.base import info_of, prepare_base
from builder.pipeline.gate import Gate, Judge, SealedDisk, find_pending, has_passed
from builder.pipeline.journal import ActionResult, BuildJournal
from builder.pipeline.publish import publish, release, to_verify
from builder.pipeline.run import BuildRun
from builder.pipeline.session import BuildSession
from builder.plan import Plan, Refresh, SealAction, StepAction, UpstreamMove, key_context, make_plan, step_digest
from builder.recipe import Recipe, check_fits
from builder.steps.proof import prove
from builder.store import Version
from builder.store.claims import claim
from builder.store.reference import LATEST


@dataclass(frozen=True, slots=True)
class BuildResult:
    """The result of a build.

    `appliance` says how the appliance started, None if none was needed. `moved` are the indexes that changed
    upstream since the last build.
    """

    version: Version
    changed: bool
    seconds: float
    actions: tuple[ActionResult, ...]
    appliance: str | None
    moved: tuple[UpstreamMove, ...] = ()

    def to_json(self) -> dict[str, Any]:
        manifest = self.version.manifest
        return {
            "template": self.version.template,
            "version": self.version.name,
            "path": str(self.version.folder),
            "changed": self.changed,
            "seconds": round(self.seconds, 3),
            "appliance": self.appliance,
            "actions": [
                {
                    "step": done.action.step,
                    "key": done.action.key,
                    "status": done.status,
                    "reason": done.action.reason,
                    "seconds": round(done.seconds, 3),
                }
                for done in self.actions
            ],
            "moved": [each.to_json() for each in self.moved],
            "audit": {"passed": manifest.passed, "failed": len(manifest.audit) - manifest.passed},
        }


def build(
    recipe: Recipe,
    output: Output,
    emit: Emit,
    limits: InstallLimits | None = None,
    refresh: Refresh | None = None,
    gate: Gate | None = None,
) -> BuildResult:
    """Build what changed in a recipe, and publish it; if nothing changed, return the current version.

    `limits` apply to a base that an installer makes. `refresh` is that of `make_plan`. `latest` moves to a version
    once it passes the `gate`; a version that fails is kept, and this and every later build raises VerifyError until
    it passes. Two builds of one recipe take turns. Raises GoldenError; finished layers stay, and the next build
    resumes after the last of them.
    """
    begun = time.monotonic()
    require_writable(output)
    make_secret_key(output)
    waiting = Notice(f"another build of {recipe.name} is running; waiting for it to end")
    with locks.held(output.work / f"{recipe.name}.lock", on_wait=lambda: emit(waiting)):
        journal = BuildJournal(emit)
        refresh = (refresh or Refresh(layers=False)).at(output)
        plan = make_plan(recipe, output, journal.emit, refresh=refresh)
        journal.decide(plan)
        record_upstream(plan, refresh, output)
        if version := find_ready(plan, output, gate):
            for action in plan.actions:
                journal.cached(action)
            if gate and not has_passed(version):
                with failed_version(version, plan):
                    gate.judge(version)
            if moved := version != plan.current:
                release(version, recipe, output)
            return BuildResult(version, moved, time.monotonic() - begun, tuple(journal.done), None, plan.moved)
        claim(recipe.name, plan.parent, output)
        with (
            work_folder(output) as work,
            BuildSession(
                ApplianceSettings(output.appliance),
                work,
                LayerCache(output.layers),
                journal.emit,
                Supplies(output.packages, recipe.media, work),
            ) as session,
        ):
            version = execute(
                BuildRun(plan, output, session, journal, limits or InstallLimits(), refresh.upstream), gate
            )
    return BuildResult(version, True, time.monotonic() - begun, tuple(journal.done), session.how, plan.moved)


def record_upstream(plan: Plan, refresh: Refresh, output: Output) -> None:
    """Save what planning found out about upstream: first that a layer is stale. Raises HostError."""
    assert refresh.upstream
    try:
        if plan.renewal:
            plan.renewal.record()
        refresh.upstream.save()
    except OSError as error:
        raise unwritable(output, error) from error


def find_ready(plan: Plan, output: Output, gate: Gate | None) -> Version | None:
    """The version that the build would give, if there is one: it waits for its gate, or is `latest` already."""
    if gate and (pending := find_pending(plan, output)):
        return pending
    return plan.current if not plan.changed else None


def execute(run: BuildRun, gate: Gate | None = None) -> Version:
    """Run the actions of a plan, in order."""
    with action_error("the base", run.plan.recipe.where_base):
        base = prepare_base(run)
    info = info_of(base)
    system = f"{info.distribution} {info.major}.{info.minor}"
    run.journal.emit(
        Decision(
            f"treat the guest as {system}, family {info.family}, package manager {info.package_manager}",
            "inspection of its base found that",
        )
    )
    check_fits(run.plan.recipe, info)
    layer = base
    for action in run.plan.steps:
        layer = run_step(run, action, layer, info)
    sealed = run_seal(run, run.plan.seal, layer, info)
    judge = prepare_gate(run, sealed, info, gate) if gate else None
    run.session.close()
    version = publish(run, base, sealed)
    if judge:
        with failed_version(version, run.plan):
            judge(version)
    release(version, run.plan.recipe, run.output)
    return version


def prepare_gate(run: BuildRun, sealed: Layer, info: GuestInfo, gate: Gate) -> Judge:
    """Let the gate do its part that needs the appliance."""
    session = run.session
    with session.disk_errors():
        return gate.prepare(SealedDisk(session.appliance(), Disk(sealed.disk), info, to_verify(run.plan), session.work))


def run_step(run: BuildRun, action: StepAction, parent: Layer, info: GuestInfo) -> Layer:
    """The layer of a step on `parent`, from the cache if it is there. Raises BuildError or HostError."""
    return run.find_or_make(action, run.session.layers, lambda: apply_step(run, action, parent, info), parent)


def run_seal(run: BuildRun, action: SealAction, parent: Layer, info: GuestInfo) -> Layer:
    """The sealed disk, from the cache if it is there. Raises BuildError or HostError."""
    return run.find_or_make(action, run.session.layers, lambda: apply_seal(run, action, parent, info), parent)


def apply_step(run: BuildRun, action: StepAction, parent: Layer, info: GuestInfo) -> Layer:
    """Apply one step on top of `parent`, and save what it changed as a layer. Raises BuildError or HostError."""
    with (
        run.journal.running(action) as entry,
        action_error(f"the step {action.title}", run.plan.recipe.where(action.options)),
        run.session.disk_errors(),
    ):
        guest = run.session.open_overlay(parent, info, entry.emit)
        action.options.apply(guest)
        if step_digest(action.options, key_context(run.plan.recipe, run.output)) != action.digest:
            raise BuildError("its input files changed while it ran", hint="run the build again")
        finished = run.session.finish_layer(action.key)
        entry.observe(guest.take_observations())
        return run.session.commit(action.key, finished, entry.record, parent)


def apply_seal(run: BuildRun, action: SealAction, parent: Layer, info: GuestInfo) -> Layer:
    """Seal the disk, then audit it; a failed audit leaves no layer. Raises BuildError or HostError."""
    with run.journal.running(action) as entry, run.session.disk_errors():
        guest = run.session.open_overlay(parent, info, entry.emit)
        identity = seal.identify(guest, action.kept)
        seal.seal(guest, action.operations, action.kept)
        guest.trim()
        guest.unmount()
        guest.mount(read_only=True)
        audit = audit_disk(guest, run.plan, identity)
        installed = [asdict(package) for package in packages.of(guest).installed()]
        guest.unmount()
        finished = run.session.detach()
        return run.session.commit(action.key, finished, {**entry.record, "audit": audit, "packages": installed}, parent)


def audit_disk(guest: Guest, plan: Plan, identity: seal.MachineIdentity) -> list[dict[str, Any]]:
    """Check on the sealed disk what each step and the seal promised. Raises BuildError that lists all failures."""
    found: list[tuple[str, Finding]] = []
    for number, action in enumerate(plan.steps, 1):
        later = [after.options for after in plan.steps[number:]]
        found += [(action.title, finding) for finding in prove(guest, action.options, later)]
    found += [("seal", finding) for finding in seal.check(guest, plan.seal.operations, plan.seal.kept, identity)]
    failed = [f"{title}: {finding.message}" for title, finding in found if not finding.ok]
    if failed:
        raise BuildError(
            f"the audit of the sealed disk failed: {len(failed)} of {len(found)} checks",
            details="\n".join(failed),
            hint="; ".join(dict.fromkeys(AUDIT_HINTS[title == "seal"] for title, finding in found if not finding.ok)),
        )
    return [{"step": title, "ok": finding.ok, "message": finding.message} for title, finding in found]


AUDIT_HINTS = (
    "find the later step or seal operation that undid what the step did",
    "remove in a step what the seal found, or let another seal operation remove it (`golden seal` lists them)",
)
"""What to do about a failed check of a step, and of the seal."""


@contextmanager
def action_error(what: str, where: str) -> Iterator[None]:
    """Add to an error which action failed, and its place in the recipe."""
    try:
        yield
    except GoldenError as error:
        error.message = f"{what} failed: {error.message}"
        error.where = error.where or where
        raise


@contextmanager
def failed_version(version: Version, plan: Plan) -> Iterator[None]:
    """Add to the error of a version that does not pass where `latest` points."""
    try:
        yield
    except VerifyError as error:
        stays = f"{LATEST} stays at {plan.current.name}" if plan.current else f"there is no {LATEST}"
        error.message = f"{error.message}; {stays}"
        raise


def make_secret_key(output: Output) -> None:
    """Make the key under which secrets are digested, once for each output folder. Raises HostError."""
    if output.secret_key.exists():
        return
    with locks.held(output.cache / ".lock"):
        if not output.secret_key.exists():
            files.write(output.secret_key, secrets.token_bytes(32), 0o600)
