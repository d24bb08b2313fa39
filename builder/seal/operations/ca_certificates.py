from __future__ import annotations

from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import Tree

REFRESH = {"/usr/bin/update-ca-trust": "update-ca-trust", "/usr/sbin/update-ca-certificates": "update-ca-certificates"}
"""What makes the store anew from what is left, by the tool's path."""


class CaCertificates(Operation):
    def apply(self, guest: Guest, tree: Tree) -> None:
        for path, command in REFRESH.items():
            if guest.is_file(path):
                guest.run(command)


CA_CERTIFICATES = CaCertificates(
    "ca-certificates",
    "Remove the certificates and keys of local authorities, and renew the store.",
    removed_files=("/etc/pki/CA/{certs,crl,newcerts,private}/*.{crt,key}", "/etc/pki/tls/{private,certs}/*.{crt,key}"),
    spared=("/etc/pki/tls/certs/ca-bundle{,.trust}.crt",),
    default=False,
)
