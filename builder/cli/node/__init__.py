"""golden node: commands for nodes, one module per topic."""

from __future__ import annotations

import typer

from builder.cli.node import addresses, console, definition, listing, power, remove, snapshots

app = typer.Typer(help="List, start, stop, change and remove nodes.", no_args_is_help=True)

# The order in `golden node --help`.
for part in (listing, power, console, definition, addresses, snapshots, remove):
    app.registered_commands += part.app.registered_commands
