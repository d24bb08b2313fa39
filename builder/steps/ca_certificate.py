from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from builder.errors import GuestError
from builder.findings import Finding
from builder.guest.guest import Guest
from builder.guest.info import Family
from builder.inputs import InputFile, KeyContext
from builder.steps.step import Step

PEM = re.compile(rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----\s+(.*?)-----END", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TrustStore:
    """Where a guest family keeps the certificate authorities that it trusts.

    The command `update` generates the file `bundle` from the distribution's certificates and the folder `anchors`.
    """

    anchors: str
    update: str
    bundle: str


STORES: dict[Family, TrustStore] = {
    "debian": TrustStore(
        "/usr/local/share/ca-certificates", "update-ca-certificates", "/etc/ssl/certs/ca-certificates.crt"
    ),
    "redhat": TrustStore(
        "/etc/pki/ca-trust/source/anchors", "update-ca-trust", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
    ),
    "suse": TrustStore("/etc/pki/trust/anchors", "update-ca-certificates", "/var/lib/ca-certificates/ca-bundle.pem"),
}


def _check_certificate(path: Path) -> Path:
    content = path.read_bytes()
    if b"PRIVATE KEY-----" in content:
        raise ValueError(f"{path.name} contains a private key; remove everything but the certificate")
    count = len(PEM.findall(content))
    if count > 1:
        raise ValueError(f"{path.name} contains {count} certificates; use one file and one step for each")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=content.decode("ascii"))
    except (ValueError, ssl.SSLError):
        raise ValueError(
            f"{path.name} is not a PEM certificate, which begins with -----BEGIN CERTIFICATE-----"
        ) from None
    if not context.get_ca_certs():
        raise ValueError(f"{path.name} is not the certificate of a certificate authority, but of a server or a person")
    return path


class CaCertificate(
    Step, name="ca-certificate", version=1, shorthand="certificate", example="ca-certificate: files/site-ca.crt"
):
    """Add a certificate authority to the guest's trust store."""

    certificate: Annotated[InputFile, AfterValidator(_check_certificate)] = Field(
        description="File with the authority's certificate, in PEM format."
    )

    @property
    def _name(self) -> str:
        # update-ca-certificates on Debian reads only files that end in .crt.
        return f"{self.certificate.stem}.crt"

    def key_options(self, context: KeyContext) -> dict[str, object]:
        return {**super().key_options(context), "name": self._name}

    def apply(self, guest: Guest) -> None:
        store = STORES[guest.info.family]
        if not guest.glob(*(f"{folder}/{store.update}" for folder in ("/usr/sbin", "/usr/bin"))):
            raise GuestError(
                f"the guest has no {store.update}", hint="add `install: [ca-certificates]` before this step"
            )
        guest.write(f"{store.anchors}/{self._name}", self.certificate.read_bytes(), mode=0o644, owner="0:0")
        guest.run(store.update)

    def check(self, guest: Guest) -> Iterator[Finding]:
        store = STORES[guest.info.family]
        bundle = guest.read_bytes(store.bundle) if guest.is_file(store.bundle) else b""
        (wanted,) = certificates(self.certificate.read_bytes())
        trusted = wanted in certificates(bundle)
        yield Finding(trusted, f"{self.certificate.name} is {'' if trusted else 'not '}in {store.bundle}")

    def kept_paths(self) -> Iterable[str]:
        for store in STORES.values():
            yield f"{store.anchors}/{self._name}"


def certificates(pem: bytes) -> set[bytes]:
    """Return the certificates in a file as base64 text without line breaks."""
    return {b"".join(body.split()) for body in PEM.findall(pem)}
