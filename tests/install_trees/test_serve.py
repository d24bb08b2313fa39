from __future__ import annotations

import os
import re
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.errors import RequestError
from builder.events import Event, Notice
from builder.install_trees.serve import page, path_names, urls, wanted_range
from builder.install_trees.share import FolderShare, IsoShare, Listing, open_share
from tests.install_trees.places import make_iso, served
from tests.install_trees.samples import KERNEL, put

SECRET = b"what nobody may have"
LARGE = KERNEL * 8
"""More than the server reads at once."""


@dataclass(frozen=True)
class Servers:
    folder: str
    iso: str
    root: Path
    heard: list[Event]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The same files served from a folder and from an ISO image; of the folder there is more outside of it."""
    place = tmp_path_factory.mktemp("serve")
    root = place / "tree"
    put(place, {"secret": SECRET, "tree-of-somebody-else/secret": SECRET})
    put(root, {"large": LARGE, "empty": b"", "images/a b&<c>.img": b"strange", "repodata/primary.xml.gz": b"\x1f\x8b"})
    (root / "link").symlink_to("large")
    image = make_iso(root, place / "tree.iso")
    (root / "out").symlink_to(place)
    (root / "images/secret").symlink_to("../../secret")
    (root / "nowhere").symlink_to("nothing")
    os.mkfifo(root / "pipe")
    heard: list[Event] = []
    with served(root, heard.append) as folder, served(image, heard.append) as iso:
        yield Servers(folder, iso, root, heard)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, headers={"Accept-Encoding": "identity"}) as client:
        yield client


@pytest.fixture(params=["folder", "iso"])
def url(request: pytest.FixtureRequest, servers: Servers) -> str:
    return str(getattr(servers, request.param))


def raw(url: str, path: bytes, method: bytes = b"GET") -> bytes:
    """A whole answer to a request whose path is sent as it is."""
    address = httpx.URL(url)
    with socket.create_connection((address.host, address.port or 0), timeout=30) as connection:
        connection.sendall(b"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % (method, path))
        answer = b""
        while chunk := connection.recv(1 << 16):
            answer += chunk
    return answer


def wait_for(servers: Servers, text: str) -> None:
    """Until one of the servers has told of something."""
    deadline = time.monotonic() + 30
    while not any(text in event.text for event in servers.heard if isinstance(event, Notice)):
        assert time.monotonic() < deadline, servers.heard
        time.sleep(0.02)


def test_files(url: str, client: httpx.Client) -> None:
    for path, content, kind in (
        ("large", LARGE, "application/octet-stream"),
        ("link", LARGE, "application/octet-stream"),
        ("empty", b"", "application/octet-stream"),
        ("images/a%20b%26%3Cc%3E.img", b"strange", "application/octet-stream"),
        ("./images/.//a%20b&<c>.img", b"strange", "application/octet-stream"),
        ("repodata/primary.xml.gz", b"\x1f\x8b", "application/gzip"),
    ):
        answer = client.get(f"{url}/{path}")
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["Content-Type"] == kind
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert "Content-Encoding" not in answer.headers
        head = client.head(f"{url}/{path}")
        assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(len(content)))
        assert [head.headers[each] for each in ("ETag", "Last-Modified")] == [
            answer.headers[each] for each in ("ETag", "Last-Modified")
        ]


def test_what_is_not_there(url: str, client: httpx.Client) -> None:
    for path in ("none", "large/none", "images/none", "nowhere", "pipe", "out", "out/secret", "images/secret", "%00"):
        answer = client.get(f"{url}/{path}")
        assert (answer.status_code, answer.text) == (404, "no such file\n"), path


def test_other_methods(url: str, client: httpx.Client) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = client.request(method, f"{url}/large")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_folders(url: str, client: httpx.Client) -> None:
    answer = client.get(f"{url}/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert re.findall(r'href="([^"]*)"', answer.text) == ["./empty", "./images/", "./large", "./link", "./repodata/"]
    assert f"<td>{len(LARGE)}</td>" in answer.text
    answer = client.get(f"{url}/images")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/images/")
    answer = client.get(f"{url}/images/")
    assert re.findall(r'href="([^"]*)"', answer.text) == ["../", "./a%20b%26%3Cc%3E.img"]
    assert "a b&amp;&lt;c&gt;.img" in answer.text
    followed = client.get(httpx.URL(f"{url}/images/").join("./a%20b%26%3Cc%3E.img"))
    assert followed.content == b"strange"


def test_a_redirection_stays_here(url: str) -> None:
    answer = raw(url, b"//evil.example/../images")
    assert answer.startswith(b"HTTP/1.1 404 ")
    answer = raw(url, b"//images")
    assert b"\r\nLocation: /images/\r\n" in answer


def test_conditions(url: str, client: httpx.Client) -> None:
    first = client.get(f"{url}/large")
    tag, date = first.headers["ETag"], first.headers["Last-Modified"]
    later, earlier = formatdate(time.time() + 9e6, usegmt=True), formatdate(0, usegmt=True)
    for headers, status in (
        ({"If-None-Match": tag}, 304),
        ({"If-None-Match": f"W/{tag}"}, 304),
        ({"If-None-Match": f'"other", {tag}'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-None-Match": '"other"', "If-Modified-Since": later}, 200),
        ({"If-Modified-Since": date}, 304),
        ({"If-Modified-Since": later}, 304),
        ({"If-Modified-Since": earlier}, 200),
        ({"If-Match": tag}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-Match": f"W/{tag}"}, 412),
        ({"If-Unmodified-Since": date}, 200),
        ({"If-Unmodified-Since": earlier}, 412),
        ({"Range": "bytes=1-2", "If-Range": tag}, 206),
        ({"Range": "bytes=1-2", "If-Range": date}, 206),
        ({"Range": "bytes=1-2", "If-Range": '"other"'}, 200),
        ({"Range": "bytes=1-2", "If-Range": earlier}, 200),
    ):
        answer = client.get(f"{url}/large", headers=headers)
        assert answer.status_code == status, headers
        assert answer.content == {200: LARGE, 206: LARGE[1:3], 304: b"", 412: b""}[status]
        assert answer.headers["ETag"] == tag


def test_a_changed_file_has_another_tag(servers: Servers, client: httpx.Client) -> None:
    file = servers.root / "images/changing"
    try:
        file.write_bytes(b"one")
        tag = client.head(f"{servers.folder}/images/changing").headers["ETag"]
        file.write_bytes(b"two")
        os.utime(file, (1, 1))
        answer = client.get(f"{servers.folder}/images/changing", headers={"If-None-Match": tag})
        assert (answer.status_code, answer.content) == (200, b"two")
        assert answer.headers["Last-Modified"] == "Thu, 01 Jan 1970 00:00:01 GMT"
    finally:
        file.unlink()


places = st.integers(0, len(LARGE) + 2) | st.sampled_from([0, 1, 1 << 20, len(LARGE) - 1, len(LARGE)])


@given(first=st.none() | places, last=st.none() | places)
def test_any_range(servers: Servers, client: httpx.Client, first: int | None, last: int | None) -> None:
    """Exactly the bytes that RFC 9110 says, from a folder and from an image."""
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    if first is None:
        expected = LARGE[-last:] if last else b""
        start = len(LARGE) - len(expected)
    else:
        expected = LARGE[first : last + 1] if last is not None else LARGE[first:]
        start = first
    nonsense = (first is None and last is None) or (first is not None and last is not None and last < first)
    for url in (servers.folder, servers.iso):
        answer = client.get(f"{url}/large", headers={"Range": header})
        if nonsense:
            assert (answer.status_code, answer.content) == (200, LARGE)
        elif expected:
            assert (answer.status_code, answer.content) == (206, expected)
            end = start + len(expected) - 1
            assert answer.headers["Content-Range"] == f"bytes {start}-{end}/{len(LARGE)}"
        else:
            assert (answer.status_code, answer.content) == (416, b"")
            assert answer.headers["Content-Range"] == f"bytes */{len(LARGE)}"


def test_ranges_that_are_ignored(url: str, client: httpx.Client) -> None:
    for header in ("bytes=0-1,4-5", "lines=1-2", "bytes", "bytes=-", "bytes=a-b", "bytes=5-2", f"bytes={'9' * 5000}-"):
        answer = client.get(f"{url}/large", headers={"Range": header})
        assert (answer.status_code, len(answer.content)) == (200, len(LARGE)), header
    head = client.head(f"{url}/large", headers={"Range": "bytes=0-1"})
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(LARGE)))
    assert wanted_range("bytes=0-0", 0) == range(0)


DOTS = "..", ".", "%2e%2e", "%2E.", "%252e%252e"
SIGNS = "/", "//", "%2f", "%2F", "\\", "%5c", "%00", "%", "%zz", "%ff", "?", "#", ";"
NAMES = "a", "out", "secret", "images", "large", "link", "tree", "tree-of-somebody-else", "etc/passwd", "http://x"

pieces = st.sampled_from([*DOTS, *SIGNS, *NAMES])


@settings(max_examples=300)
@given(parts=st.lists(pieces, max_size=8), absolute=st.booleans())
def test_no_path_leads_outside(servers: Servers, parts: list[str], absolute: bool) -> None:
    path = ("/" if absolute else "") + "".join(parts)
    for url in (servers.folder, servers.iso):
        answer = raw(url, path.encode() or b"/")
        assert SECRET not in answer
        assert b"root:" not in answer
        head, _, body = answer.partition(b"\r\n\r\n")
        assert re.match(rb"HTTP/1\.[01] (200|301|400|404) ", head), answer
        if head.startswith(b"HTTP/1.1 200"):
            assert b"tree-of-somebody-else" not in body
            assert b'href="./secret"' not in body


@given(st.text("/.%2eEfF0\\ab", max_size=30))
def test_names_of_a_path(path: str) -> None:
    names = path_names("/" + path)
    for name in names or []:
        assert name not in ("", ".", "..")
        assert "/" not in name
        assert "\0" not in name


def test_a_file_that_shrinks_ends_the_connection(servers: Servers, client: httpx.Client) -> None:
    """Whoever reads it must not take the half for the whole."""
    file = servers.root / "images/shrinking"
    try:
        with file.open("wb") as growing:
            growing.truncate(64 << 20)
        with client.stream("GET", f"{servers.folder}/images/shrinking") as answer:
            os.truncate(file, 1000)
            with pytest.raises(httpx.RemoteProtocolError):
                answer.read()
    finally:
        file.unlink()
    wait_for(servers, "images/shrinking: shrinking became shorter while it was sent")


def test_requests_are_told(servers: Servers, client: httpx.Client) -> None:
    client.get(f"{servers.folder}/nothing%20here")
    assert Notice("127.0.0.1 GET /nothing%20here 404") in servers.heard


@pytest.fixture
def huge(servers: Servers) -> Iterator[str]:
    """A file that no buffer between server and client holds as a whole."""
    file = servers.root / "huge"
    with file.open("wb") as opened:
        opened.truncate(1 << 30)
    yield file.name
    file.unlink()


def test_a_client_that_hangs_up_is_told(servers: Servers, huge: str) -> None:
    address = httpx.URL(servers.folder)
    with socket.create_connection((address.host, address.port or 0), timeout=30) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing then resets it
        connection.sendall(f"GET /{huge} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        connection.recv(1)  # else the reset may come before the request was read
    wait_for(servers, f"127.0.0.1 GET /{huge}: the client closed the connection")


def test_what_is_no_request_is_told(servers: Servers) -> None:
    assert raw(servers.folder, b"/a b c").startswith(b"HTTP/1.0 400 ")
    wait_for(servers, "Error handling request from 127.0.0.1: 400, message: Bad status line")


def test_many_at_once(servers: Servers, client: httpx.Client) -> None:
    """One file after the other over connections that stay open, interleaved."""
    with client.stream("GET", f"{servers.iso}/large") as one, client.stream("GET", f"{servers.iso}/link") as other:
        pairs = zip(one.iter_raw(1 << 16), other.iter_raw(1 << 16), strict=True)
        assert b"".join(first for first, second in pairs if first == second) == LARGE


def test_shares(tmp_path: Path) -> None:
    put(tmp_path, {"tree/file": b"x", "text": b"x"})
    assert isinstance(open_share(tmp_path / "tree"), FolderShare)
    share = open_share(make_iso(tmp_path / "tree", tmp_path / "tree.iso"))
    assert isinstance(share, IsoShare)
    share.close()
    for path, message in (
        (tmp_path / "none", "no such folder or ISO image: "),
        (tmp_path / "text", "not an ISO image, or damaged: "),
        (Path("/dev/null"), "neither a folder nor an ISO image: "),
    ):
        with pytest.raises(RequestError) as caught:
            open_share(path)
        assert caught.value.message == f"{message}{path}"


def test_a_listing_of_nothing() -> None:
    assert page([], Listing(())).count("<tr>") == 0
    assert "<title>/&lt;b&gt;/</title>" in page(["<b>"], Listing(()))


def test_urls() -> None:
    assert urls("192.0.2.1", 8000) == ["http://192.0.2.1:8000"]
    assert urls("::1", 80) == ["http://[::1]:80"]
    every = urls("0.0.0.0", 8000)
    assert every
    assert all(re.fullmatch(r"http://[0-9.]+:8000", each) for each in every)
