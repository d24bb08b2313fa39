from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from builder import process
from builder.errors import CommandError, HostError

FOREVER = "sleep 100 & echo $!; wait"
"""Prints the process id of a child that would outlive us."""


def wait_until_gone(pid: int) -> None:
    stat = Path(f"/proc/{pid}/stat")
    deadline = time.monotonic() + 5
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.01)


def test_stdout_comes_back() -> None:
    assert process.run(["sh", "-c", "echo out; echo err >&2"]) == "out\n"
    assert process.run(["printf", r"a\377b"]) == "a\ufffdb"
    assert process.run(["cat"]) == "", "there is nothing on stdin"


def test_lines_are_heard_together_and_at_once() -> None:
    heard: list[tuple[str, float]] = []
    command = ["sh", "-c", "echo one; sleep 0.2; echo two >&2; printf three"]
    assert process.run(command, on_line=lambda line: heard.append((line, time.monotonic()))) == ""
    assert [line for line, _ in heard] == ["one", "two", "three"]
    assert heard[1][1] - heard[0][1] > 0.1


def test_folder_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")
    found = process.run(["sh", "-c", "pwd; echo $OURS $ADDED"], cwd=tmp_path, env={"ADDED": "2"})
    assert found == f"{tmp_path}\n1 2\n"


@pytest.mark.parametrize("listening", [True, False])
def test_a_failed_command_says_why(listening: bool) -> None:
    with pytest.raises(CommandError) as caught:
        process.run(["sh", "-c", "echo why >&2; exit 3"], on_line=print if listening else None)
    assert str(caught.value) == "command exited with status 3\n  $ sh -c 'echo why >&2; exit 3'\n  why"
    assert (caught.value.status, caught.value.output) == (3, "why\n")
    with pytest.raises(CommandError, match="was killed by signal 15"):
        process.run(["sh", "-c", "kill $$"], on_line=print if listening else None)


def test_what_cannot_be_started_is_the_host_s_fault(tmp_path: Path) -> None:
    with pytest.raises(HostError) as caught:
        process.run(["no-such-program", "x"])
    assert (
        str(caught.value)
        == "cannot run no-such-program\n  this host has no such program\nhint: install the package that contains it"
    )
    (tmp_path / "plain").write_text("")
    with pytest.raises(HostError, match="cannot run"):
        process.run([str(tmp_path / "plain")])
    with pytest.raises(HostError, match="cannot run true"):
        process.run(["true"], cwd=tmp_path / "none")


def test_stopping_us_ends_the_command_and_its_children() -> None:
    pids: list[int] = []

    def stop(line: str) -> None:
        pids.append(int(line))
        raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        process.run(["sh", "-c", FOREVER], on_line=stop)
    assert time.monotonic() - begun < 5
    wait_until_gone(*pids)


def test_a_command_ends_with_us_even_by_sigkill() -> None:
    code = (
        "from builder import process\n"
        "process.run(['sh', '-c', 'echo $$; exec sleep 100'], on_line=lambda line: print(line, flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as golden:
        assert golden.stdout is not None
        pid = int(golden.stdout.readline())
        os.kill(pid, 0)
        golden.send_signal(signal.SIGKILL)
    wait_until_gone(pid)


def test_what_was_started_by_nobody_any_more_does_not_begin(tmp_path: Path) -> None:
    """We may die before the kernel knows that the command is to die with us: then it has another parent."""
    made = tmp_path / "made"
    command = process.bound_to_us(["touch", str(made)])
    done = subprocess.run(["sh", "-c", '"$@"; echo $?', "sh", *command], stdout=subprocess.PIPE, text=True, check=True)
    assert (done.stdout, made.exists()) == ("1\n", False)
    subprocess.run(command, check=True)
    assert made.exists()


def test_find_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert Path(process.find_tool("ldconfig", package="libc-bin")).name == "ldconfig"
    with pytest.raises(HostError) as caught:
        process.find_tool("mmdebstrap-x", package="mmdebstrap")
    assert str(caught.value) == "mmdebstrap-x is not installed on this host\nhint: install the package mmdebstrap"


def test_a_command_on_our_terminal_has_ctrl_c_for_itself() -> None:
    """What an editor does with it is its own affair."""
    script = (
        "from builder import process\n"
        "status = process.run_attached(['sh', '-c', 'trap \"kill \\\\$!; exit 5\" INT; sleep 100 & echo up; wait'])\n"
        "print(status, flush=True)\n"
        "input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, text=True
    ) as ours:
        assert ours.stdout is not None
        assert ours.stdout.readline() == "up\n"
        os.killpg(ours.pid, signal.SIGINT)
        assert ours.stdout.readline() == "5\n"
        ours.communicate("\n")
    assert ours.returncode == 0


def test_a_command_on_our_terminal_that_is_not_there() -> None:
    with pytest.raises(HostError, match="golden-no-such-program is not installed"):
        process.run_attached(["golden-no-such-program"])


def test_what_an_isolated_command_leaves_running_ends_with_it() -> None:
    seconds = str(time.time_ns())
    process.run(process.isolated(["sh", "-c", f"setsid sleep {seconds} & exit 0"]))
    running = process.run(["ps", "-eo", "args="]).splitlines()
    assert f"sleep {seconds}" not in running


def test_an_isolated_command_has_its_status_and_its_orphans_are_waited_for() -> None:
    said = process.run(process.isolated(["sh", "-c", "(sleep 0.01 & ) ; sleep 0.3; ps -eo stat="]))
    assert "Z" not in said
    with pytest.raises(CommandError, match="status 7"):
        process.run(process.isolated(["sh", "-c", "exit 7"]))
