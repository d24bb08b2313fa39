"""The digest of a repository's index: the file that changes whenever one of its packages does."""

from __future__ import annotations

import hashlib
import re

SIGNED = b"-----BEGIN PGP SIGNED MESSAGE-----"
SIGNATURE = b"\n-----BEGIN PGP SIGNATURE-----"


def digest_index(content: bytes) -> str:
    """SHA-256, 64 hex digits, of what an index says, but not of when it says so, nor of who signed it.

    Debian signs its suites anew several times a day, with other dates, whether or not anything in them
    changed. Of an index without such fields and signature, repomd.xml for one, it is that of the file.
    """
    if content.startswith(SIGNED):
        content = content.partition(b"\n\n")[2].partition(SIGNATURE)[0]
    return hashlib.sha256(re.sub(rb"^(Date|Valid-Until):.*\n?", b"", content, flags=re.MULTILINE)).hexdigest()
