"""One recipe in a nightly run: refresh, build, verify, promote."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.appliance.processors import PROCESSORS
from builder.compare import compare_packages
from builder.errors import BuildError, GoldenError, HostError, Problem, RecipeError, VerifyError, tail
from builder.events import Emit, Event, Notice
from builder.nightly.child import exit_code_for, read_error, read_result
from builder.nightly.report import ActionTiming, PackageUpdate, RecipeOutcome, UpstreamChange
from builder.nightly.schedule import FinishedTask, RunningTask
from builder.paths import Output
from builder.plan import Plan, Refresh, make_plan
from builder.process import Child
from builder.recipe import load
from builder.recipe.graph import RecipeSummary
from builder.store import Store, Version

LINES = 25
"""Lines of a console that a report shows."""


@dataclass(frozen=True, slots=True)
class NightOrder:
    """What a nightly run does with every recipe.

    `golden` is the command line of golden itself. `promote_to` is a channel that follows `latest`. `processors` is
    the number of processors of each build's appliance; None means the default.
    """

    golden: Sequence[str]
    refresh: Refresh
    verify: bool = True
    promote_to: str | None = None
    processors: int | None = None


@dataclass(frozen=True, slots=True)
class RecipeState:
    """The plan of a recipe; `why` says, in words, why it must be built, and is empty if it is unchanged."""

    summary: RecipeSummary
    plan: Plan
    warnings: tuple[str, ...]
    why: tuple[str, ...]

    @property
    def before(self) -> Version | None:
        return self.plan.current


class ImageBuilds:
    """The builds of a nightly run; an unchanged recipe starts no process. `run` is the folder of the run."""

    def __init__(
        self, order: NightOrder, output: Output, run: Path, emit: Emit, namesakes: Mapping[str, Sequence[RecipeSummary]]
    ) -> None:
        """`namesakes` are the recipes of the folder by name: two of one name would publish one template in turns."""
        self._order = order
        self._output = output
        self._run = run
        self._emit = emit
        self._namesakes = namesakes

    def begin(self, item: RecipeSummary) -> FinishedTask[RecipeOutcome] | RunningTask[RecipeOutcome]:
        started = time.monotonic()
        try:
            state = self.plan(item)
            if reason := self.reasons_to_build(state):
                return self.build(state, reason)
            assert state.before
            outcome = self.promote(unchanged(state, state.before))
        except (GoldenError, OSError) as error:
            outcome = failed(item, error)
        self._emit(Notice(f"{outcome.template}: {outcome.word}", warning=not outcome.good))
        return FinishedTask(outcome.with_facts(seconds=time.monotonic() - started))

    def skip(self, item: RecipeSummary, because: RecipeOutcome) -> RecipeOutcome:
        happened = "was skipped" if because.state == "skipped" else because.word
        reason = f"its parent {because.template} {happened}"
        self._emit(Notice(f"{item.name}: skipped, because {reason}", warning=True))
        return RecipeOutcome(recipe=item.file.name, template=item.name, state="skipped", why=(reason,))

    def failed(self, done: RecipeOutcome) -> bool:
        return not done.good

    def plan(self, summary: RecipeSummary) -> RecipeState:
        """Plan a recipe. Raises GoldenError if it cannot be built."""
        require_unique_name(summary, self._namesakes.get(summary.name, ()))
        warnings: list[str] = []

        def listen(event: Event) -> None:
            if isinstance(event, Notice) and event.warning:
                warnings.append(event.text)

        recipe = load(summary.file)
        plan = make_plan(recipe, self._output, listen, refresh=self._order.refresh)
        why = [f"{action.title}: {action.reason}" for action in plan.actions if not action.reused][:1]
        return RecipeState(summary, plan, tuple(warnings), tuple(why))

    def reasons_to_build(self, state: RecipeState) -> tuple[str, ...]:
        """Why a recipe must be built or verified; empty if there is nothing to do."""
        if state.plan.changed or state.before is None:
            return state.why
        if not self._order.verify:
            return ()
        verification = state.before.verification
        if verification is None:
            return (f"{state.before.name} has not been verified yet",)
        return () if verification.passed else (f"{state.before.name} failed its verification",)

    def build(self, state: RecipeState, why: tuple[str, ...]) -> RunningTask[RecipeOutcome]:
        """Build in a child process: appliances, signals and libvirt's embedded driver each need one."""
        name = state.plan.recipe.name
        refresh = self._order.refresh
        command = [*self._order.golden, "build", str(state.summary.file), "--json"]
        command += ["--refresh", "--on-unreachable", refresh.on_unreachable]
        command += ["--verify"] if self._order.verify else []
        result, log = self._run / f"{name}.json", self._run / f"{name}.log"
        env = {"GOLDEN_OUTPUT": str(self._output.root)}
        env |= {PROCESSORS: str(self._order.processors)} if self._order.processors else {}
        self._emit(Notice(f"{name}: {why[0]}; building, log: {log}"))
        return BuildProcess(self, state, why, Child(command, stdout=result, stderr=log, env=env))

    def finish(self, state: RecipeState, why: tuple[str, ...], status: int, seconds: float) -> RecipeOutcome:
        """The outcome of a build that exited with that status; it is promoted if it succeeded."""
        name = state.plan.recipe.name
        result, log = self._run / f"{name}.json", self._run / f"{name}.log"
        outcome = before_build(state, why).with_facts(seconds=seconds, log=str(log))
        try:
            if status == VerifyError.exit_code:
                outcome = self.add_rejected(outcome, state, log)
            elif status != 0:
                outcome = outcome.with_facts(exit_code=exit_code_for(status), error=read_error(log, status))
            else:
                outcome = self.add_built(outcome, state, read_result(result))
                outcome = self.promote(outcome)
        except (GoldenError, OSError) as error:
            outcome = with_error(outcome, error)
        self._emit(Notice(f"{name}: {outcome.word}", warning=not outcome.good))
        return outcome

    def add_built(self, outcome: RecipeOutcome, state: RecipeState, result: dict[str, Any]) -> RecipeOutcome:
        """Add the version that a successful build published. Raises GoldenError."""
        version = Store(self._output.templates).find(f"{result['template']}:{result['version']}")
        changed = state.before is None or state.before.name != version.name
        known = {
            "state": "rebuilt" if changed else "unchanged",
            "exit_code": 0,
            "actions": tuple(
                ActionTiming(title=titles(state).get(each["key"], each["step"]), **each) for each in result["actions"]
            ),
        }
        return outcome.with_facts(**known, **facts(version, state.before))

    def add_rejected(self, outcome: RecipeOutcome, state: RecipeState, log: Path) -> RecipeOutcome:
        """Add the version that failed its verification. Raises HostError."""
        known: dict[str, Any] = {
            "state": "unverified",
            "exit_code": VerifyError.exit_code,
            "error": read_error(log, VerifyError.exit_code),
        }
        version = self.find_rejected(state)
        if version and (verification := version.verification):
            ends = [clone.tail for clone in verification.clones if clone.tail.strip()]
            known["console"] = tuple(tail(ends[0], LINES).splitlines()) if ends else ()
            known |= facts(version, state.before)
        return outcome.with_facts(**known)

    def find_rejected(self, state: RecipeState) -> Version | None:
        """The newest version, if it failed its verification."""
        versions = Store(self._output.templates).versions(state.plan.recipe.name)
        newest = versions[-1] if versions else None
        verification = newest.verification if newest else None
        return newest if verification and not verification.passed else None

    def promote(self, outcome: RecipeOutcome) -> RecipeOutcome:
        """Point the channel at the new version, unless it pointed there before: somebody may have rolled it back.

        Raises GoldenError or OSError.
        """
        channel, store = self._order.promote_to, Store(self._output.templates)
        if channel is None or outcome.after is None:
            return outcome
        if any(move.channel == channel and move.to == outcome.after for move in store.history(outcome.template)):
            return outcome
        store.promote(outcome.template, outcome.after, channel, why="nightly run")
        return outcome.with_facts(promoted=(channel,))


