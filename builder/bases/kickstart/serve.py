"""A folder of this host as a tree that an installer can reach, for the time of an install."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.events import silent
from builder.install_trees.serve import serving
from builder.install_trees.share import open_share

LOOPBACK = "127.0.0.1"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of a folder's files, on the loopback address, while the body runs. Raises RequestError or HostError.

    What is asked of it is not told: the installer says itself what it fetches, and what it misses.
    """
    share = open_share(folder)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="tree", daemon=True)
    thread.start()
    try:
        server = serving(share, LOOPBACK, 0, silent)
        port = asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
        try:
            yield f"http://{LOOPBACK}:{port}"
        finally:
            asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        share.close()
