"""The files of a disk, with no node running: read, edited, copied, mounted, through the appliance."""

from builder.offline.session import opened
from builder.offline.target import NodeDisk, Nodes, Target, no_nodes, resolve

__all__ = ["NodeDisk", "Nodes", "Target", "no_nodes", "opened", "resolve"]
