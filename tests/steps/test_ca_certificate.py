from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.guest.guest import Guest
from builder.inputs import KeyContext, RecipeContext
from builder.steps.ca_certificate import STORES, CaCertificate, certificates
from builder.steps.install import Install
from tests.certificates import AUTHORITY, SERVER

DER = "30820122"


def load(folder: Path, text: str = AUTHORITY, name: str = "site.pem") -> CaCertificate:
    (folder / name).write_text(text)
    return CaCertificate.model_validate(name, context=RecipeContext(folder))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a PEM certificate"),
        (bytes.fromhex(DER).decode("latin-1"), "not a PEM certificate"),
        (AUTHORITY.replace("MIIB", "MIIC", 1), "not a PEM certificate"),
        (SERVER, "is not the certificate of a certificate authority"),
        (AUTHORITY + SERVER, " contains 2 certificates"),
        (f"-----BEGIN PRIVATE KEY-----\n{AUTHORITY}", "private key"),
    ],
)
def test_refused(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=reason):
        load(tmp_path, text)


def test_layer_key_follows_name_and_content(tmp_path: Path) -> None:
    context = KeyContext(b"")
    steps = [load(tmp_path), load(tmp_path, name="other.pem"), load(tmp_path, f"# comment\n{AUTHORITY}")]
    assert len({str(step.key_options(context)) for step in [*steps[:2]]}) == 2
    assert steps[2].title == "ca-certificate site.pem"
    assert certificates(AUTHORITY.encode()) == certificates(AUTHORITY.replace("\n", "\r\n").encode())


@pytest.mark.slow
def test_debian(guest: Guest, tmp_path: Path) -> None:
    step = load(tmp_path)
    Install(packages=["ca-certificates", "openssl"]).apply(guest)
    assert [finding.ok for finding in step.check(guest)] == [False]
    step.apply(guest)
    path = "/usr/local/share/ca-certificates/site.crt"
    assert guest.read(path) == AUTHORITY
    assert guest.query(f"stat -c '%a %u:%g' {path}") == "644 0:0"
    assert path in step.kept_paths()
    assert [finding.ok for finding in step.check(guest)] == [True]
    guest.run(f"openssl verify -CApath /etc/ssl/certs {path}")


def test_el(folder_centos7: Guest, tmp_path: Path) -> None:
    guest, store = folder_centos7, STORES["redhat"]
    step = load(tmp_path)
    with pytest.raises(GuestError, match="the guest has no update-ca-trust"):
        step.apply(guest)
    # The guest has Debian's packages, which lack this tool. This substitute does the relevant part.
    update = f"#!/bin/sh\nmkdir -p $(dirname {store.bundle}) && cat {store.anchors}/* >{store.bundle}\n"
    guest.write("/usr/bin/update-ca-trust", update, mode=0o755)
    assert [finding.ok for finding in step.check(guest)] == [False]
    step.apply(guest)
    assert guest.read("/etc/pki/ca-trust/source/anchors/site.crt") == AUTHORITY
    assert [finding.ok for finding in step.check(guest)] == [True]
