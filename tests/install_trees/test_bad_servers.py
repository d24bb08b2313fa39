"""Servers that refuse, are silent, hang up, lie, or are not trusted."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builder.errors import GoldenError, HostError, RequestError
from builder.events import silent
from builder.install_trees.tree import open_tree
from tests.install_trees.places import served, served_by_https
from tests.install_trees.samples import KERNEL
from tests.servers import free_port

SILENCE = 0.5

Talk = Callable[[socket.socket], object]


@contextlib.contextmanager
def server(talk: Talk) -> Iterator[int]:
    """The port of a server that does `talk` with every client, and then waits until the test ends."""
    end = threading.Event()
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            if talk(connection) is None:
                end.wait(30)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)

        def accept() -> None:
            while not end.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = listening.accept()
                    connection.setblocking(True)
                    threads.append(threading.Thread(target=serve, args=(connection,)))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listening.getsockname()[1]
        finally:
            end.set()
            for thread in [accepting, *threads]:
                thread.join()


def refused(url: str) -> GoldenError:
    begun = time.monotonic()
    with pytest.raises(GoldenError) as caught, open_tree(url, silence=SILENCE) as tree:
        tree.read(".treeinfo")
    assert time.monotonic() - begun < 10
    return caught.value


def http(answer: bytes, *, stay: bool = True) -> Talk:
    """Read a request, and answer it."""

    def talk(connection: socket.socket) -> object:
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(4096) or b"\r\n\r\n"
        connection.sendall(answer)
        return None if stay else "hang up"

    return talk


@pytest.mark.parametrize("scheme", ["http", "https", "ftp"])
def test_nobody_listens(scheme: str) -> None:
    url = f"{scheme}://127.0.0.1:{free_port()}/centos7"
    error = refused(url)
    assert isinstance(error, HostError)
    assert str(error) == f"cannot download {url}/.treeinfo\n  [Errno 111] Connection refused"


@pytest.mark.parametrize("scheme", ["http", "https", "ftp"])
def test_no_such_server(scheme: str) -> None:
    error = refused(f"{scheme}://tree.invalid/centos7")
    assert isinstance(error, HostError)
    assert error.message == f"cannot download {scheme}://tree.invalid/centos7/.treeinfo"
    assert error.details


@pytest.mark.parametrize("scheme", ["http", "https", "ftp"])
def test_silence(scheme: str) -> None:
    with server(lambda _: None) as port:
        error = refused(f"{scheme}://127.0.0.1:{port}/centos7")
    assert isinstance(error, HostError)
    assert error.message == f"cannot download {scheme}://127.0.0.1:{port}/centos7/.treeinfo"
    # TLS is a part of httpx's connecting.
    assert error.details in ("the server sent no data for 0.5 s", "no answer from 127.0.0.1 for 0.5 s")


def test_nobody_answers() -> None:
    """A queue that is full, as behind a firewall that drops everything."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            waits = stack.enter_context(socket.socket())
            waits.setblocking(False)
            waits.connect_ex(full.getsockname())
        time.sleep(0.1)
        error = refused(f"http://127.0.0.1:{full.getsockname()[1]}/centos7")
    assert error.details == "no answer from 127.0.0.1 for 0.5 s"


