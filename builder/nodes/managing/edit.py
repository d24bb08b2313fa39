"""Defining a node anew, as XML that somebody wrote."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from builder.domains import metadata
from builder.errors import HypervisorError, RequestError
from builder.hypervisor.connection import Hypervisor
from builder.hypervisor.domains import disk_files
from builder.nodes.managing.node import Node


def redefine(node: Node, before: str, after: str, hypervisor: Hypervisor) -> None:
    """`before` is what they started from. Raises RequestError for what cannot be; nothing is changed then."""
    try:
        known, wanted = ElementTree.fromstring(before), ElementTree.fromstring(after)
    except ElementTree.ParseError as error:
        line, column = error.position
        raise RequestError("not well-formed XML", where=f"{line}:{column + 1}", details=str(error)) from error
    for part in ("name", "uuid"):
        if (new := wanted.findtext(part)) != (old := known.findtext(part)):
            raise RequestError(f"must stay {old}", where=f"<{part}> {new or ''}".strip(), hint="clone another node")
    if metadata.parse(wanted) != metadata.parse(known):
        raise RequestError(
            "what golden notes of the node must stay", where="<metadata>", hint="it says what goes with the node"
        )
    new_files = [file for file in disk_files(wanted) if file not in disk_files(known)]
    if hypervisor.local and (missing := [file for file in new_files if not Path(file).exists()]):
        raise RequestError(f"there is no file {', '.join(missing)}", where="<disk>")
    if node.domain.xml(secrets=True) != before:
        raise RequestError(f"{node.name} was changed by somebody else meanwhile", hint="edit what it is now")
    try:
        hypervisor.define(after)
    except HypervisorError as error:
        raise RequestError("libvirt does not take it", details=error.details, hint=error.hint) from error
