"""golden prune."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json, say
from builder.cli.progress import Progress
from builder.sizes import format_size

if TYPE_CHECKING:
    from builder.prune import PruneDecision

app = typer.Typer()


@app.command()
def prune(
    templates: Annotated[
        list[str] | None, typer.Argument(metavar="[TEMPLATE]...", help="Templates to prune. Default: all.")
    ] = None,
    keep_last: Annotated[
        int, typer.Option(metavar="N", min=0, help="Number of newest good versions to keep of each template.")
    ] = 3,
    keep_days: Annotated[
        int | None, typer.Option(metavar="D", min=0, help="Also keep the good versions of the last D days.")
    ] = None,
    keep_failed: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Number of newest versions that failed verification to keep of each template."
        ),
    ] = 1,
    keep_channel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHANNEL", help="Also keep the version that a rollback of this channel would return to; repeatable."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove the versions instead of only showing them.")] = False,
    connect: Annotated[
        list[str] | None,
        typer.Option(
            "--connect",
            metavar="URI",
            envvar="LIBVIRT_DEFAULT_URI",
            help="libvirt URI of a further hypervisor to ask which versions are in use; repeatable. golden always asks "
            "every hypervisor on which it ever created nodes. Default: those of this host.",
        ),
    ] = None,
    unreachable_ok: Annotated[
        bool, typer.Option("--unreachable-ok", help="Assume that a hypervisor that does not answer uses no version.")
    ] = False,
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Remove the versions that nobody needs; without --yes, only show them.

    It always keeps the versions that channels point at, the newest good version, and every version
    that a domain, a volume, a running clone or build, or another kept version is based on.
    """
    from builder.prune import PruneRequest, RetentionPolicy, foresee
    from builder.prune import prune as prune_versions

    policy = RetentionPolicy(keep_last, keep_days, keep_failed, frozenset(keep_channel or ()))
    request = PruneRequest(policy, tuple(templates or ()), tuple(connect or ()), unreachable_ok)
    plan = (prune_versions if yes else foresee)(request, output_at(output), Progress())
    if as_json:
        rows = [row(decision) for decision in plan.decisions]
        print_json({"removed": yes, "bytes": plan.bytes, "versions": rows})
        return
    for decision in plan.decisions:
        word = "keep" if decision.keep else "removed" if yes else "remove"
        version, size = decision.version, format_size(decision.bytes)
        print(f"{word:<7}  {version.place:<16} {version.name:<24} {size:>9}  {decision.reason}")
    count, freed = len(plan.removed), format_size(plan.bytes)
    if yes:
        say(f"{count} of {len(plan.decisions)} versions removed, {freed}")
    elif count:
        say(f"{count} of {len(plan.decisions)} versions would be removed, {freed}; pass --yes to remove them")
    else:
        say("nothing to remove")


def row(decision: PruneDecision) -> dict[str, object]:
    """A decision as JSON."""
    return {
        "template": decision.version.place,
        "version": decision.version.name,
        "action": "keep" if decision.keep else "remove",
        "reason": decision.reason,
        "bytes": decision.bytes,
        "bases": [base.name for base in decision.bases],
    }
