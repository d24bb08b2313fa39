"""The digest of a repository's index, the file that changes whenever one of its packages does."""

from __future__ import annotations

import hashlib
import re

SIGNED = b"-----BEGIN PGP SIGNED MESSAGE-----"
SIGNATURE = b"\n-----BEGIN PGP SIGNATURE-----"


def digest_index(content: bytes) -> str:
    """SHA-256 of an index without its dates and its signature, as 64 hexadecimal digits.

    Debian signs its suites again several times a day, with new dates, even if nothing in them changed. An
    index without such fields, such as repomd.xml, has the digest of the whole file.
    """
    if content.startswith(SIGNED):
        content = content.partition(b"\n\n")[2].partition(SIGNATURE)[0]
    return hashlib.sha256(re.sub(rb"^(Date|Valid-Until):.*\n?", b"", content, flags=re.MULTILINE)).hexdigest()
