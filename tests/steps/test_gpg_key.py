from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from builder.guest.guest import Guest
from builder.inputs import KeyContext, RecipeContext
from builder.steps.gpg_key import GpgKey

TRUSTED = "/etc/apt/trusted.gpg.d"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an OpenPGP public key"),
        (b"<html>404 not found</html>", "not an OpenPGP public key"),
        (b"\0\0\0\x20\x01\x01\0\0KBXf", "not an OpenPGP public key"),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "private key"),
    ],
)
def test_a_file_without_a_key_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(ValidationError, match=reason):
        GpgKey.model_validate("key", context=RecipeContext(tmp_path))


def test_missing_key(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="no such file: key"):
        GpgKey.model_validate("key", context=RecipeContext(tmp_path))


def test_layer_key_follows_name_and_content(tmp_path: Path) -> None:
    context = KeyContext(b"")
    keys = []
    for name, content in (("a", b"\x99\x01"), ("b", b"\x99\x01"), ("a", b"\x99\x02")):
        (tmp_path / name).write_bytes(content)
        keys.append(str(GpgKey.model_validate(name, context=RecipeContext(tmp_path)).key_options(context)))
    assert len(set(keys)) == 3


def test_gpg_key(folder_debian: Guest, tmp_path: Path) -> None:
    guest = folder_debian
    binary = b"\x99\x01\x0d\x04\xff\n\0"
    armoured = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQINBA==\n-----END PGP PUBLIC KEY BLOCK-----\n"
    (tmp_path / "RPM-GPG-KEY (old) 7.1").write_bytes(binary)
    (tmp_path / "site.gpg").write_bytes(armoured)
    for name, path, content in (
        ("RPM-GPG-KEY (old) 7.1", f"{TRUSTED}/RPM-GPG-KEY--old--7-1.gpg", binary),
        ("site.gpg", f"{TRUSTED}/site.asc", armoured),
    ):
        step = GpgKey.model_validate(name, context=RecipeContext(tmp_path))
        assert [finding.message for finding in step.check(guest)] == [f"{path} is missing"]
        step.apply(guest)
        assert guest.read_bytes(path) == content
        assert path in step.kept_paths()
        assert all(finding.ok for finding in step.check(guest))
        guest.write(path, b"\x99")
        assert not any(finding.ok for finding in step.check(guest))
