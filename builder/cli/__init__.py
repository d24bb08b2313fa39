"""The command line: the only place that prints or exits."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any

import typer

from builder import __version__
from builder.cli import (
    attestations,
    audit,
    build,
    cache,
    channels,
    clone,
    diff,
    manual,
    networks,
    nightly,
    node,
    offline,
    prune,
    recipes,
    templates,
    trees,
    verify,
)
from builder.cli.options import show_error
from builder.cli.verbosity import add_verbose, set_up_trace
from builder.errors import INTERRUPTED, GoldenError, HostError

app = typer.Typer(
    name="golden",
    help="Build golden images for KVM/libvirt from recipes, publish them as versioned templates, and clone "
    "nodes from them.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (build, verify, channels, clone, recipes, templates, diff, attestations, audit, prune, offline, manual):
    app.registered_commands += part.app.registered_commands
app.add_typer(node.app, name="node")
app.add_typer(cache.app, name="cache")
app.add_typer(networks.app, name="network")
app.add_typer(trees.app, name="tree")
app.add_typer(nightly.app, name="nightly")


@app.callback(invoke_without_command=True)
def golden(version: bool = typer.Option(False, "--version", help="Show the version and exit.")) -> None:
    if version:
        typer.echo(f"golden {__version__}")
        raise typer.Exit


def command_line() -> Any:
    """The command line with all commands, as a click command."""
    command = typer.main.get_command(app)
    add_verbose(command)
    return command


class Interruption:
    """Remembers that SIGINT or SIGTERM came. Any error after that is only its consequence."""

    def __init__(self) -> None:
        self.requested = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        raise KeyboardInterrupt


def main() -> None:
    """Run the command line. Shows an error with its place and hint, and exits with its exit code."""
    interruption = Interruption()
    set_up_trace()
    status = 0
    try:
        command_line()()
    except SystemExit as end:
        status = int(end.code or 0)
    except GoldenError as error:
        status = error.exit_code
        if not interruption.requested:
            show_error(error)
    except OSError as error:
        status = HostError.exit_code
        if not interruption.requested:
            show_error(HostError("a file or network operation on this host failed", details=str(error)))
    if interruption.requested:
        status = INTERRUPTED
        kept = "; finished layers are kept, and the next build resumes after them" if "build" in sys.argv[1:2] else ""
        print(f"interrupted{kept}", file=sys.stderr)
    sys.exit(status)
