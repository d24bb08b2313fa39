"""The hypervisors on which nodes were ever made: whoever removes a version asks each of them.

::

    output/connections.json   {"connections": [URI…]}, the embedded driver's is `embed`
"""

from __future__ import annotations

from builder import files
from builder.errors import HostError
from builder.hypervisor.connection import EMBEDDED, Hypervisor
from builder.paths import Output


def known_uris(output: Output) -> list[str]:
    """Their URIs. Raises HostError where the record is there and cannot be read: who is missing is not known."""
    record = output.connections
    if not record.exists():
        return []
    found = (files.read_json(record) or {}).get("connections")
    if not isinstance(found, list) or not all(isinstance(uri, str) for uri in found):
        raise HostError(
            "the record of hypervisors cannot be read",
            where=str(record),
            hint='it has their URIs: {"connections": ["qemu:///system"]}',
        )
    return found


def record_hypervisor(hypervisor: Hypervisor, output: Output) -> None:
    """Note a hypervisor down before the first node is made there; the caller holds the lock of choosing.

    Raises HostError.
    """
    uri = EMBEDDED if hypervisor.embedded else hypervisor.uri
    have = known_uris(output)
    if uri not in have:
        try:
            files.write_json(output.connections, {"connections": [*have, uri]})
        except OSError as error:
            raise HostError("the record of hypervisors cannot be written", details=str(error)) from error
