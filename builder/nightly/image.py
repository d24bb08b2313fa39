"""The night of one recipe: refreshed, built, verified, promoted."""

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
from builder.nightly.child import read_result, reason_in, status_of
from builder.nightly.report import ActionTiming, PackageUpdate, RecipeOutcome, UpstreamChange
from builder.nightly.schedule import FinishedTask, RunningTask
from builder.paths import Output
from builder.plan import Plan, Refresh, make_plan
from builder.process import Child
from builder.recipe import load
from builder.recipe.graph import RecipeSummary
from builder.store import Store, Version

LINES = 25
"""How much of a console's end a report shows."""


@dataclass(frozen=True, slots=True)
class NightOrder:
    """What the night does with every recipe.

    `golden` is the command line that golden is called by. `promote_to` is a channel that follows
    `latest`. Each build's appliance gets so many `processors`, by default as many as any.
    """

    golden: Sequence[str]
    refresh: Refresh
    verify: bool = True
    promote_to: str | None = None
    processors: int | None = None


@dataclass(frozen=True, slots=True)
class RecipeState:
    """What a look at a recipe told before anything was done."""

    kin: RecipeSummary
    plan: Plan
    warnings: tuple[str, ...]
    why: tuple[str, ...]

    @property
    def before(self) -> Version | None:
        return self.plan.current


class ImageBuilds:
    """What `carry_out` does with recipes; unchanged ones take no process. `run` is the night's folder."""

    def __init__(
        self, order: NightOrder, output: Output, run: Path, emit: Emit, twins: Mapping[str, Sequence[RecipeSummary]]
    ) -> None:
        """`twins` are the recipes of the folder by their names: two of the same would publish one template by turns."""
        self._order = order
        self._output = output
        self._run = run
        self._emit = emit
        self._twins = twins

    def begin(self, item: RecipeSummary) -> FinishedTask[RecipeOutcome] | RunningTask[RecipeOutcome]:
        begun = time.monotonic()
        try:
            found = self.look(item)
            if reason := self.why_build(found):
                return self.build(found, reason)
            assert found.before
            image = self.promoted(unchanged(found, found.before))
        except (GoldenError, OSError) as error:
            image = failed(item, error)
        self._emit(Notice(f"{image.template}: {image.word}", warning=not image.good))
        return FinishedTask(image.but(seconds=time.monotonic() - begun))

    def skip(self, item: RecipeSummary, because: RecipeSummary) -> RecipeOutcome:
        self._emit(Notice(f"{item.name}: skipped, since it stands on {because.name}", warning=True))
        reason = f"it stands on {because.name}, which did not come about"
        return RecipeOutcome(recipe=item.file.name, template=item.name, state="skipped", why=(reason,))

    def failed(self, done: RecipeOutcome) -> bool:
        return not done.good

    def look(self, kin: RecipeSummary) -> RecipeState:
        """Plan a recipe. Raises GoldenError for one that cannot be built."""
        refuse_twins(kin, self._twins.get(kin.name, ()))
        warnings: list[str] = []

        def listen(event: Event) -> None:
            if isinstance(event, Notice) and event.warning:
                warnings.append(event.text)

        recipe = load(kin.file)
        plan = make_plan(recipe, self._output, listen, refresh=self._order.refresh)
        why = [f"{action.title}: {action.reason}" for action in plan.actions if not action.reused][:1]
        return RecipeState(kin, plan, tuple(warnings), tuple(why))

    def why_build(self, found: RecipeState) -> tuple[str, ...]:
        """Why a build is to look after a recipe; nothing where nothing is to be done."""
        if found.plan.changed or found.before is None:
            return found.why
        if not self._order.verify:
            return ()
        verification = found.before.verification
        if verification is None:
            return (f"{found.before.name} was not verified yet",)
        return () if verification.passed else (f"{found.before.name} failed its verification",)

    def build(self, found: RecipeState, why: tuple[str, ...]) -> RunningTask[RecipeOutcome]:
        """Have a process of its own build it: appliances, signals and libvirt's embedded driver want one each."""
        name = found.plan.recipe.name
        refresh = self._order.refresh
        command = [*self._order.golden, "build", str(found.kin.file), "--json"]
        command += ["--refresh", "--on-unreachable", refresh.on_unreachable]
        command += ["--verify"] if self._order.verify else []
        result, log = self._run / f"{name}.json", self._run / f"{name}.log"
        env = {"GOLDEN_OUTPUT": str(self._output.root)}
        env |= {PROCESSORS: str(self._order.processors)} if self._order.processors else {}
        self._emit(Notice(f"{name}: {why[0]}; building, see {log}"))
        return BuildProcess(self, found, why, Child(command, stdout=result, stderr=log, env=env))

    def settle(self, found: RecipeState, why: tuple[str, ...], status: int, seconds: float) -> RecipeOutcome:
        """What a build came to, which exited with that status."""
        name = found.plan.recipe.name
        result, log = self._run / f"{name}.json", self._run / f"{name}.log"
        image = begun(found, why).but(seconds=seconds, log=str(log))
        try:
            if status == VerifyError.exit_code:
                image = self.unverified(image, found, log)
            elif status != 0:
                image = image.but(exit_code=status_of(status), error=reason_in(log, status))
            else:
                image = self.built(image, found, read_result(result))
                image = self.promoted(image)
        except (GoldenError, OSError) as error:
            image = with_error(image, error)
        self._emit(Notice(f"{name}: {image.word}", warning=not image.good))
        return image

    def built(self, image: RecipeOutcome, found: RecipeState, result: dict[str, Any]) -> RecipeOutcome:
        """What a good build made. Raises GoldenError."""
        version = Store(self._output.templates).find(f"{result['template']}:{result['version']}")
        changed = found.before is None or found.before.name != version.name
        known = {
            "state": "rebuilt" if changed else "unchanged",
            "exit_code": 0,
            "actions": tuple(
                ActionTiming(title=titles(found).get(each["key"], each["step"]), **each) for each in result["actions"]
            ),
        }
        return image.but(**known, **facts(version, found.before))

    def unverified(self, image: RecipeOutcome, found: RecipeState, log: Path) -> RecipeOutcome:
        """What became of a version that did not pass. Raises HostError."""
        known: dict[str, Any] = {
            "state": "unverified",
            "exit_code": VerifyError.exit_code,
            "error": reason_in(log, VerifyError.exit_code),
        }
        version = self.find_rejected(found)
        if version and (verification := version.verification):
            ends = [clone.tail for clone in verification.clones if clone.tail.strip()]
            known["console"] = tuple(tail(ends[0], LINES).splitlines()) if ends else ()
            known |= facts(version, found.before)
        return image.but(**known)

    def find_rejected(self, found: RecipeState) -> Version | None:
        """The newest version, if it failed its verification."""
        versions = Store(self._output.templates).versions(found.plan.recipe.name)
        newest = versions[-1] if versions else None
        verification = newest.verification if newest else None
        return newest if verification and not verification.passed else None

    def promoted(self, image: RecipeOutcome) -> RecipeOutcome:
        """Have the channel name the new version, unless it did before: somebody may have gone back from it.

        Raises GoldenError or OSError.
        """
        channel, store = self._order.promote_to, Store(self._output.templates)
        if channel is None or image.after is None:
            return image
        if any(move.channel == channel and move.to == image.after for move in store.history(image.template)):
            return image
        store.promote(image.template, image.after, channel, why="nightly run")
        return image.but(promoted=(channel,))


