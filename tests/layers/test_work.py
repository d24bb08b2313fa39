from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builder.errors import HostError
from builder.layers import LayerCache
from builder.layers.work import work_folder
from builder.paths import Output
from tests.folders import names

BUILD = """
import sys
from pathlib import Path
from builder.layers.work import work_folder
from builder.layers import LayerCache
from builder.paths import Output
output = Output(Path(sys.argv[1]))
with work_folder(output) as work:
    (work / "version").mkdir()
    (work / "version/disk.qcow2").write_text("half")
    for folder in (output.bases, output.layers):
        LayerCache(folder).staging(work.name, 1).write_text("half")
    print(work.name, flush=True)
    sys.stdin.read()
"""


@contextmanager
def running(output: Output) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process that builds, with its work folder; it ends well at the end of the `with`."""
    with subprocess.Popen(
        [sys.executable, "-c", BUILD, str(output.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as build:
        assert build.stdout is not None
        yield build, output.work / build.stdout.readline().strip()


def staged(output: Output, work: Path) -> list[bool]:
    return [LayerCache(folder).staging(work.name, 1).exists() for folder in (output.bases, output.layers)]


@pytest.fixture
def place(tmp_path: Path) -> Output:
    return Output(tmp_path / "new/output")


def test_a_folder_of_one_s_own(place: Output) -> None:
    with work_folder(place) as one, work_folder(place) as other:
        assert one != other
        assert {one.parent, other.parent} == {place.work}
        (one / "deep").mkdir()
        (one / "deep/file").write_text("")
    assert names(place.work) == [".lock"]


def test_it_goes_after_an_error_too(place: Output) -> None:
    with pytest.raises(KeyboardInterrupt), work_folder(place) as work:
        raise KeyboardInterrupt
    assert not work.exists()


def test_an_error_inside_is_not_ours(place: Output) -> None:
    with pytest.raises(OSError, match="mine"), work_folder(place):
        raise OSError("mine")


def test_what_the_dead_left_is_reclaimed(place: Output) -> None:
    with running(place) as (build, work):
        build.send_signal(signal.SIGKILL)
        build.wait()
        assert names(work) == ["begun", "lock", "version"]
        assert staged(place, work) == [True, True]
    (place.work / "web.lock").write_text("")  # of the recipe's name, not a folder's
    with work_folder(place) as mine:
        assert names(place.work) == sorted([".lock", "web.lock", mine.name])
        assert staged(place, work) == [False, False]


def test_what_the_living_have_stays(place: Output) -> None:
    LayerCache(place.layers).staging("dead", 3).write_text("")
    with running(place) as (_, work):
        with work_folder(place) as mine:
            assert names(place.work) == sorted([".lock", mine.name, work.name])
            assert (work / "version/disk.qcow2").read_text() == "half"
            assert staged(place, work) == [True, True]
            assert not LayerCache(place.layers).staging("dead", 3).exists()
        assert work.exists()
    assert not work.exists()


def test_a_folder_without_lock_is_dead(place: Output) -> None:
    (place.work / "tmpdead/deep").mkdir(parents=True)
    with work_folder(place) as mine:
        assert names(place.work) == sorted([".lock", mine.name])


@pytest.mark.parametrize("taken", ["output", "output/work"])
def test_an_output_folder_that_cannot_be_written(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).parent.mkdir(exist_ok=True)
    (tmp_path / taken).write_text("a file")
    with pytest.raises(HostError) as caught, work_folder(Output(tmp_path / "output")):
        pytest.fail("there is none")
    text = str(caught.value)
    assert text.startswith(f"cannot write to the output folder: {tmp_path}/output\n  [Errno ")
    assert text.endswith(
        "\nhint: check its owner and permissions; with another folder (--output), golden does not find these templates"
    )
