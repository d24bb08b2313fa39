from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builder import locks
from builder.errors import HostError


@contextmanager
def held_elsewhere(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until it ends."""
    code = (
        "import sys; from pathlib import Path; from builder import locks\n"
        "with locks.held(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder


def refuse() -> None:
    pytest.fail("nobody holds it")


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    path = tmp_path / "new folder/lock"
    with locks.held(path, on_wait=refuse):
        assert locks.try_hold(path) is None
    for _ in range(2):
        lock = locks.try_hold(path)
        assert lock is not None
        lock.release()


def test_waiting_is_told_once_and_ends_with_the_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held_elsewhere(path) as holder:
        assert locks.try_hold(path) is None
        told: list[str] = []
        waits, done = threading.Event(), threading.Event()

        def on_wait() -> None:
            told.append("waiting")
            waits.set()

        def wait() -> None:
            with locks.held(path, on_wait=on_wait):
                done.set()

        waiter = threading.Thread(target=wait)
        waiter.start()
        assert waits.wait(5)
        assert not done.is_set()
        holder.send_signal(signal.SIGKILL)
        waiter.join(5)
    assert done.is_set()
    assert told == ["waiting"]


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError) as caught, locks.held(tmp_path / "file/lock"):
        pytest.fail("it cannot be held")
    assert str(caught.value).startswith(f"cannot lock {tmp_path / 'file/lock'}\n  [Errno ")
    assert caught.value.hint


def test_an_error_inside_is_passed_on_and_lets_go(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="mine"), locks.held(tmp_path / "lock"):
        raise OSError("mine")
    lock = locks.try_hold(tmp_path / "lock")
    assert lock is not None
    lock.release()


def test_held_until_the_process_is_gone(tmp_path: Path) -> None:
    """Longer than anything that Python does at its end."""
    code = (
        "import atexit, sys; from pathlib import Path; from builder import locks\n"
        "atexit.register(lambda: print(locks.try_hold(Path(sys.argv[1]))))\n"
        "locks.hold_to_the_end(Path(sys.argv[1]))"
    )
    path = tmp_path / "new folder/lock"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"
    lock = locks.try_hold(path)
    assert lock is not None
    lock.release()
    with pytest.raises(HostError, match="cannot lock"):
        locks.hold_to_the_end(path / "lock")