class BuildProcess:
    """A running build."""

    def __init__(self, images: ImageBuilds, state: RecipeState, why: tuple[str, ...], child: Child) -> None:
        self._images = images
        self._state = state
        self._why = why
        self._child = child
        self._started = time.monotonic()

    def fileno(self) -> int:
        return self._child.fileno()

    def result(self) -> RecipeOutcome:
        status = self._child.wait()
        return self._images.finish(self._state, self._why, status, time.monotonic() - self._started)

    def ask_to_end(self) -> None:
        self._child.ask_to_end()

    def end(self, timeout: float) -> None:
        self._child.end(timeout)


def require_unique_name(recipe: RecipeSummary, namesakes: Sequence[RecipeSummary]) -> None:
    """Raises RecipeError if several recipes have the same name."""
    if len(namesakes) > 1:
        names = ", ".join(other.file.name for other in namesakes)
        message = f"several recipes in this folder are named {recipe.name}: {names}"
        raise RecipeError([Problem(recipe.file, 1, 1, message, "give each recipe a name of its own")])


def before_build(state: RecipeState, why: tuple[str, ...]) -> RecipeOutcome:
    """The outcome before the build: failed, until the build succeeds."""
    moved = tuple(
        UpstreamChange(url=each.url, step=each.title, before=each.before, after=each.after) for each in state.plan.moved
    )
    return RecipeOutcome(
        recipe=state.summary.file.name,
        template=state.plan.recipe.name,
        state="failed",
        exit_code=BuildError.exit_code,
        before=state.before.name if state.before else None,
        bytes=bytes_of(state.before),
        why=why,
        moved=moved,
        warnings=state.warnings,
    )


def unchanged(state: RecipeState, version: Version) -> RecipeOutcome:
    return before_build(state, ()).with_facts(state="unchanged", exit_code=0, after=version.name)


def failed(recipe: RecipeSummary, error: GoldenError | OSError) -> RecipeOutcome:
    """The outcome of a recipe whose build could not start."""
    outcome = RecipeOutcome(recipe=recipe.file.name, template=recipe.name, state="failed")
    return with_error(outcome, error)


def with_error(outcome: RecipeOutcome, error: GoldenError | OSError) -> RecipeOutcome:
    if isinstance(error, OSError):
        error = HostError("a file or process operation on this host failed", details=str(error))
    return outcome.with_facts(state="failed", exit_code=error.exit_code, error=str(error))


def facts(version: Version, before: Version | None) -> dict[str, Any]:
    """The facts about a new version, and how its packages differ from the previous ones. Raises HostError."""
    manifest = version.manifest
    changes = compare_packages(before.manifest, manifest) if before else None
    listed = (*changes.added, *changes.removed, *changes.changed) if changes else ()
    return {
        "after": version.name,
        "bytes": manifest.disk.bytes,
        "packages": tuple(
            PackageUpdate(name=each.name, arch=each.arch, before=each.before, after=each.after) for each in listed
        ),
    }


def bytes_of(version: Version | None) -> int | None:
    return version.manifest.disk.bytes if version else None


def titles(state: RecipeState) -> dict[str, str]:
    """The titles of a plan's actions, by key."""
    return {action.key: action.title for action in state.plan.actions}
