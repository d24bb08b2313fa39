"""The questions that a clone answers at the end of its boot, as scripts for any guest's shell.

The answers come on the second serial port, which neither kernel nor getty uses. Each is one line: the
question's number, the exit status, and the output in base64. A last line marks the end.
"""

from __future__ import annotations

import base64
import binascii
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from builder.store.manifest import ManifestVerify

PORT = "/dev/ttyS1"
END = "end"

QUESTION_TIMEOUT = 120
"""Seconds that a question may take."""

MAX_ANSWER = 3000
"""Bytes to keep of an answer's end."""

TIMED_OUT = 124
"""Exit status of timeout(1) after a timeout."""

STATE, FAILED, WHY, JOBS, MACHINE_ID, HOST_KEYS, ADDRESS = (
    *("state", "failed", "why", "jobs", "machine-id", "host-keys", "address"),
)
COMMAND = "command"
SIZE = "size"

NO_SSHD = 9
"""Exit status of HOST_KEYS if the guest has no sshd."""

_FAILED = "systemctl list-units --state=failed --no-legend --no-pager | sed 's/^[^[:alnum:]]*//'"

BASIC = {
    STATE: "systemctl is-system-running",
    FAILED: _FAILED,
    WHY: f'for unit in $({_FAILED} | cut -d" " -f1); do systemctl status --no-pager -l -n 5 "$unit"; done; true',
    JOBS: "systemctl list-jobs --no-legend --no-pager",
    MACHINE_ID: "cat /etc/machine-id",
    HOST_KEYS: f"""\
command -v sshd >/dev/null || exit {NO_SSHD}
for key in /etc/ssh/ssh_host_*_key.pub; do
    [ ! -s "$key" ] || cut -d' ' -f1,2 "$key"
done
""",
    # A boot can be over before the network is up.
    ADDRESS: """\
card=$(ls -d /sys/class/net/*/device 2>/dev/null | head -n 1)
[ -n "$card" ] || { echo "there is no network card"; exit 1; }
card=$(basename "$(dirname "$card")")
for second in $(seq 60); do
    ip -o addr show dev "$card" scope global | grep -w inet && exit
    sleep 1
done
ip -o addr show dev "$card"
exit 1
""",
}
"""The questions to every guest."""


@dataclass(frozen=True, slots=True)
class Question:
    """`about` tells questions of one kind apart: it is the mount point or the command."""

    kind: str
    script: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    status: int
    text: str


Answers = Mapping[Question, QuestionAnswer]


def questions_for(verify: ManifestVerify) -> tuple[Question, ...]:
    """All questions to a clone, in order; the recipe's commands come last because they may change the guest."""
    sizes = [Question(SIZE, f"stat -f -c '%b %S' {shlex.quote(point)}", point) for point in verify.grown]
    own = [Question(COMMAND, each.command, each.command) for each in verify.commands]
    return (*(Question(kind, script) for kind, script in BASIC.items()), *sizes, *own)


def runner(count: int, folder: str, settle: int) -> str:
    """The script that runs the questions; `folder` holds each under its number.

    It waits until the boot is over, but at most until `settle` seconds of uptime.
    """
    return f"""\
#!/bin/sh
export LC_ALL=C HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec </dev/null 2>/dev/null
cd /
while [ "$(cut -d. -f1 /proc/uptime)" -lt {settle} ]; do
    case $(systemctl is-system-running) in
        initializing | starting) sleep 1 ;;
        *) break ;;
    esac
done
number=0
while [ $number -lt {count} ]; do
    timeout {QUESTION_TIMEOUT} sh {folder}/$number >/run/golden-answer 2>&1
    status=$?
    echo "$number $status $(tail -c {MAX_ANSWER} /run/golden-answer | base64 | tr -d '\\n')" >{PORT}
    number=$((number + 1))
done
echo {END} >{PORT}
"""


def read_answers(output: bytes, questions: Sequence[Question]) -> dict[Question, QuestionAnswer]:
    """The answers that arrived complete."""
    return dict(_read(output, questions))


def _read(output: bytes, questions: Sequence[Question]) -> Iterator[tuple[Question, QuestionAnswer]]:
    *lines, _ = output.replace(b"\r", b"").split(b"\n")
    for line in lines:
        match line.decode(errors="replace").split(" "):
            case [number, status, text] if number.isdigit() and status.isdigit() and int(number) < len(questions):
                try:
                    decoded = base64.b64decode(text, validate=True).decode(errors="replace")
                except binascii.Error:
                    continue
                yield questions[int(number)], QuestionAnswer(int(status), decoded.strip())


def is_over(output: bytes) -> bool:
    """Whether the clone has answered every question."""
    return END.encode() in output.replace(b"\r", b"").split(b"\n")[:-1]
