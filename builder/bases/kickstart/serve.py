"""Serving a folder of this host to an installer during the install."""

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
def serve_folder(folder: Path) -> Iterator[str]:
    """Serve a folder on the loopback address while the body runs; yields its URL. Raises RequestError or HostError.

    It emits no events for requests, because the installer itself reports what it fetches and what is missing.
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
