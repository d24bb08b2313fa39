"""Every check: what passes, what does not, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builder.store import Verification
from builder.store.verification import CheckResult
from builder.verify import questions as q
from builder.verify.checks import CloneFacts, judge
from builder.verify.questions import QuestionAnswer
from tests.verify.told import EXPECTED, GIB, told

NAMES = ["login", "units", "growth of /", "network", "machine-id", "host-keys", "command 1", "command 2"]


def failed(*clones: CloneFacts) -> dict[str, str]:
    return {check.name: check.message for check in judge(clones, EXPECTED, 300.0) if not check.ok}


def test_two_that_are_well() -> None:
    checks = judge((told(1), told(2)), EXPECTED, 300.0)
    assert [check.name for check in checks] == NAMES
    assert all(check.ok for check in checks)
    said = {check.name: check.message for check in checks}
    assert said["network"] == "eth0 has 10.0.2.15/24"
    assert said["growth of /"] == "4096 MiB before, 6108 MiB on a disk larger by 2048 MiB"
    assert said["login"] == "login prompt after 20 s"


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        (
            {"state": QuestionAnswer(1, "degraded"), "failed": QuestionAnswer(0, "x.service loaded failed failed X")},
            "units",
            "x.service",
        ),
        (
            {"state": QuestionAnswer(1, "starting"), "jobs": QuestionAnswer(0, "7 slow.service start running")},
            "units",
            "slow.service",
        ),
        ({"state": QuestionAnswer(1, "maintenance")}, "units", "`systemctl is-system-running` reports maintenance"),
        ({"state": None}, "units", "within 300 s"),
        (
            {"size": QuestionAnswer(0, f"{4 * GIB // 4096} 4096")},
            "growth of /",
            "did not grow with the disk: 4096 MiB before",
        ),
        ({"size": QuestionAnswer(0, f"{5 * GIB // 4096} 4096")}, "growth of /", "did not grow"),
        ({"size": QuestionAnswer(1, "stat: cannot read")}, "growth of /", "stat: cannot read"),
        ({"size": QuestionAnswer(0, "many 4096")}, "growth of /", "many"),
        ({"size": None}, "growth of /", "did not answer"),
        (
            {"address": QuestionAnswer(1, "2: eth0 inet6 fe80::1/64 scope link")},
            "network",
            "no IPv4 address: 2: eth0",
        ),
        ({"address": QuestionAnswer(1, "there is no network card")}, "network", "there is no network card"),
        ({"address": None}, "network", "did not answer"),
        ({"machine_id": QuestionAnswer(1, "")}, "machine-id", "no valid machine-id"),
        ({"machine_id": QuestionAnswer(0, "uninitialized")}, "machine-id", "no valid machine-id: 0000"),
        ({"host_keys": QuestionAnswer(0, "")}, "host-keys", "no host keys"),
        ({"host_keys": None}, "host-keys", "no host keys"),
        ({"systemctl is_active nginx": QuestionAnswer(3, "inactive")}, "command 1", "exited with status 3\ninactive"),
        ({"systemctl is_active nginx": QuestionAnswer(q.TIMED_OUT, "hm")}, "command 1", "no result within 120 s\nhm"),
        ({"systemctl is_active nginx": None}, "command 1", "systemctl is-active nginx: the clone did not answer"),
        ({"nginx _v": QuestionAnswer(0, "nginx/2.0")}, "command 2", '"nginx/1." is not in its output\nnginx/2.0'),
    ],
)
def test_one_that_is_not(changes: dict[str, QuestionAnswer | None], name: str, words: str) -> None:
    found = failed(told(1), told(2, **changes))
    assert list(found) == [name]
    assert words in found[name]
    if name not in ("machine-id", "host-keys"):
        assert found[name].startswith("clone 2: ")


def test_what_they_have_in_common_is_said_once() -> None:
    bad = {"systemctl is_active nginx": QuestionAnswer(3, "inactive")}
    assert failed(told(1, **bad), told(2, **bad)) == {
        "command 1": "systemctl is-active nginx: exited with status 3\ninactive"
    }


def test_clones_that_are_one_machine() -> None:
    same = told(1, host_keys=QuestionAnswer(0, "ssh-rsa AAAA1\nssh-ed25519 BBBB2"))
    assert failed(same, told(2))["host-keys"] == "the clones have the same SSH host keys: ssh-ed25519"
    assert failed(told(1), told(1)) == {
        "machine-id": f"both clones have the same one: {1:032x}",
        "host-keys": "the clones have the same SSH host keys: ssh-ed25519, ssh-rsa",
    }


def test_a_guest_without_sshd_needs_no_keys() -> None:
    none = QuestionAnswer(q.NO_SSHD, "")
    checks = judge((told(1, host_keys=none), told(2, host_keys=none)), EXPECTED, 300.0)
    assert [check.name for check in checks if not check.ok] == []
    assert "host-keys" not in [check.name for check in checks]
    assert failed(told(1, host_keys=none), told(2)) == {"host-keys": "sshd has no host keys"}


def test_a_boot_in_trouble_is_all_that_is_said() -> None:
    panicked = CloneFacts({}, trouble="its kernel panicked: no root", hint="is there one?", answered=False)
    message = "its kernel panicked: no root\nis there one?"
    for other in (told(1), CloneFacts({}, answered=False)):
        checks = judge((other, panicked), EXPECTED, 300.0)
        assert checks == (CheckResult(name="login", ok=False, message=f"clone 2: {message}"),)
    assert judge((panicked, panicked), EXPECTED, 300.0) == (CheckResult(name="login", ok=False, message=message),)


def test_no_prompt_in_time_or_none_at_all() -> None:
    assert failed(CloneFacts({}, answered=False), CloneFacts({}, answered=False)) == {
        "login": "no login prompt within 300 s"
    }
    silent = replace(told(1), login=None)
    assert "add the step `serial-console` to the recipe" in failed(silent, told(2))["login"]


def test_nothing_looked_at_is_nothing_proven() -> None:
    nothing = Verification(when="", seconds=0, accelerator="tcg", checks=())
    assert not nothing.passed
