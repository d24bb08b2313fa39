from __future__ import annotations

import hashlib

import pytest

from builder.indexes import digest_index

INRELEASE = """\
-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

Origin: Debian
Suite: stable-updates
Date: Tue, 24 Nov 2026 02:12:30 UTC
Valid-Until: Tue, 01 Dec 2026 02:12:30 UTC
Components: main
SHA256:
 aa 10 main/binary-amd64/Packages
-----BEGIN PGP SIGNATURE-----

iQIzBAEBCAAdFiEE
-----END PGP SIGNATURE-----
"""
RELEASE = INRELEASE.partition("\n\n")[2].partition("\n-----BEGIN PGP SIGNATURE")[0]


def of(text: str) -> str:
    return digest_index(text.encode())


@pytest.mark.parametrize("text", [INRELEASE, RELEASE])
@pytest.mark.parametrize(
    ("was", "now", "same"),
    [
        ("Date: Tue, 24 Nov 2026 02:12:30", "Date: Tue, 24 Nov 2026 08:12:30", True),
        ("Valid-Until: Tue, 01", "Valid-Until: Wed, 02", True),
        (" aa 10 main", " bb 10 main", False),
        (" aa 10 main", " aa 11 main", False),
        ("Components: main", "Components: main contrib", False),
        ("SHA256:\n", "SHA256:\n ee 1 Date:\n", False),
    ],
)
def test_what_it_says_counts(text: str, was: str, now: str, same: bool) -> None:
    assert was in text
    assert (of(text.replace(was, now)) == of(text)) is same


def test_another_signature_is_no_change() -> None:
    assert of(INRELEASE.replace("iQIzBAEBCAAdFiEE", "iHUEABYKAB0WIQ")) == of(INRELEASE)


@pytest.mark.parametrize(
    "content", [b"", b"<?xml?>\n<repomd><revision>1</revision></repomd>\n", b"\xff\0Date", b"a\r\n"]
)
def test_other_files_as_they_are(content: bytes) -> None:
    assert digest_index(content) == hashlib.sha256(content).hexdigest()
