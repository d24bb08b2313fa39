"""Fetching many indexes upstream in parallel."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from builder.errors import HostError, RequestError
from builder.install_trees.source import FileMissing
from builder.upstream.ask import KnownFile, Timeouts, ask_http, ask_source
from builder.upstream.memory import UpstreamMemory

if TYPE_CHECKING:
    import httpx

AT_ONCE = 8
"""The number of parallel requests."""

SILENCE = 10.0
LIMIT = 30.0

INDEX = "index"


@dataclass(frozen=True, slots=True)
class UpstreamAnswer:
    """The digest of an index upstream (`digest_index`); None if it could not be fetched, and `reason` says why."""

    sha256: str | None
    reason: str = ""


class Upstream:
    """The current indexes upstream. One object serves any number of recipes and threads.

    `memory` has the HTTP validators of known files, so that servers do not send unchanged files again. golden gives up
    on a server after `silence` seconds without a byte; all requests of one call end within `limit` seconds.
    """

    def __init__(self, folder: Path, *, silence: float = SILENCE, limit: float = LIMIT) -> None:
        self.memory = UpstreamMemory(folder)
        self._silence = silence
        self._limit = limit
        self._answers: dict[str, UpstreamAnswer] = {}
        self._lock = Lock()

    def find_known(self, urls: Iterable[str]) -> set[str]:
        """Those of the URLs that this object has already fetched."""
        return {url for url in urls if url in self._answers}

    def fetch(self, urls: Iterable[str], *, again: bool = False) -> dict[str, UpstreamAnswer]:
        """The answer for each URL; a URL is fetched once, unless `again` asks for a new request."""
        wanted = dict.fromkeys(urls)
        with self._lock:
            self._answers |= self._ask_all([url for url in wanted if again or url not in self._answers])
            return {url: self._answers[url] for url in wanted}

    def save(self) -> None:
        """Save the memory for the next process. Raises OSError."""
        with self._lock:
            self.memory.save()

    def _ask_all(self, urls: list[str]) -> dict[str, UpstreamAnswer]:
        if not urls:
            return {}
        timeouts = Timeouts(self._silence, time.monotonic() + self._limit)
        pool = ThreadPoolExecutor(AT_ONCE)
        with _client(urls, self._silence) as client:
            try:
                answers = {url: pool.submit(self._ask, client, url, timeouts) for url in urls}
                wait(answers.values(), timeout=self._limit)
                return {url: answer.result() if answer.done() else self._late for url, answer in answers.items()}
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, client: httpx.Client | None, url: str, timeouts: Timeouts) -> UpstreamAnswer:
        try:
            if client and _is_http(url):
                found = ask_http(client, url, self._known(url), timeouts)
                self.memory.note(INDEX, url, asdict(found))
            else:
                found = ask_source(url, timeouts)
        except (HostError, RequestError) as error:
            if timeouts.is_over:
                return self._late
            return UpstreamAnswer(None, error.details or error.message)
        except FileMissing as error:
            return UpstreamAnswer(None, str(error))
        return UpstreamAnswer(found.sha256)

    @property
    def _late(self) -> UpstreamAnswer:
        return UpstreamAnswer(None, f"no answer within {self._limit:g} s")

    def _known(self, url: str) -> KnownFile | None:
        fact = self.memory.find(INDEX, url) or {}
        try:
            known = KnownFile(*(str(fact[name]) for name in ("sha256", "etag", "modified")))
        except KeyError:
            return None
        return known if known.etag or known.modified else None


def _is_http(url: str) -> bool:
    return url.startswith(("http://", "https://"))


@contextmanager
def _client(urls: Iterable[str], silence: float) -> Iterator[httpx.Client | None]:
    """One client for all requests; None if no URL is http(s), because loading httpx takes time."""
    if not any(map(_is_http, urls)):
        yield None
        return
    from builder.install_trees.http import open_client

    with open_client(silence) as client:
        yield client
