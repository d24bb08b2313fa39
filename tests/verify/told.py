"""What clones that are well would say, for tests to change."""

from __future__ import annotations

from builder.store.manifest import Command, Verify
from builder.verify import questions as q
from builder.verify.checks import Expected, Told
from builder.verify.questions import Answer, Question, questions_for

GIB = 1 << 30

VERIFY = Verify(
    commands=[Command(command="systemctl is-active nginx"), Command(command="nginx -v", expect="nginx/1.")], grown=["/"]
)
EXPECTED = Expected(VERIFY, {"/": 4 * GIB}, 2 * GIB)

GOOD = {
    q.STATE: Answer(0, "running"),
    q.FAILED: Answer(0, ""),
    q.WHY: Answer(0, ""),
    q.JOBS: Answer(0, ""),
    q.ADDRESS: Answer(0, "2: eth0    inet 10.0.2.15/24 brd 10.0.2.255 scope global dynamic eth0"),
    q.SIZE: Answer(0, f"{6 * GIB // 4096 - 9000} 4096"),
    "systemctl is-active nginx": Answer(0, "active"),
    "nginx -v": Answer(0, "nginx version: nginx/1.22.1"),
}


def told(number: int, **changes: Answer | None) -> Told:
    """What a clone of that number says; changes by the question's kind or command, with _ for each dash."""
    own = {
        q.MACHINE_ID: Answer(0, f"{number:032x}"),
        q.HOST_KEYS: Answer(0, f"ssh-rsa AAAA{number}\nssh-ed25519 BBBB{number}"),
    }
    said: dict[str, Answer | None] = {**GOOD, **own, **{key.replace("_", "-"): each for key, each in changes.items()}}
    answers: dict[Question, Answer] = {}
    for question in questions_for(VERIFY):
        answer = said[question.about if question.kind == q.COMMAND else question.kind]
        if answer is not None:
            answers[question] = answer
    return Told(answers, login=20.0)
