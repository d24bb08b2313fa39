from __future__ import annotations

from builder.guest.guest import Guest
from builder.seal.operation import Operation
from builder.seal.tree import GuestTree

UPDATE_COMMANDS = {
    "/usr/bin/update-ca-trust": "update-ca-trust",
    "/usr/sbin/update-ca-certificates": "update-ca-certificates",
}
"""The commands that regenerate the trust store, by the path of the tool."""


class CaCertificatesOperation(Operation):
    def apply(self, guest: Guest, tree: GuestTree) -> None:
        for path, command in UPDATE_COMMANDS.items():
            if guest.is_file(path):
                guest.run(command)


CA_CERTIFICATES = CaCertificatesOperation(
    "ca-certificates",
    "Remove local certificates and keys, and regenerate the trust store.",
    removed_files=("/etc/pki/CA/{certs,crl,newcerts,private}/*.{crt,key}", "/etc/pki/tls/{private,certs}/*.{crt,key}"),
    spared=("/etc/pki/tls/certs/ca-bundle{,.trust}.crt",),
    default=False,
)