def test_silence_in_the_middle() -> None:
    with server(http(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")) as port:
        error = refused(f"http://127.0.0.1:{port}")
    assert error.details == "the server sent no data for 0.5 s"


def test_a_server_that_hangs_up() -> None:
    with server(http(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", stay=False)) as port:
        error = refused(f"http://127.0.0.1:{port}")
    assert isinstance(error, HostError)
    assert "peer closed connection without sending complete message body" in str(error.details)


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (b"HTTP/1.1 404 Not Found", RequestError, "the tree has no .treeinfo: {url}\n  404 Not Found"),
        (b"HTTP/1.1 403 Forbidden", RequestError, "the tree has no .treeinfo: {url}\n  403 Forbidden"),
        (b"HTTP/1.1 401 Unauthorized", HostError, "cannot download {url}/.treeinfo\n  401 Unauthorized"),
        (b"HTTP/1.1 503 Busy", HostError, "cannot download {url}/.treeinfo\n  503 Busy"),
        (b"HTTP/1.1 302 Found\r\nLocation: /.treeinfo", HostError, "Exceeded maximum allowed redirects."),
        (b"HTTP/1.1 302 Found\r\nLocation: gopher://x/", HostError, "unsupported protocol"),
        (b"What?", HostError, "cannot download {url}/.treeinfo\n  illegal status line"),
    ],
)
def test_answers(answer: bytes, kind: type[GoldenError], text: str) -> None:
    with server(http(answer + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", stay=False)) as port:
        url = f"http://127.0.0.1:{port}/centos7"
        error = refused(url)
    assert type(error) is kind
    assert text.format(url=url) in str(error)


def test_a_password_is_not_shown() -> None:
    port = free_port()
    for scheme in ("http", "ftp"):
        error = refused(f"{scheme}://user:secret@127.0.0.1:{port}/centos7")
        assert error.message == f"cannot download {scheme}://user:***@127.0.0.1:{port}/centos7/.treeinfo"


def test_a_server_without_head(el9: Path) -> None:
    content = (el9 / ".treeinfo").read_bytes()

    def talk(connection: socket.socket) -> object:
        asked = connection.recv(4096)
        if asked.startswith(b"HEAD"):
            connection.sendall(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode() + content)
        return "hang up"

    with server(talk) as port, open_tree(f"http://127.0.0.1:{port}") as tree:
        assert tree.info.family == "AlmaLinux"


def test_a_certificate_of_nobody(el9: Path, tmp_path: Path) -> None:
    with served_by_https(el9, tmp_path / "tls") as url:
        error = refused(url)
    assert isinstance(error, HostError)
    assert error.message == f"cannot download {url}/.treeinfo"
    assert "certificate verify failed" in str(error.details)


def test_what_a_lost_connection_leaves(el9: Path, tmp_path: Path) -> None:
    """The part, from which the next one goes on; never the file itself."""
    half = len(KERNEL) // 2
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(KERNEL)}\r\nConnection: close\r\n\r\n".encode()
    treeinfo = (el9 / ".treeinfo").read_bytes()

    def talk(connection: socket.socket) -> object:
        asked = connection.recv(4096)
        if b"vmlinuz" in asked:
            connection.sendall(head + KERNEL[:half])
        else:
            own = f"HTTP/1.1 200 OK\r\nContent-Length: {len(treeinfo)}\r\nConnection: close\r\n\r\n".encode()
            connection.sendall(own + (b"" if asked.startswith(b"HEAD") else treeinfo))
        return "hang up"

    target = tmp_path / "kernel"
    with server(talk) as port, open_tree(f"http://127.0.0.1:{port}") as tree, pytest.raises(HostError):
        tree.fetch("images/pxeboot/vmlinuz", target, silent)
    assert not target.exists()
    assert (tmp_path / ".kernel.part").read_bytes() == KERNEL[:half]
    with served(el9) as url, open_tree(url) as tree:
        tree.fetch("images/pxeboot/vmlinuz", target, silent)
    assert target.read_bytes() == KERNEL


def ftp(replies: dict[bytes, bytes], data: bytes = b"", *, size: int | None = None) -> Talk:
    """A small FTP server: what it replies to each command, and what it sends."""
    told = {
        b"USER": b"331 password",
        b"PASS": b"230 in",
        b"TYPE": b"200 binary",
        b"SIZE": b"213 %d" % (len(data) if size is None else size),
        b"REST": b"350 from there",
    } | replies

    def talk(connection: socket.socket) -> object:
        connection.sendall(b"220 hello\r\n")
        with contextlib.ExitStack() as stack:
            lines = stack.enter_context(connection.makefile("rb"))
            start = 0
            for line in lines:
                command = line.split()[0]
                if command == b"EPSV":
                    connection.sendall(b"500 what?\r\n")
                elif command == b"PASV":
                    other = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
                    port = other.getsockname()[1]
                    connection.sendall(b"227 (127,0,0,1,%d,%d)\r\n" % (port // 256, port % 256))
                elif command == b"RETR" and command not in told:
                    connection.sendall(b"150 here it is\r\n")
                    with other.accept()[0] as sending:
                        sending.sendall(data[start:])
                    connection.sendall(b"226 done\r\n")
                else:
                    if command == b"REST" and told[command].startswith(b"350"):
                        start = int(line.split()[1])
                    connection.sendall(told[command] + b"\r\n")
                    if told[command].startswith(b"421"):
                        return "hang up"
        return "hang up"

    return talk


TREEINFO = b"[general]\narch = x86_64\n"


@pytest.mark.parametrize(
    "replies", [{}, {b"SIZE": b"502 no SIZE"}, {b"REST": b"502 no REST"}, {b"SIZE": b"500 ?", b"REST": b"500 ?"}]
)
def test_an_ftp_server_that_cannot_do_everything(replies: dict[bytes, bytes]) -> None:
    with server(ftp(replies, TREEINFO)) as port, open_tree(f"ftp://127.0.0.1:{port}/a%20b") as tree:
        assert tree.info.arch == "x86_64"
        with tree.stream(".treeinfo", 5) as stream:
            assert b"".join(stream.chunks) == TREEINFO[stream.offset :]
            assert stream.offset == (0 if b"REST" in replies else 5)


@pytest.mark.parametrize(
    ("replies", "kind", "details"),
    [
        ({b"USER": b"530 anonymous users are not wanted"}, HostError, "530 anonymous users are not wanted"),
        ({b"USER": b"421 too many connections"}, HostError, "421 too many connections"),
        ({b"SIZE": b"550 no such file"}, RequestError, "550 no such file"),
        ({b"SIZE": b"500 ?", b"RETR": b"550 no such file"}, RequestError, "550 no such file"),
        ({b"RETR": b"451 the disk is broken"}, HostError, "451 the disk is broken"),
        ({b"SIZE": b"213 many"}, HostError, "invalid literal"),
        ({b"TYPE": b"hello"}, HostError, "hello"),
    ],
)
def test_what_an_ftp_server_says(replies: dict[bytes, bytes], kind: type[GoldenError], details: str) -> None:
    with server(ftp(replies, TREEINFO)) as port:
        error = refused(f"ftp://127.0.0.1:{port}")
    assert type(error) is kind
    assert details in str(error.details)


def test_an_ftp_transfer_that_is_too_short() -> None:
    with server(ftp({}, TREEINFO, size=100)) as port:
        error = refused(f"ftp://127.0.0.1:{port}")
    assert isinstance(error, HostError)
    assert error.details == f"the transfer ended after {len(TREEINFO)} of 100 bytes"


def test_an_ftp_server_is_sent_no_second_command() -> None:
    with server(ftp({}, TREEINFO)) as port, open_tree(f"ftp://127.0.0.1:{port}/") as tree:
        assert not tree.exists("a\r\nDELE b")
