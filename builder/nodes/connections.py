"""The hypervisors on which golden ever created nodes. Prune asks all of them before it removes a version.

::

    output/connections.json   {"connections": [URI…]}; the embedded driver's entry is `embed`
"""

from __future__ import annotations

from builder import files
from builder.errors import HostError
from builder.hypervisor.connection import EMBEDDED, Hypervisor
from builder.paths import Output


def known_uris(output: Output) -> list[str]:
    """The recorded URIs. Raises HostError if the record is unreadable: then nobody knows which are missing."""
    record = output.connections
    if not record.exists():
        return []
    found = (files.read_json(record) or {}).get("connections")
    if not isinstance(found, list) or not all(isinstance(uri, str) for uri in found):
        raise HostError(
            "cannot read the list of hypervisors",
            where=str(record),
            hint='write the URIs of your hypervisors into it, such as {"connections": ["qemu:///system"]}',
        )
    return found


def record_hypervisor(hypervisor: Hypervisor, output: Output) -> None:
    """Record a hypervisor before its first node is created. The caller holds `CloneJournals.locked`.

    Raises HostError.
    """
    uri = EMBEDDED if hypervisor.embedded else hypervisor.uri
    recorded = known_uris(output)
    if uri not in recorded:
        try:
            files.write_json(output.connections, {"connections": [*recorded, uri]})
        except OSError as error:
            raise HostError(
                "cannot write the list of hypervisors",
                where=str(output.connections),
                details=str(error),
                hint="check the free space and the permissions of the output folder",
            ) from error
