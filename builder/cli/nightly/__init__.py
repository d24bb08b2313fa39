"""golden nightly …"""

from __future__ import annotations

import typer

from builder.cli.nightly import install, run, show

app = typer.Typer(
    no_args_is_help=True, help="Rebuild, verify and promote all recipes of a folder every night, and report."
)
for part in (run, show, install):
    app.registered_commands += part.app.registered_commands
