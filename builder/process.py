"""The one runner of host commands.

Every command that is started here is killed when this process ends, even by SIGKILL: `setpriv --pdeathsig`
(util-linux) asks the kernel for that, and a shell then checks that this process was still there.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from builder.errors import CommandError, HostError


def bound_to_us(argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` and is killed when this process ends, however it ends."""
    still_ours = 'test "$PPID" -eq "$0" && exec "$@"'
    return ["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", still_ours, str(os.getpid()), *argv]


def isolated(argv: Sequence[str], *, as_root: bool = False) -> list[str]:
    """The command line that runs `argv` in mount and process name spaces of its own.

    All that it starts, daemons included, ends when it does, and its mounts are its own. Without root there is a
    user name space as well, in which the user may mount and keeps their own id, or is root with subordinate ids if
    `as_root` (uidmap, util-linux 2.38).
    """
    # The first process inherits orphans and must wait for them, or they stay as zombies: a shell does that.
    init = ["sh", "-c", '"$@"; exit "$?"', "init", *argv]
    spaces = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        who = ["--map-root-user", "--map-auto"] if as_root else ["--map-current-user", "--keep-caps"]
        spaces = ["--user", *who, *spaces]
    return ["unshare", *spaces, *init]


def find_tool(name: str, *, package: str) -> str:
    """The path of a host tool. Raises HostError that names the package to install."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise HostError(f"{name} is not installed on this host", hint=f"install the package {package}")
    return found


def run(
    argv: Sequence[str],
    *,
    on_line: Callable[[str], None] | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a command and return what it printed on stdout.

    `on_line` gets each line of stdout and stderr as it comes; the result is then empty. `env` is added to the
    environment. Raises CommandError (with the command ready to paste) if it exits non-zero, and HostError if it
    cannot be started. Any exception here also kills the command and its children.
    """
    # setpriv would report a missing program with a status that looks like the command's own.
    if shutil.which(argv[0]) is None:
        raise HostError(
            f"cannot run {argv[0]}",
            details="this host has no such program",
            hint="install the package that contains it",
        )
    try:
        process = subprocess.Popen(
            bound_to_us(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if on_line else subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            start_new_session=True,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise HostError(f"cannot run {argv[0]}", details=str(error)) from error
    lines: list[str] = []
    with process:
        try:
            if on_line:
                assert process.stdout is not None
                for line in process.stdout:
                    lines.append(line)
                    on_line(line.rstrip("\n"))
                stdout, printed = "", "".join(lines)
                process.wait()
            else:
                stdout, stderr = process.communicate()
                printed = stdout + stderr
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        raise CommandError(argv, process.returncode, printed)
    return stdout


def run_attached(argv: Sequence[str]) -> int:
    """Run a command on the user's terminal, where it alone gets Ctrl-C, and return its exit status.

    Call it in the main thread. Raises HostError if the command cannot be started.
    """
    # A handler that does nothing: if the signal were ignored, the command would ignore it, too.
    wakeup = signal.set_wakeup_fd(-1)
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        return subprocess.run(bound_to_us([find_tool(argv[0], package=argv[0]), *argv[1:]]), check=False).returncode
    except OSError as error:
        raise HostError(f"cannot run {argv[0]}", details=str(error)) from error
    finally:
        signal.signal(signal.SIGINT, before)
        signal.set_wakeup_fd(wakeup)


@contextmanager
def piped(argv: Sequence[str]) -> Iterator[IO[bytes]]:
    """Run a command whose stdout the caller reads to its end.

    Raises CommandError if it exits non-zero, and HostError if it cannot be started.
    """
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                bound_to_us([find_tool(argv[0], package=argv[0]), *argv[1:]]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
            )
        except OSError as error:
            raise HostError(f"cannot run {argv[0]}", details=str(error)) from error
        with process:
            assert process.stdout is not None
            try:
                yield process.stdout
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            said.seek(0)
            raise CommandError(argv, process.returncode, said.read().decode(errors="replace"))


class Child:
    """A command that runs beside us; its stdout and stderr go to files.

    It is ready for select.select when it has ended.
    """

    def __init__(self, argv: Sequence[str], *, stdout: Path, stderr: Path, env: Mapping[str, str]) -> None:
        """Start it. To be called in a thread that outlives it. Raises HostError when it cannot be started."""
        try:
            with stdout.open("wb") as out, stderr.open("wb") as err:
                self._process = subprocess.Popen(
                    bound_to_us([find_tool(argv[0], package=argv[0]), *argv[1:]]),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env={**os.environ, **env},
                    start_new_session=True,
                )
            self._ended = os.pidfd_open(self._process.pid)
        except OSError as error:
            raise HostError(f"cannot run {argv[0]}", details=str(error)) from error

    def fileno(self) -> int:
        return self._ended

    def wait(self) -> int:
        """Wait for its end, and return its status: negative for the signal that killed it."""
        status = self._process.wait()
        self._close()
        return status

    def ask_to_end(self) -> None:
        """Tell it to clean up and end (SIGTERM)."""
        self._process.terminate()

    def end(self, patience: float) -> None:
        """Wait for its end; after `patience` seconds, or when something stops us, kill it and its children."""
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            self._close()

    def _close(self) -> None:
        if self._ended >= 0:
            os.close(self._ended)
            self._ended = -1
