"""golden nightly …"""

from __future__ import annotations

import typer

from builder.cli.nightly import install, run, show

app = typer.Typer(
    no_args_is_help=True, help="All recipes of a folder, night by night: rebuilt, verified, promoted, told."
)
for part in (run, show, install):
    app.registered_commands += part.app.registered_commands
