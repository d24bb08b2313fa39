from __future__ import annotations

from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree

REFRESH = {"/usr/bin/update-ca-trust": "update-ca-trust", "/usr/sbin/update-ca-certificates": "update-ca-certificates"}
"""What makes the store anew from what is left, by the tool's path."""


class CaCertificatesOperation(Operation):
    def apply(self, guest: Guest, tree: GuestTree) -> None:
        for path, command in REFRESH.items():
            if guest.is_file(path):
                guest.run(command)


CA_CERTIFICATES = CaCertificatesOperation(
    "ca-certificates",
    "Remove the certificates and keys of local authorities, and renew the store.",
    removed_files=("/etc/pki/CA/{certs,crl,newcerts,private}/*.{crt,key}", "/etc/pki/tls/{private,certs}/*.{crt,key}"),
    spared=("/etc/pki/tls/certs/ca-bundle{,.trust}.crt",),
    default=False,
)
