"""golden manual: the reference of all commands, as Markdown or as manual pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from builder.cli.manual.commands import describe_commands
from builder.cli.manual.markdown import make_markdown
from builder.cli.manual.pages import make_pages
from builder.errors import HostError

app = typer.Typer()


@app.command()
def manual(
    context: typer.Context,
    man: Annotated[
        Path | None,
        typer.Option("--man", metavar="FOLDER", help="Write manual pages (golden.1, …) to this folder instead."),
    ] = None,
) -> None:
    """Print the reference of all commands, as Markdown.

    With --man, write one manual page per command and print their paths.
    """
    commands = describe_commands(context.find_root().command)
    if man is None:
        typer.echo(make_markdown(commands), nl=False)
        return
    try:
        man.mkdir(parents=True, exist_ok=True)
        for name, text in make_pages(commands).items():
            (man / name).write_text(text)
            typer.echo(man / name)
    except OSError as error:
        raise HostError(f"cannot write the manual pages to {man}", details=str(error)) from error
