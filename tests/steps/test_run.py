from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from builder.errors import CommandError, GuestError
from builder.events import Event, OutputLine
from builder.guest.guest import Guest
from builder.inputs import KeyContext, RecipeContext
from builder.steps.run import SCRIPT_NAME, Run


def load(value: Any, folder: Path, text: str | bytes) -> Run:
    (folder / "setup.sh").write_bytes(text.encode() if isinstance(text, str) else text)
    return Run.model_validate(value, context=RecipeContext(folder))


def test_shapes(tmp_path: Path) -> None:
    step = load("setup.sh", tmp_path, "#!/bin/sh\n")
    assert step.title == "run setup.sh"
    assert load({"script": "setup.sh", "check": "true"}, tmp_path, "#! /usr/bin/env python3\n").proof == "true"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must begin with #!"),
        ("echo\n", "must begin with #!"),
        ("#!\n", "must begin with #!"),
        ("#!sh\n", "must begin with #!"),
        ("\n#!/bin/sh\n", "must begin with #!"),
        (b"\x7fELF\x02", "must begin with #!"),
        ("#!/bin/sh\r\necho\r\n", "Windows line endings"),
    ],
)
def test_a_file_that_is_not_a_script_is_refused(text: str | bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=reason):
        load("setup.sh", tmp_path, text)


def test_missing_script(tmp_path: Path) -> None:
    for name, reason in (("gone.sh", "no such file: gone.sh"), (".", "not a file")):
        with pytest.raises(ValidationError, match=reason):
            load(name, tmp_path, "#!/bin/sh\n")


def test_layer_key_follows_the_script(tmp_path: Path) -> None:
    context = KeyContext(b"")
    one, same, other = (
        load("setup.sh", tmp_path, text).key_options(context) for text in ("#!/bin/sh\n", "#!/bin/sh\n", "#!/bin/ash\n")
    )
    assert one == same != other


def test_run(folder_debian: Guest, tmp_path: Path) -> None:
    guest = folder_debian
    said: list[Event] = []
    guest.emit = said.append
    before = [guest.ls(folder) for folder in ("/tmp", "/var/tmp", "/root")]
    # Not for sh, and not all text.
    text = b"#!/usr/bin/perl -l\nprint 'as ', $<, ' in ', `pwd`; open(F, '>/srv/made'); print F \"\xff\"; exit(shift)\n"
    step = load({"script": "setup.sh", "check": "test -s /srv/made"}, tmp_path, text)
    assert [finding.ok for finding in step.check(guest)] == [False]
    step.apply(guest)
    assert OutputLine("as 0 in /") in said
    assert guest.read_bytes("/srv/made") == b"\xff\n"
    assert [finding.ok for finding in step.check(guest)] == [True]
    assert list(load("setup.sh", tmp_path, text).check(guest)) == []

    failing = load("setup.sh", tmp_path, "#!/bin/sh\necho the reason >&2\nexit 7\n")
    with pytest.raises(CommandError) as caught:
        failing.apply(guest)
    assert caught.value.status == 7
    assert "the reason" in str(caught.value)

    with pytest.raises(GuestError, match=r"the guest has no /opt/tcl/tclsh, the interpreter of setup\.sh"):
        load("setup.sh", tmp_path, "#!/opt/tcl/tclsh\n").apply(guest)

    assert [guest.ls(folder) for folder in ("/tmp", "/var/tmp", "/root")] == before
    assert SCRIPT_NAME not in guest.query("ls /dev").split()
