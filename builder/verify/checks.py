"""Checks the answers of a version's clones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from builder.store.manifest import ManifestVerify
from builder.store.verification import CheckResult
from builder.verify import questions as q
from builder.verify.questions import Question, QuestionAnswer

MIN_GROWTH = 0.9
"""Share of the added space by which a file system must grow; the rest is for its own metadata."""

MACHINE_ID = re.compile(r"[0-9a-f]{32}")
ADDRESS = re.compile(r"^\d+: (?P<card>\S+)\s+inet (?P<address>\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ExpectedClone:
    """What to expect: `before` is each growing file system's old size, `added` the disk's growth, both in bytes."""

    verify: ManifestVerify = field(default_factory=ManifestVerify)
    before: Mapping[str, int] = field(default_factory=dict)
    added: int = 0


@dataclass(frozen=True, slots=True)
class CloneFacts:
    """What is known about one clone. `login` is in seconds; `answered` tells whether it answered every question."""

    answers: Mapping[Question, QuestionAnswer]
    login: float | None = None
    trouble: str | None = None
    hint: str | None = None
    answered: bool = True

    def find(self, kind: str, about: str = "") -> QuestionAnswer | None:
        return next((a for each, a in self.answers.items() if (each.kind, each.about) == (kind, about)), None)

    def text(self, kind: str) -> str:
        found = self.find(kind)
        return found.text if found else ""


Judged = tuple[bool, str]


def judge(clones: Sequence[CloneFacts], expected: ExpectedClone, timeout: float) -> tuple[CheckResult, ...]:
    """All checks, in order. If a clone did not boot, checks that need its answers are left out."""
    if any(clone.trouble for clone in clones):
        return (_each("login", clones, _trouble),)  # golden stopped waiting for the others
    checks = [_each("login", clones, partial(_login, timeout))]
    if not any(clone.answers for clone in clones):
        return tuple(checks)
    checks.append(_each("units", clones, partial(_units, timeout)))
    for point in expected.verify.grown:
        checks.append(_each(f"growth of {point}", clones, partial(_growth, point, expected)))
    checks.append(_each("network", clones, _network))
    checks += [_machine_ids(clones), *_host_keys(clones)]
    for number, each in enumerate(expected.verify.commands, 1):
        checks.append(_each(f"command {number}", clones, partial(_command, each.command, each.expect)))
    return tuple(checks)


def _each(name: str, clones: Sequence[CloneFacts], check: Callable[[CloneFacts], Judged]) -> CheckResult:
    """A check that every clone must pass; a message that all clones share is given once."""
    results = [check(clone) for clone in clones]
    failures = {number: message for number, (ok, message) in enumerate(results, 1) if not ok}
    messages = failures or {number: message for number, (_, message) in enumerate(results, 1)}
    same = len(messages) == len(clones) and len(set(messages.values())) == 1
    message = next(iter(messages.values())) if same else "; ".join(f"clone {n}: {m}" for n, m in messages.items())
    return CheckResult(name=name, ok=not failures, message=message)


def _trouble(clone: CloneFacts) -> Judged:
    return clone.trouble is None, "\n".join(filter(None, [clone.trouble, clone.hint]))


def _login(timeout: float, clone: CloneFacts) -> Judged:
    if clone.login is not None:
        return True, f"login prompt after {clone.login:.0f} s"
    if clone.answered:
        return False, (
            "it booted, but shows no login prompt on its serial console; "
            "add the step `serial-console` to the recipe to get one"
        )
    return False, f"no login prompt within {timeout:.0f} s"


def _unanswered(answer: QuestionAnswer | None) -> str:
    return f"no result within {q.QUESTION_TIMEOUT} s" if answer else "the clone did not answer"


def _units(timeout: float, clone: CloneFacts) -> Judged:
    state = clone.text(q.STATE)
    if not clone.find(q.STATE):
        return False, f"it did not finish booting within {timeout:.0f} s"
    if state in ("starting", "initializing"):
        return False, f"it is still booting; these jobs are not done:\n{clone.text(q.JOBS)}".rstrip()
    failed = [line.split()[0] for line in clone.text(q.FAILED).splitlines() if line]
    if failed:
        return False, f"failed units: {', '.join(failed)}\n{clone.text(q.WHY)}".rstrip()
    if state == "running":
        return True, "the system is running; no unit failed"
    return False, f"`systemctl is-system-running` reports {state}"


def _growth(point: str, expected: ExpectedClone, clone: CloneFacts) -> Judged:
    answer = clone.find(q.SIZE, point)
    numbers = answer.text.split() if answer else []
    if answer is None or answer.status or len(numbers) != 2 or not all(map(str.isdigit, numbers)):
        return False, answer.text if answer and answer.text else _unanswered(answer)
    size, before = int(numbers[0]) * int(numbers[1]), expected.before[point]
    wanted, mib = before + MIN_GROWTH * expected.added, 1 << 20
    sizes = f"{before // mib} MiB before, {size // mib} MiB on a disk larger by {expected.added // mib} MiB"
    return size >= wanted, sizes if size >= wanted else f"it did not grow with the disk: {sizes}"


def _network(clone: CloneFacts) -> Judged:
    answer = clone.find(q.ADDRESS)
    found = ADDRESS.search(answer.text) if answer and answer.status == 0 else None
    if found:
        return True, f"{found['card']} has {found['address']}"
    return False, f"the first network card has no IPv4 address: {answer.text if answer else _unanswered(answer)}"


def _machine_ids(clones: Sequence[CloneFacts]) -> CheckResult:
    ids = [clone.text(q.MACHINE_ID) for clone in clones]
    if not all(map(MACHINE_ID.fullmatch, ids)):
        return CheckResult(
            name="machine-id", ok=False, message=f"no valid machine-id: {', '.join(each or 'none' for each in ids)}"
        )
    ok = len(set(ids)) == len(ids)
    return CheckResult(
        name="machine-id", ok=ok, message="each clone has its own" if ok else f"both clones have the same one: {ids[0]}"
    )


def _host_keys(clones: Sequence[CloneFacts]) -> Iterator[CheckResult]:
    answers = [clone.find(q.HOST_KEYS) for clone in clones]
    if all(answer and answer.status == q.NO_SSHD for answer in answers):
        return
    keys = [set(answer.text.splitlines()) if answer and answer.status == 0 else set() for answer in answers]
    common = set.intersection(*keys)
    if not all(keys):
        yield CheckResult(name="host-keys", ok=False, message="sshd has no host keys")
    elif common:
        kinds = ", ".join(sorted(key.split()[0] for key in common))
        yield CheckResult(name="host-keys", ok=False, message=f"the clones have the same SSH host keys: {kinds}")
    else:
        yield CheckResult(name="host-keys", ok=True, message="each clone has its own")


def _command(command: str, expect: str | None, clone: CloneFacts) -> Judged:
    answer, shown = clone.find(q.COMMAND, command), command.strip().splitlines()[0][:80]
    if answer is None or answer.status == q.TIMED_OUT:
        return False, f"{shown}: {_unanswered(answer)}\n{answer.text if answer else ''}".rstrip()
    if answer.status:
        return False, f"{shown}: exited with status {answer.status}\n{answer.text}".rstrip()
    if expect is not None and expect not in answer.text:
        return False, f'{shown}: "{expect}" is not in its output\n{answer.text}'.rstrip()
    return True, shown
