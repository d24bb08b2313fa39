"""`golden tree`, as a user meets it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from builder.cli.trees import app
from builder.errors import HostError, RequestError
from tests.conftest import GOLDEN, Golden
from tests.install_trees.places import make_iso, served
from tests.install_trees.samples import KERNEL
from tests.servers import free_port


def run(*arguments: str | Path) -> Result:
    """A command, in this process."""
    return CliRunner().invoke(app, [str(each) for each in arguments])


def failed(*arguments: str | Path) -> BaseException | None:
    """What a command ends with."""
    done = run(*arguments)
    assert done.stdout == ""
    return done.exception


@contextlib.contextmanager
def serving(*arguments: str | Path, ends: int = signal.SIGTERM, status: int = 0) -> Iterator[tuple[str, list[str]]]:
    """What `golden tree serve` says on stdout when it listens, and on stderr once it has ended."""
    said: list[str] = []
    with subprocess.Popen(
        [GOLDEN, "tree", "serve", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            first = server.stdout.readline()
            yield first, said
        finally:
            server.send_signal(ends)
            begun = time.monotonic()
            out, err = server.communicate(timeout=60)
        assert server.returncode == status, err
        assert not [line for line in out.splitlines() if not line.startswith("tree: http://")]
        assert time.monotonic() - begun < 20
        assert "Traceback" not in err
        said += err.splitlines()


@pytest.mark.parametrize(("ends", "status", "last"), [(signal.SIGTERM, 0, []), (signal.SIGINT, 130, ["interrupted"])])
def test_serve(ends: int, status: int, last: list[str], el9: Path, tmp_path: Path) -> None:
    image = make_iso(el9, tmp_path / "el9.iso")
    with serving(image, "--address", "127.0.0.1", "--port", "0", ends=ends, status=status) as (first, said):
        assert first.startswith("tree: http://127.0.0.1:")
        url = first.removeprefix("tree: ").strip()
        with httpx.Client(trust_env=False) as client:
            assert client.get(f"{url}/images/pxeboot/vmlinuz").content == KERNEL
            assert client.get(f"{url}/images/none").status_code == 404
    assert said == [
        "  serving AlmaLinux 9.4 for x86_64",
        "  127.0.0.1 GET /images/pxeboot/vmlinuz 200",
        "  127.0.0.1 GET /images/none 404",
        *last,
    ]


def test_stdout_is_data_on_a_terminal_too(el9: Path) -> None:
    """Only stderr is one here: nothing of what a command tells may go there with the talk."""
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [GOLDEN, "tree", "check", el9], stdout=subprocess.PIPE, stderr=theirs, text=True, check=True
        )
        assert len(done.stdout.splitlines()) == 10
        command = [str(GOLDEN), "tree", "serve", str(el9), "--address", "127.0.0.1", "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True) as server:
            assert server.stdout is not None
            assert server.stdout.readline().startswith("tree: http://127.0.0.1:")
            server.terminate()
        assert server.returncode == 0
    finally:
        os.close(ours)
        os.close(theirs)


def test_check_until_the_server_goes(el9: Path) -> None:
    """What was found is told, and then what happened."""
    treeinfo = (el9 / ".treeinfo").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/.treeinfo":
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(treeinfo)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(treeinfo)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        done = run("check", url)
        server.shutdown()
        thread.join()
    assert done.stdout == "ok    .treeinfo: AlmaLinux 9.4 for x86_64\n"
    assert isinstance(done.exception, HostError)
    assert str(done.exception) == f"cannot download {url}/images/pxeboot/vmlinuz\n  503 Service Unavailable"


def test_serve_ends_in_the_middle_of_a_transfer(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 30)
    with (
        serving(tmp_path, "--address", "127.0.0.1", "--port", "0") as (first, said),
        socket.create_connection(("127.0.0.1", int(first.rpartition(":")[2]))) as connection,
    ):
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    assert said[0] == f"warning: {tmp_path} is not an install tree; serving its files anyway"


def test_serve_a_damaged_tree(el9: Path) -> None:
    """It may be what somebody wants to look at."""
    (el9 / ".treeinfo").write_text("[general")
    with serving(el9, "--address", "127.0.0.1", "--port", "0") as (first, said):
        assert first.startswith("tree: ")
    assert said[0] == f"warning: the tree's description is damaged: {el9.resolve()}/.treeinfo"


def test_serve_on_every_address(el9: Path) -> None:
    port = free_port()
    with serving(el9, "--port", str(port)) as (first, _), httpx.Client(trust_env=False) as client:
        assert re.fullmatch(rf"tree: http://[0-9.]+:{port}\n", first)
        for address in ("127.0.0.1", "127.1.2.3"):
            assert client.get(f"http://{address}:{port}/images/pxeboot/vmlinuz").content == KERNEL


def test_serve_where_somebody_listens(golden: Golden, el9: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = golden("tree", "serve", el9, "--address", "127.0.0.1", "--port", str(port))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.splitlines()[1:] == [
        f"error: cannot listen on 127.0.0.1, port {port}",
        f"  error while attempting to bind on address ('127.0.0.1', {port}): address already in use",
        "hint: choose another --port: this one is in use",
    ]


@pytest.mark.parametrize("address", ["192.0.2.99", "no-such-host.invalid"])
def test_serve_at_no_address_of_this_host(address: str, el9: Path) -> None:
    error = failed("serve", el9, "--address", address, "--port", "0")
    assert isinstance(error, HostError)
    assert error.message == f"cannot listen on {address}, port 0"
    assert error.hint == "set --address to an address of this host, or to 0.0.0.0 for all of them"


def test_serve_what_cannot_be_served(tmp_path: Path) -> None:
    image = tmp_path / "text.iso"
    image.write_text("no image")
    error = failed("serve", image)
    assert isinstance(error, RequestError)
    assert error.message == f"not an ISO image, or damaged: {image}"
    assert str(failed("serve", tmp_path / "none")) == f"no such folder or ISO image: {tmp_path}/none"


def test_check_a_complete_tree(el9: Path, tmp_path: Path) -> None:
    with served(make_iso(el9, tmp_path / "el9.iso")) as url:
        for source in (el9, tmp_path / "el9.iso", url):
            done = run("check", source)
            assert done.exit_code == 0, done.stdout
            lines = done.stdout.splitlines()
            assert lines[0] == "ok    .treeinfo: AlmaLinux 9.4 for x86_64"
            assert len(lines) == 10
            assert all(line.startswith("ok    ") for line in lines)


def test_check_an_incomplete_tree(el9: Path) -> None:
    (el9 / "BaseOS/repodata/repomd.xml").unlink()
    done = run("check", el9)
    assert done.exit_code == 2
    assert [line for line in done.stdout.splitlines() if not line.startswith("ok ")] == [
        "WRONG repository BaseOS/repodata/repomd.xml is missing"
    ]
    done = run("check", el9, "--json")
    assert done.exit_code == 2
    told = json.loads(done.stdout)
    assert (told["tree"], told["complete"]) == (str(el9), False)
    assert [each for each in told["findings"] if not each["ok"]] == [
        {"ok": False, "message": "repository BaseOS/repodata/repomd.xml is missing"}
    ]


def test_check_for_another_architecture(el9: Path) -> None:
    done = run("check", el9, "--arch", "aarch64")
    assert done.exit_code == 2
    assert f"WRONG the tree is for x86_64, not for aarch64: {el9}" in done.stdout


def test_check_what_is_no_tree(golden: Golden, tmp_path: Path) -> None:
    done = run("check", tmp_path)
    assert done.exit_code == 2
    assert done.stdout.startswith(f"WRONG not an install tree: {tmp_path}; it has neither .treeinfo nor ")
    by_command = golden("tree", "check", "nfs://server/tree")
    assert (by_command.returncode, by_command.stdout) == (2, "")
    assert by_command.stderr.startswith("error: not the location of an install tree: nfs://server/tree\nhint: ")


def test_check_what_cannot_be_reached(golden: Golden) -> None:
    url = f"http://127.0.0.1:{free_port()}/centos7"
    done = golden("tree", "check", url, "--json", env={"NO_PROXY": "*"})
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"error: cannot download {url}/.treeinfo\n  [Errno 111] Connection refused\n"


def test_check_a_silent_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        error = failed("check", url, "--silence", "0.5")
    assert isinstance(error, HostError)
    assert str(error) == f"cannot download {url}/.treeinfo\n  the server sent no data for 0.5 s"


def test_the_command_line_stays_quick() -> None:
    """What only some commands need is imported by none of the others."""
    code = "import sys, builder.cli; print(*{'aiohttp', 'asyncio', 'httpx', 'pycdlib', 'ftplib'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout == "\n"
