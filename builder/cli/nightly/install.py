"""golden nightly install."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from builder.cli.nightly import run
from builder.cli.options import OUTPUT, OutputFolder, output_at, say
from builder.errors import RequestError

app = typer.Typer()


@app.command(context_settings={"ignore_unknown_options": True})
def install(
    on_calendar: Annotated[str, typer.Option(metavar="WHEN", help='When, as systemd says it: "*-*-* 02:30".')],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FOLDER] [OPTION…]", help="What `golden nightly run` is given.", show_default=False),
    ] = None,
    user: Annotated[bool, typer.Option("--user", help="For your own systemd, not the host's.")] = False,
    folder: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the units go.", show_default="/etc/systemd/system")
    ] = None,
    only_print: Annotated[bool, typer.Option("--print", help="Write nothing; show the units on stdout.")] = False,
    output: OutputFolder = OUTPUT,
) -> None:
    """Write a systemd service and timer for `golden nightly run`, and say what is to be done next.

    They run in this folder. For hosts without systemd the line of a crontab is shown.
    """
    from builder.nightly import cron, units

    given = arguments or []
    check_run(given)
    normal = units.normalize(on_calendar)
    job = units.ScheduledJob(
        [run.this_golden(), "nightly", "run", *given], Path.cwd(), {"GOLDEN_OUTPUT": str(output_at(output).root)}
    )
    texts = {units.SERVICE: units.service(job), units.TIMER: units.timer(on_calendar)}
    units.check(texts)
    if only_print:
        for name, text in texts.items():
            print(f"# {name}\n{text}")
    else:
        where = folder or (units.of_user(os.environ) if user else units.SYSTEM)
        units.write(texts, where)
        for name in texts:
            print(where / name)
        control = "systemctl --user" if user else "systemctl"
        say(f"next: {control} daemon-reload && {control} enable --now {units.TIMER}")
        if user:
            say("and, so that it runs while you are not logged in: loginctl enable-linger")
    if fields := cron.schedule(normal):
        say(f"without systemd, as a line of a crontab:\n{cron.line(fields, job)}")
    else:
        say(f'"{normal}" has no form in a crontab')


def check_run(arguments: list[str]) -> None:
    """Refuse what `golden nightly run` would refuse every night. Raises click's UsageError and RequestError."""
    command = typer.main.get_command(run.app)
    context = command.make_context("golden nightly run", [*arguments])
    found: Path = context.params["folder"]
    if not found.is_dir():
        raise RequestError(f"no folder of recipes: {found}", hint="name it before the options of `golden nightly run`")
