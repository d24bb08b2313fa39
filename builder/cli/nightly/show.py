"""golden nightly show."""

from __future__ import annotations

import shutil

import typer

from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json

app = typer.Typer()


@app.command()
def show(output: OutputFolder = OUTPUT, as_json: AsJson = False) -> None:
    """Show the report of the last night."""
    from builder.nightly.folder import NightlyFolder
    from builder.nightly.report import read_report
    from builder.nightly.text import to_text

    report = read_report(NightlyFolder(output_at(output).nightly).last_report)
    if as_json:
        print_json(report.to_json())
    else:
        print(to_text(report, shutil.get_terminal_size().columns), end="")
