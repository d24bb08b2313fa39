from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.errors import CommandError
from builder.guest.guest import Guest
from builder.inputs import KeyContext
from builder.steps.run_command import RunCommand


def test_shapes() -> None:
    assert RunCommand.model_validate("ldconfig").title == "run-command ldconfig"
    assert RunCommand.model_validate({"command": "true", "check": "test -e /etc"}).proof == "test -e /etc"
    for empty in ("", " \n", {"command": "true", "check": ""}, {}):
        with pytest.raises(ValidationError):
            RunCommand.model_validate(empty)


def test_layer_key() -> None:
    context = KeyContext(b"")
    values = ["a", "b", {"command": "a", "check": "c"}]
    assert len({str(RunCommand.model_validate(value).key_options(context)) for value in values}) == 3


def test_run_command(folder_debian: Guest) -> None:
    guest = folder_debian
    step = RunCommand.model_validate("set -e\nprintf %s \"$(id -un) $PWD $HOME\" >/srv/who; echo 'it''s' >>/srv/who")
    step.apply(guest)
    assert guest.read("/srv/who") == "root / /rootits\n"
    assert list(step.check(guest)) == []

    proven = RunCommand.model_validate(
        {"command": "touch /srv/made", "check": "test -e /srv/made || { echo gone; exit 3; }"}
    )
    assert [(finding.ok, finding.message.rpartition(" exited ")[2]) for finding in proven.check(guest)] == [
        (False, "with status 3: gone")
    ]
    proven.apply(guest)
    assert [finding.ok for finding in proven.check(guest)] == [True]

    with pytest.raises(CommandError) as caught:
        RunCommand.model_validate("echo the reason >&2; exit 7").apply(guest)
    assert caught.value.status == 7
    assert "$ echo the reason >&2; exit 7\n" in str(caught.value)
    assert "the reason" in caught.value.output
