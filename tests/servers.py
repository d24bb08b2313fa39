"""Servers on this host's loopback address, which appliances reach under another one."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_connection, socket

from builder import process
from builder.guest.gateway import GATEWAY


@dataclass
class HttpServer:
    """What was asked of it: the path of each answered request, and the bytes sent for it.

    `answered` has the path and status of all requests, those with nothing sent for them as well.
    """

    url: str
    sent: list[tuple[str, int]] = field(default_factory=list)
    answered: list[tuple[str, int]] = field(default_factory=list)


@contextlib.contextmanager
def http_server(folder: Path, gateway: str = GATEWAY) -> Iterator[HttpServer]:
    """Serve a folder to machines that see this host's loopback address as `gateway`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder))) as server:
        known = HttpServer(f"http://{gateway}:{server.server_port}")

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                known.answered.append((self.path, int(code)))

            def copyfile(self, source: object, outputfile: object) -> None:
                content = source.read()  # type: ignore[attr-defined]
                outputfile.write(content)  # type: ignore[attr-defined]
                known.sent.append((self.path, len(content)))

        server.RequestHandlerClass = partial(Handler, directory=str(folder))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield known
        finally:
            server.shutdown()
            thread.join()


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextlib.contextmanager
def ftp_server(folder: Path, gateway: str = GATEWAY) -> Iterator[str]:
    """Serve a copy of a folder by vsftpd to anonymous users, and give the URL, with `gateway` as for HTTP."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="golden-ftp-") as scratch:
        # vsftpd serves as a user who may write nothing, and who cannot look into tests' folders.
        root, empty = Path(scratch, "root"), Path(scratch, "empty")
        Path(scratch).chmod(0o755)
        shutil.copytree(folder, root)
        empty.mkdir()
        settings = {
            "listen": "YES",
            "listen_address": "127.0.0.1",
            "listen_port": port,
            "background": "NO",
            "anonymous_enable": "YES",
            "anon_root": root,
            "ftp_username": "daemon",
            "secure_chroot_dir": empty,
            "pasv_address": gateway,
            "seccomp_sandbox": "NO",
        }
        config, log = Path(scratch, "vsftpd.conf"), Path(scratch, "vsftpd.log")
        config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        with log.open("wb") as said:
            command = [process.find_tool("vsftpd", package="vsftpd"), str(config)]
            server = subprocess.Popen(process.bound_to_us(command), stdout=said, stderr=said)
        try:
            wait_for_port(port, server, log)
            yield f"ftp://{gateway}:{port}"
        finally:
            server.terminate()
            server.wait()


def wait_for_port(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.05)
