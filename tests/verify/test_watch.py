"""Following clones of the test's own making."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from builder.consoles.troubles import TroubleFinder
from builder.errors import HostError
from builder.events import OutputLine
from builder.verify import questions as q
from builder.verify import watch
from builder.verify.questions import Question, QuestionAnswer
from builder.verify.troubles import TROUBLES
from builder.verify.watch import CloneBoot, follow
from tests.installer.machines import Heard

QUESTION = Question(q.STATE, "")
ANSWER = b"0 0 " + base64.b64encode(b"running\n") + b"\r\n"
PROMPT = "Debian GNU/Linux 12 localhost ttyS0\r\n\r\nlocalhost login: "


@dataclass
class Played:
    """A machine that at each look shows the next of its turns, of console and answers, and at last ends as told."""

    folder: Path
    turns: list[tuple[str, bytes]]
    end: str | None = None

    @property
    def console(self) -> Path:
        return self.folder / "console"

    @property
    def answers(self) -> Path:
        return self.folder / "answers"

    @property
    def ended(self) -> str | None:
        if not self.turns:
            return self.end
        text, said = self.turns.pop(0)
        with self.console.open("a", newline="") as console:
            console.write(text)
        with self.answers.open("ab") as answers:
            answers.write(said)
        return None


def play(
    folder: Path, *machines: list[tuple[str, bytes]], end: str | None = None, timeout: float = 60
) -> list[CloneBoot]:
    boots = []
    for number, turns in enumerate(machines):
        own = folder / str(number)
        own.mkdir()
        boots.append(CloneBoot(Played(own, turns, end), [QUESTION]))
    follow(boots, timeout, Heard())
    return boots


GOOD = [("SeaBIOS\r\n", b""), (PROMPT, ANSWER), ("", b"end\r\n")]


def test_two_that_come_up(tmp_path: Path) -> None:
    begun = time.monotonic()
    first, second = play(tmp_path, [*GOOD], [("", b""), *GOOD])
    assert time.monotonic() - begun < 5
    for boot in (first, second):
        assert boot.trouble is None
        assert boot.login is not None
        assert boot.answered
        assert boot.answers == {QUESTION: QuestionAnswer(0, "running")}
    assert "localhost login:" in first.tail


def test_the_console_is_passed_on(tmp_path: Path) -> None:
    heard = Heard()
    boot = CloneBoot(Played(tmp_path, [*GOOD]), [QUESTION])
    follow([boot], 60, heard)
    assert OutputLine("1: SeaBIOS") in heard.events


def test_trouble_ends_both_at_once_with_what_comes_after(tmp_path: Path) -> None:
    begun = time.monotonic()
    panic = "[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r\n"
    after = "[    2.2] CPU: 0 PID: 1 Comm: swapper/0\r\n"
    first, second = play(tmp_path, 10_000 * [("", b"")], [(panic, b""), (after, b""), *10_000 * [("", b"")]])
    assert time.monotonic() - begun < 10
    assert first.trouble is None
    assert second.trouble == "its kernel panicked: VFS: Unable to mount root fs on unknown-block(0,0)"
    assert second.hint
    assert "swapper/0" in second.tail


def test_time_is_limited(tmp_path: Path) -> None:
    begun = time.monotonic()
    (boot,) = play(tmp_path, [("Booting\r\n", b""), *10_000 * [("", b"")]], timeout=1)
    assert 1 <= time.monotonic() - begun < 5
    assert (boot.login, boot.trouble, boot.answered) == (None, None, False)


def test_a_machine_that_powers_off(tmp_path: Path) -> None:
    (boot,) = play(tmp_path, [("Power down\r\n", b"")], end="it powered off")
    assert boot.trouble == "it powered off"
    assert "Power down" in boot.tail


def test_one_that_ends_when_all_is_said_is_fine(tmp_path: Path) -> None:
    (boot,) = play(tmp_path, [*GOOD], end="it powered off")
    assert boot.trouble is None


def test_one_that_boots_over_and_over(tmp_path: Path) -> None:
    again = ("[    0.000000] Linux version 6.1.0-18-amd64\r\n", b"")
    (boot,) = play(tmp_path, [again, again, *GOOD])
    assert boot.trouble is None, "it labels its files, and boots again"
    (tmp_path / "more").mkdir()
    (boot,) = play(tmp_path / "more", [*4 * [again, ("Rebooting.\r\n", b"")], *10_000 * [("", b"")]])
    assert "booted 4 times" in (boot.trouble or "")


def test_a_prompt_is_waited_for_after_the_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "GRACE", 1.0)
    late = [("", ANSWER + b"end\r\n"), ("", b""), (PROMPT, b""), *10_000 * [("", b"")]]
    never = [("", ANSWER + b"end\r\n"), *10_000 * [("", b"")]]
    first, second = play(tmp_path, late, never)
    assert first.login is not None
    assert second.login is None
    assert second.answered


def test_a_console_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0/answers").mkdir()
    boot = CloneBoot(Played(tmp_path / "0", [], None), [QUESTION])
    with pytest.raises(HostError, match="the file with the clone's answers"):
        follow([boot], 5, Heard())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[    1.2] Kernel panic - not syncing: Attempted to kill init! exitcode=0x7f", "Attempted to kill init!"),
        ("[    1.2] ---[ end Kernel panic - not syncing: no init found ]---", "its kernel panicked: no init found"),
        (
            "ALERT!  /dev/nonsense does not exist.  Dropping to a shell!",
            "no root file system: /dev/nonsense does",
        ),
        ("Gave up waiting for root file system device.  Common problems:", "its initramfs found no root file system"),
        ("(initramfs) ", "initramfs gave up"),
        ('You are in emergency mode. After logging in, type "journalctl -xb"', "emergency mode"),
        ("Cannot open access to console, the root account is locked.", "emergency mode"),
        ("[!!!!!!] Freezing execution.", None),
        ("systemd[1]: Freezing execution.", "its init process failed"),
        ("grub rescue> ", "boot loader"),
        ("grub>", "boot loader"),
        ("error: you need to load the kernel first.", "found no kernel"),
        ("error: file `/boot/grub/fonts/unicode.pf2' not found.", None),
        ("BdsDxe: No bootable option or device was found.", "nothing to boot"),
        ("Loading Linux 6.1.0-18-amd64 ...", None),
        ("[  OK  ] Reached target emergency.target", None),
        ("[    0.0] Command line: root=/dev/vda1 panic=-1", None),
        ("localhost login: ", None),
    ],
)
def test_lines_that_mean_trouble(line: str, words: str | None) -> None:
    found = TroubleFinder(TROUBLES).find_in(line)
    if words is None:
        assert found is None
    else:
        assert found is not None
        assert words in found.reason
        assert found.hint
