"""Requests to servers, and what golden makes of their answers."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.guest.gateway import GATEWAY, to_host_url
from builder.upstream import Upstream, UpstreamAnswer
from tests.folders import names
from tests.servers import free_port, ftp_server
from tests.upstream.mirror import Mirror, running_mirror


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with running_mirror(tmp_path / "mirror") as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "upstream"


def look(folder: Path, *urls: str) -> list[str | None]:
    """Fetch like a new process, which knows only what is in the folder."""
    upstream = Upstream(folder, silence=5, limit=20)
    answers = upstream.fetch(urls)
    upstream.save()
    return [answers[url].sha256 for url in urls]


def test_what_did_not_change_is_not_sent_again(mirror: Mirror, folder: Path) -> None:
    files = ["dists/a/InRelease", "dists/b/InRelease"]
    digests = [mirror.put(file, file) for file in files]
    urls = [mirror.url(file) for file in files]
    assert look(folder, *urls) == digests
    assert mirror.take_answered() == [(file, 200) for file in files]
    assert look(folder, *urls) == digests
    assert mirror.take_answered() == [(file, 304) for file in files]
    digests[1] = mirror.put(files[1], "another")
    assert look(folder, *urls) == digests
    assert mirror.take_answered() == [(files[0], 304), (files[1], 200)]


def test_nothing_is_written_before_it_is_saved(mirror: Mirror, folder: Path) -> None:
    digest = mirror.put("repomd.xml", "1")
    upstream = Upstream(folder)
    for _ in range(2):
        assert upstream.fetch([mirror.url("repomd.xml")], again=True) == {
            mirror.url("repomd.xml"): UpstreamAnswer(digest)
        }
    assert [status for _, status in mirror.take_answered()] == [200, 304]
    assert not folder.exists()


def test_a_file_is_asked_for_once(mirror: Mirror, folder: Path) -> None:
    url, digest = mirror.url("repomd.xml"), mirror.put("repomd.xml", "1")
    upstream = Upstream(folder)
    assert upstream.find_known([url]) == set()
    for _ in range(3):
        assert upstream.fetch([url, url])[url].sha256 == digest
    assert upstream.find_known([url, "http://other"]) == {url}
    assert len(mirror.take_answered()) == 1


def test_a_time_stamp_of_just_now_is_not_trusted(mirror: Mirror, folder: Path) -> None:
    """The next file may have the same time stamp, which has whole seconds."""
    url = mirror.url("repomd.xml")
    mirror.put("repomd.xml", "1")
    now = time.time()
    os.utime(mirror.folder / "repomd.xml", (now, now))
    look(folder, url)
    digest = mirror.put("repomd.xml", "2")
    os.utime(mirror.folder / "repomd.xml", (now, now))
    assert look(folder, url) == [digest]
    assert [status for _, status in mirror.take_answered()] == [200, 200]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"sha256": "12"}', b"\xff"])
def test_a_damaged_memory_is_none(mirror: Mirror, folder: Path, content: bytes) -> None:
    url, digest = mirror.url("repomd.xml"), mirror.put("repomd.xml", "1")
    look(folder, url)
    (file,) = folder.iterdir()
    file.write_bytes(content)
    assert look(folder, url) == [digest]
    assert [status for _, status in mirror.take_answered()] == [200, 200]
    assert look(folder, url) == [digest]
    assert [status for _, status in mirror.take_answered()] == [304]


def test_a_password_is_not_kept(mirror: Mirror, folder: Path) -> None:
    mirror.put("repomd.xml", "1")
    upstream = Upstream(folder)
    place = mirror.url("").removeprefix("http://")
    answers = upstream.fetch([f"http://me:hunter2@{place}{name}" for name in ("repomd.xml", "none")])
    upstream.save()
    assert [answer.sha256 is None for answer in answers.values()] == [False, True]
    (file,) = folder.iterdir()
    assert "hunter2" not in file.read_text() + str(file) + "".join(answer.reason for answer in answers.values())
    assert "me:***@" in file.read_text()


def test_files_of_this_host_and_of_ftp_servers(tmp_path: Path, folder: Path) -> None:
    served = tmp_path / "a place"
    (served / "x y").mkdir(parents=True)
    (served / "x y/repomd.xml").write_text("1")
    served.chmod(0o755)
    digest = hashlib.sha256(b"1").hexdigest()
    with ftp_server(served, "127.0.0.1") as url:
        asked = [f"{url}/x%20y/repomd.xml", f"{url}/none", (served / "x y/repomd.xml").as_uri(), "file:///none/none"]
        assert look(folder, *asked) == [digest, None, digest, None]
    assert not folder.exists(), "their servers have nothing to tell files by"


@contextlib.contextmanager
def silent_server(says: bytes = b"", every: float = 0.0) -> Iterator[str]:
    """A server that sends `says` to every connection, then a byte each `every` seconds, or nothing more."""
    ended = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(4096)
            connection.sendall(says)
            while every and not ended.wait(every):
                connection.sendall(b"x")
            ended.wait(60)

    def accept(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                thread = threading.Thread(target=answer, args=[listening.accept()[0]])
                thread.start()
                threads.append(thread)

    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        accepting = threading.Thread(target=accept, args=[listening])
        accepting.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            ended.set()
            listening.shutdown(socket.SHUT_RDWR)
            for thread in (accepting, *threads):
                thread.join()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


def test_many_silent_servers_are_waited_for_together(folder: Path) -> None:
    begun = time.monotonic()
    with silent_server() as url:
        answers = Upstream(folder, silence=1.0).fetch([f"{url}/{number}" for number in range(8)])
    assert {answer.reason for answer in answers.values()} == {"the server sent no data for 1 s"}
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("count", [1, 40])
def test_all_is_over_in_time(folder: Path, count: int) -> None:
    """A server that never finishes, and more files than parallel requests."""
    begun = time.monotonic()
    with silent_server(HEAD, every=0.05) as url:
        answers = Upstream(folder, silence=5.0, limit=1.0).fetch([f"{url}/{number}" for number in range(count)])
    assert {answer.sha256 for answer in answers.values()} == {None}
    assert {answer.reason for answer in answers.values()} == {"no answer within 1 s"}
    assert time.monotonic() - begun < 5


def test_what_cannot_be_had_has_a_reason(mirror: Mirror, folder: Path) -> None:
    closed = free_port()
    upstream = Upstream(folder)
    mirror.put("page.html", "log in first")
    urls = [
        mirror.url("none"),
        mirror.url("page.html"),
        f"http://127.0.0.1:{closed}/repomd.xml",
        f"ftp://127.0.0.1:{closed}/repomd.xml",
        "gopher://127.0.0.1/repomd.xml",
        "http://[::1/repomd.xml",
        "ftp://[::1/repomd.xml",
    ]
    answers = upstream.fetch(urls)
    assert {answer.sha256 for answer in answers.values()} == {None}
    missing, page, refused, ftp, gopher, *wrong = (answers[url].reason for url in urls)
    assert missing == "404 File not found"
    assert page == "the server answered with a web page instead of the file"
    assert "Connection refused" in refused
    assert "Connection refused" in ftp
    assert gopher == "unsupported URL scheme: gopher"
    assert all(wrong)


def test_a_server_that_answers_unchanged_unasked(folder: Path) -> None:
    with silent_server(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n") as url:
        (answer,) = Upstream(folder).fetch([f"{url}/repomd.xml"]).values()
    assert answer == UpstreamAnswer(None, "304 Not Modified")


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        (f"http://{GATEWAY}/x", "http://127.0.0.1/x"),
        (f"http://{GATEWAY}:8080/{GATEWAY}/x", f"http://127.0.0.1:8080/{GATEWAY}/x"),
        (f"ftp://me:{GATEWAY}@{GATEWAY}:21/x", f"ftp://me:{GATEWAY}@127.0.0.1:21/x"),
        ("http://169.254.2.20/x", "http://169.254.2.20/x"),
        (f"http://mirror/{GATEWAY}", f"http://mirror/{GATEWAY}"),
        ("http://[::1/x", "http://[::1/x"),
    ],
)
def test_this_host_as_guests_see_it(url: str, seen: str) -> None:
    assert to_host_url(url) == seen


def test_only_what_is_known_is_kept(mirror: Mirror, folder: Path) -> None:
    mirror.put("repomd.xml", "1")
    look(folder, mirror.url("repomd.xml"), mirror.url("none"))
    assert len(names(folder)) == 1
