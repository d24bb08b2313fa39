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
    on_calendar: Annotated[
        str, typer.Option(metavar="WHEN", help='When to run, in systemd calendar syntax, such as "*-*-* 02:30".')
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FOLDER] [OPTION…]", help="Arguments for `golden nightly run`.", show_default=False),
    ] = None,
    user: Annotated[
        bool, typer.Option("--user", help="Install for your own systemd instance, not the system's.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder to write the units to.", show_default="/etc/systemd/system"),
    ] = None,
    only_print: Annotated[bool, typer.Option("--print", help="Print the units on stdout; write nothing.")] = False,
    output: OutputFolder = OUTPUT,
) -> None:
    """Write a systemd service and timer for `golden nightly run`, and print how to enable them.

    The service runs in the current folder. For hosts without systemd, it also prints a crontab line.
    """
    from builder.nightly import cron, units

    run_arguments = arguments or []
    check_run(run_arguments)
    schedule = units.normalize(on_calendar)
    job = units.ScheduledJob(
        [run.golden_command(), "nightly", "run", *run_arguments],
        Path.cwd(),
        {"GOLDEN_OUTPUT": str(output_at(output).root)},
    )
    texts = {units.SERVICE: units.service(job), units.TIMER: units.timer(on_calendar)}
    units.check(texts)
    if only_print:
        for name, text in texts.items():
            print(f"# {name}\n{text}")
    else:
        target = folder or (units.user_folder(os.environ) if user else units.SYSTEM)
        units.write(texts, target)
        for name in texts:
            print(target / name)
        control = "systemctl --user" if user else "systemctl"
        say(f"next: {control} daemon-reload && {control} enable --now {units.TIMER}")
        if user:
            say("to run it even while you are not logged in: loginctl enable-linger")
    if fields := cron.schedule(schedule):
        say(f"without systemd, add this line to a crontab:\n{cron.line(fields, job)}")
    else:
        say(f'a crontab cannot express "{schedule}"')


def check_run(arguments: list[str]) -> None:
    """Check arguments as `golden nightly run` would. Raises click's UsageError and RequestError."""
    command = typer.main.get_command(run.app)
    context = command.make_context("golden nightly run", [*arguments])
    recipes: Path = context.params["folder"]
    if not recipes.is_dir():
        raise RequestError(
            f"no such folder of recipes: {recipes}", hint="give the folder before the options of `golden nightly run`"
        )
