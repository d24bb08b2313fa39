"""What clones that are well would say, for tests to change."""

from __future__ import annotations

from builder.store.manifest import ManifestCommand, ManifestVerify
from builder.verify import questions as q
from builder.verify.checks import CloneFacts, ExpectedClone
from builder.verify.questions import Question, QuestionAnswer, questions_for

GIB = 1 << 30

VERIFY = ManifestVerify(
    commands=[
        ManifestCommand(command="systemctl is-active nginx"),
        ManifestCommand(command="nginx -v", expect="nginx/1."),
    ],
    grown=["/"],
)
EXPECTED = ExpectedClone(VERIFY, {"/": 4 * GIB}, 2 * GIB)

GOOD = {
    q.STATE: QuestionAnswer(0, "running"),
    q.FAILED: QuestionAnswer(0, ""),
    q.WHY: QuestionAnswer(0, ""),
    q.JOBS: QuestionAnswer(0, ""),
    q.ADDRESS: QuestionAnswer(0, "2: eth0    inet 10.0.2.15/24 brd 10.0.2.255 scope global dynamic eth0"),
    q.SIZE: QuestionAnswer(0, f"{6 * GIB // 4096 - 9000} 4096"),
    "systemctl is-active nginx": QuestionAnswer(0, "active"),
    "nginx -v": QuestionAnswer(0, "nginx version: nginx/1.22.1"),
}


def told(number: int, **changes: QuestionAnswer | None) -> CloneFacts:
    """What a clone of that number says; changes by the question's kind or command, with _ for each dash."""
    own = {
        q.MACHINE_ID: QuestionAnswer(0, f"{number:032x}"),
        q.HOST_KEYS: QuestionAnswer(0, f"ssh-rsa AAAA{number}\nssh-ed25519 BBBB{number}"),
    }
    said: dict[str, QuestionAnswer | None] = {
        **GOOD,
        **own,
        **{key.replace("_", "-"): each for key, each in changes.items()},
    }
    answers: dict[Question, QuestionAnswer] = {}
    for question in questions_for(VERIFY):
        answer = said[question.about if question.kind == q.COMMAND else question.kind]
        if answer is not None:
            answers[question] = answer
    return CloneFacts(answers, login=20.0)
