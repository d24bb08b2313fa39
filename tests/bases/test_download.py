from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from builder.bases.download import Downloads
from builder.errors import HostError, RequestError
from builder.events import Event, Notice, OutputLine, silent
from tests.bases.conftest import Server

ANOTHER = "ab" * 32


def kept(folder: Path) -> list[str]:
    """The files of a folder, without locks."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def interrupted(server: Server, folder: Path, cut: int) -> str:
    """Start a download that the server cuts off; returns the error's text."""
    server.cut = cut
    with pytest.raises(HostError) as caught:
        Downloads(folder).fetch(server.url, server.sha256, silent)
    server.cut = None
    return str(caught.value)


def test_a_download_is_kept(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    done = Downloads(folder).fetch(server.url, server.sha256, silent)
    assert done == folder / server.sha256
    assert done.read_bytes() == server.content
    assert kept(folder) == [server.sha256]
    assert server.asked == [None]


def test_an_existing_file_is_not_downloaded(server: Server, tmp_path: Path) -> None:
    Downloads(tmp_path).fetch(server.url, server.sha256, silent)
    assert (
        Downloads(tmp_path).fetch("http://unreachable.invalid/", server.sha256, silent).read_bytes() == server.content
    )
    assert len(server.asked) == 1


def test_a_redirection_is_followed(server: Server, tmp_path: Path) -> None:
    done = Downloads(tmp_path).fetch(server.url.replace("disk.img", "moved"), server.sha256, silent)
    assert done.read_bytes() == server.content


def test_a_cut_download_resumes(server: Server, tmp_path: Path) -> None:
    text = interrupted(server, tmp_path, 100_000)
    assert text.startswith(f"cannot download {server.url}\n  peer closed connection")
    assert text.endswith("hint: build again to resume: the part that arrived is kept")
    assert kept(tmp_path) == [f"{server.sha256}.part"]
    assert (tmp_path / f"{server.sha256}.part").read_bytes() == server.content[:100_000]

    interrupted(server, tmp_path, 50_000)
    done = Downloads(tmp_path).fetch(server.url, server.sha256, silent)
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]
    assert done.read_bytes() == server.content
    assert kept(tmp_path) == [server.sha256]


def test_a_server_that_cannot_resume(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    interrupted(server, tmp_path, 100_000)
    assert Downloads(tmp_path).fetch(server.url, server.sha256, silent).read_bytes() == server.content
    assert server.asked == [None, "bytes=100000-"]


def test_a_complete_part(server: Server, tmp_path: Path) -> None:
    """golden was killed after the last byte arrived, but before the file was renamed."""
    (tmp_path / f"{server.sha256}.part").write_bytes(server.content)
    assert Downloads(tmp_path).fetch(server.url, server.sha256, silent).read_bytes() == server.content
    assert server.asked == ["bytes=300000-"]


def test_wrong_bytes_are_not_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        Downloads(tmp_path).fetch(server.url, ANOTHER, silent)
    assert str(caught.value) == (
        f"the download does not match the recipe's sha256: {server.url}\n"
        f"  sha256 in the recipe:   {ANOTHER}\n"
        f"  sha256 of the download: {server.sha256}\n"
        "hint: check whether the file at that URL was replaced, and correct `sha256:` in the recipe"
    )
    assert kept(tmp_path) == []


def test_a_wrong_part_is_not_kept(server: Server, tmp_path: Path) -> None:
    part = tmp_path / f"{server.sha256}.part"
    part.write_bytes(b"x" * 1000)
    with pytest.raises(RequestError):
        Downloads(tmp_path).fetch(server.url, server.sha256, silent)
    assert kept(tmp_path) == []
    assert Downloads(tmp_path).fetch(server.url, server.sha256, silent).read_bytes() == server.content


def test_a_server_that_refuses(server: Server, tmp_path: Path) -> None:
    with pytest.raises(HostError) as caught:
        Downloads(tmp_path).fetch(f"{server.url}.none", server.sha256, silent)
    text = f"cannot download {server.url}.none\n  404 Not Found\nhint: check the URL, for example with `curl -I URL`"
    assert str(caught.value) == text
    assert kept(tmp_path) == []


def test_an_unreachable_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(HostError, match=f"cannot download http://127.0.0.1:{port}/x") as caught:
        Downloads(tmp_path).fetch(f"http://127.0.0.1:{port}/x", ANOTHER, silent)
    assert caught.value.details == "[Errno 111] Connection refused"
    assert kept(tmp_path) == []


@pytest.mark.parametrize("url", ["http://", "http://[", "http://a:b/", "http://user@/x"])
def test_an_invalid_url(tmp_path: Path, url: str) -> None:
    with pytest.raises(HostError, match="cannot download"):
        Downloads(tmp_path).fetch(url, ANOTHER, silent)


def test_progress_of_a_long_download(server: Server, tmp_path: Path) -> None:
    server.content *= 120  # 34 MiB
    events: list[Event] = []
    Downloads(tmp_path).fetch(server.url, server.sha256, events.append)
    lines = [event.line for event in events if isinstance(event, OutputLine)]
    assert lines == ["16 of 34 MiB", "32 of 34 MiB"]


def test_two_builds_download_once(server: Server, tmp_path: Path) -> None:
    server.pause.clear()
    found: list[bytes] = []
    waits = threading.Event()
    events: list[Event] = []

    def listen(event: Event) -> None:
        events.append(event)
        waits.set()

    def run() -> None:
        found.append(Downloads(tmp_path).fetch(server.url, server.sha256, listen).read_bytes())

    builds = [threading.Thread(target=run) for _ in range(2)]
    for build in builds:
        build.start()
    assert waits.wait(10)
    server.pause.set()
    for build in builds:
        build.join(10)
    assert found == [server.content] * 2
    assert events == [Notice(f"waiting for another build that is downloading {server.url}")]
    assert server.asked == [None]
