"""Redefining a node from XML that the user edited."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from builder.domains import metadata
from builder.errors import HypervisorError, RequestError
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import disk_files
from builder.nodes.managing.node import Node


def redefine(node: Node, before: str, after: str, hypervisor: Hypervisor) -> None:
    """Redefine a node as `after`; `before` is the XML that the user started from.

    Raises RequestError if the change is not allowed; then nothing is changed.
    """
    try:
        old, new = ElementTree.fromstring(before), ElementTree.fromstring(after)
    except ElementTree.ParseError as error:
        line, column = error.position
        raise RequestError(
            "the edited text is not well-formed XML", where=f"{line}:{column + 1}", details=str(error)
        ) from error
    for part in ("name", "uuid"):
        if (text := new.findtext(part)) != (required := old.findtext(part)):
            raise RequestError(
                f"must stay {required}",
                where=f"<{part}> {text or ''}".strip(),
                hint="undo this change; to get a node with another name, clone one",
            )
    if metadata.parse(new) != metadata.parse(old):
        raise RequestError(
            "golden's metadata must not change",
            where="<metadata>",
            details="it records the template, and what to remove with the node",
            hint="undo this change",
        )
    new_files = [file for file in disk_files(new) if file not in disk_files(old)]
    if hypervisor.local and (missing := [file for file in new_files if not Path(file).exists()]):
        raise RequestError(
            f"no such disk file: {', '.join(missing)}",
            where="<disk>",
            hint="correct the path, or create the file first",
        )
    if node.domain.xml(secrets=True) != before:
        raise RequestError(
            f"somebody else changed {node.name} while you edited it",
            hint="start the edit again, from the new definition",
        )
    try:
        hypervisor.define(after)
    except HypervisorError as error:
        raise RequestError("libvirt rejects this XML", details=error.details, hint=error.hint) from error
