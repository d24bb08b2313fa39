"""Install trees: where an installer, its kernel and its packages are.

A tree is a folder of this host, an ISO image, or behind an http, https or ftp URL (`open_tree`). What
it holds is told by its `.treeinfo` (EL, Fedora) or by the names of the Debian installer.
"""

from builder.install_trees.tree import InstallTree, open_tree
from builder.install_trees.treeinfo import TreeInfo

__all__ = ["InstallTree", "TreeInfo", "open_tree"]
