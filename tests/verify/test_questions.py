"""What clones are asked: the very script, run by this host's shell."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.store.manifest import ManifestCommand, ManifestVerify
from builder.verify import questions as q
from builder.verify.questions import Question, QuestionAnswer, is_over, questions_for, read_answers, runner


def ask(folder: Path, *scripts: str) -> tuple[bytes, dict[Question, QuestionAnswer]]:
    """Run the runner on those questions, with a file for the serial port; what it wrote there, and what that means."""
    questions = [Question(q.COMMAND, script, str(number)) for number, script in enumerate(scripts)]
    for number, script in enumerate(scripts):
        (folder / str(number)).write_text(script)
    text = runner(len(scripts), str(folder), settle=0)
    text = text.replace(f">{q.PORT}", f">>{folder}/port").replace("/run/golden-answer", f"{folder}/answer")
    subprocess.run(["sh", "-s"], input=text, text=True, check=True)
    said = (folder / "port").read_bytes()
    return said, read_answers(said, questions)


def test_answers_come_through_whole(tmp_path: Path) -> None:
    said, answers = ask(
        tmp_path,
        "echo out; echo err >&2",
        "exit 3",
        'for word in "a b" c; do\n  echo "$word"\ndone',
        "cat",
        "printf 'x\\000\\377y'",
        f"yes | head -c {2 * q.MAX_ANSWER}; echo the end",
        "sleep 2 & echo left behind",
    )
    assert is_over(said)
    found = [(answer.status, answer.text) for answer in answers.values()]
    assert found[:4] == [(0, "out\nerr"), (3, ""), (0, "a b\nc"), (0, "")]
    assert found[4] == (0, "x\0\ufffdy")
    assert found[5][1].endswith("y\nthe end")
    assert len(found[5][1]) <= q.MAX_ANSWER
    assert found[6] == (0, "left behind")


def test_a_question_takes_no_longer_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(q, "QUESTION_TIMEOUT", 1)
    _, answers = ask(tmp_path, "echo begun; sleep 60", "echo next")
    assert list(answers.values()) == [QuestionAnswer(q.TIMED_OUT, "begun"), QuestionAnswer(0, "next")]


def test_every_question_is_shell() -> None:
    verify = ManifestVerify(commands=[ManifestCommand(command="true")], grown=["/", "/srv/it's"])
    asked = questions_for(verify)
    for question in asked:
        subprocess.run(["sh", "-n"], input=question.script, text=True, check=True)
    assert [question.about for question in asked if question.kind == q.SIZE] == ["/", "/srv/it's"]
    assert asked[-1].script == "true"


def test_what_grows_is_measured_as_this_host_would(tmp_path: Path) -> None:
    (question,) = [each for each in questions_for(ManifestVerify(grown=["/"])) if each.kind == q.SIZE]
    _, answers = ask(tmp_path, question.script)
    (answer,) = answers.values()
    blocks, size = map(int, answer.text.split())
    shown = subprocess.run(["df", "-B1", "--output=size", "/"], capture_output=True, text=True, check=True).stdout
    assert blocks * size == int(shown.split()[-1])


HELLO = base64.b64encode(b"hello\n")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"0 0 " + HELLO,
        b"0 0 " + HELLO[:-1] + b"\n",
        b"7 0 " + HELLO + b"\n",
        b"0 x " + HELLO + b"\n",
        b"0 0\n",
        b"\xff\xfe\n",
        b"\xb2 0 " + HELLO + b"\n",
        "²  0 \n".encode(),
    ],
)
def test_what_did_not_come_whole_is_no_answer(said: bytes) -> None:
    assert read_answers(said, [Question(q.STATE, "")]) == {}


def test_line_ends_are_those_of_a_terminal() -> None:
    question = Question(q.STATE, "")
    said = b"0 0 " + HELLO + b"\r\nend\r\n"
    assert read_answers(said, [question]) == {question: QuestionAnswer(0, "hello")}
    assert is_over(said)
    assert not is_over(said[:-1].rstrip(b"\r"))


@given(st.binary())
def test_no_bytes_stop_it(said: bytes) -> None:
    assert len(read_answers(said, [Question(q.STATE, "")])) <= 1