class BuildProcess:
    """A build that runs beside us."""

    def __init__(self, images: ImageBuilds, found: RecipeState, why: tuple[str, ...], child: Child) -> None:
        self._images = images
        self._found = found
        self._why = why
        self._child = child
        self._begun = time.monotonic()

    def fileno(self) -> int:
        return self._child.fileno()

    def result(self) -> RecipeOutcome:
        status = self._child.wait()
        return self._images.settle(self._found, self._why, status, time.monotonic() - self._begun)

    def ask_to_end(self) -> None:
        self._child.ask_to_end()

    def end(self, patience: float) -> None:
        self._child.end(patience)


def refuse_twins(kin: RecipeSummary, twins: Sequence[RecipeSummary]) -> None:
    if len(twins) > 1:
        names = ", ".join(other.file.name for other in twins)
        message = f"several recipes of the folder have the name {kin.name}: {names}"
        raise RecipeError([Problem(kin.file, 1, 1, message, "they would publish one template by turns")])


def begun(found: RecipeState, why: tuple[str, ...]) -> RecipeOutcome:
    """An image before its build: failed, until it is known to be anything better."""
    moved = tuple(
        UpstreamChange(url=each.url, step=each.title, before=each.before, after=each.after) for each in found.plan.moved
    )
    return RecipeOutcome(
        recipe=found.kin.file.name,
        template=found.plan.recipe.name,
        state="failed",
        exit_code=BuildError.exit_code,
        before=found.before.name if found.before else None,
        bytes=bytes_of(found.before),
        why=why,
        moved=moved,
        warnings=found.warnings,
    )


def unchanged(found: RecipeState, version: Version) -> RecipeOutcome:
    return begun(found, ()).but(state="unchanged", exit_code=0, after=version.name)


def failed(kin: RecipeSummary, error: GoldenError | OSError) -> RecipeOutcome:
    """The image of a recipe that did not come to a build."""
    image = RecipeOutcome(recipe=kin.file.name, template=kin.name, state="failed")
    return with_error(image, error)


def with_error(image: RecipeOutcome, error: GoldenError | OSError) -> RecipeOutcome:
    if isinstance(error, OSError):
        error = HostError("this host refused", details=str(error))
    return image.but(state="failed", exit_code=error.exit_code, error=str(error))


def facts(version: Version, before: Version | None) -> dict[str, Any]:
    """What is told of a new version, and how its packages differ from those before. Raises HostError."""
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


def titles(found: RecipeState) -> dict[str, str]:
    """What the actions of a plan are called, by their keys."""
    return {action.key: action.title for action in found.plan.actions}
