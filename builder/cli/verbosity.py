"""`--verbose`, which every command takes, and GOLDEN_TRACE."""

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
    """Whether the command that runs was called with `--verbose`."""
    return _verbose.get()


def add_verbose(command: Any) -> None:
    """Give a command, and all commands below it, the option `--verbose`."""
    command.params += _option()
    if isinstance(command, TyperGroup):
        for each in command.commands.values():
            add_verbose(each)


def _option() -> list[Any]:
    donor = typer.Typer(add_completion=False)
    donor.command()(_donor)
    return list(typer.main.get_command(donor).params)


def _donor(
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            callback=lambda context, value: _note(context, value),
            expose_value=False,
            help="Also show each decision and its reason, on stderr.",
        ),
    ] = False,
) -> None:
    """Declares the option: Typer has no other public way to make one."""


def _note(context: typer.Context, value: bool) -> None:
    # The outermost command is parsed first; each command below may only add the flag.
    _verbose.set(value or (context.parent is not None and _verbose.get()))


def set_up_trace() -> None:
    """With GOLDEN_TRACE=1, log all traffic with QEMU's monitor on stderr."""
    if os.environ.get("GOLDEN_TRACE") == "1":
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("qmp: %(message)s"))
        logger = logging.getLogger("qemu.qmp")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
