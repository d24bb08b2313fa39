"""Install trees: an installer with its kernel, its initrd and the packages to install.

A tree is a folder on this host, an ISO image, or an http, https or ftp URL (`open_tree`). Its `.treeinfo`
(EL, Fedora) or the fixed file names of Debian's installer tell what it contains.
"""

from builder.install_trees.tree import InstallTree, open_tree
from builder.install_trees.treeinfo import TreeInfo

__all__ = ["InstallTree", "TreeInfo", "open_tree"]
