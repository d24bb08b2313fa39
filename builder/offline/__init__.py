"""Reads, edits, copies and mounts the files of a disk in the appliance, without starting a node."""

from builder.offline.session import opened
from builder.offline.target import NodeDisk, Nodes, Target, no_nodes, resolve

__all__ = ["NodeDisk", "Nodes", "Target", "no_nodes", "opened", "resolve"]
