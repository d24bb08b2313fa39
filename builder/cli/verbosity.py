"""The option `--verbose` of every command, and the environment variable GOLDEN_TRACE."""

from __future__ import annotations

import logging
import os
import sys
from contextvars import ContextVar
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

_verbose: ContextVar[bool] = ContextVar("verbose", default=False)


def is_verbose() -> bool:
    """Whether the current command was called with `--verbose`."""
    return _verbose.get()


def add_verbose(command: Any) -> None:
    """Add the option `--verbose` to a command and all its subcommands."""
    command.params += _option()
    if isinstance(command, TyperGroup):
        for each in command.commands.values():
            add_verbose(each)


def _option() -> list[Any]:
    app = typer.Typer(add_completion=False)
    app.command()(_verbose_command)
    return list(typer.main.get_command(app).params)


def _verbose_command(
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            callback=lambda context, value: _set_verbose(context, value),
            expose_value=False,
            help="Also print each decision and its reason on stderr.",
        ),
    ] = False,
) -> None:
    """Declares the option: Typer has no other public way to create one."""


def _set_verbose(context: typer.Context, value: bool) -> None:
    # The outermost command is parsed first; subcommands may set the flag, but not clear it.
    _verbose.set(value or (context.parent is not None and _verbose.get()))


def set_up_trace() -> None:
    """If GOLDEN_TRACE is 1, log all traffic with QEMU's monitor on stderr."""
    if os.environ.get("GOLDEN_TRACE") == "1":
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("qmp: %(message)s"))
        logger = logging.getLogger("qemu.qmp")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
