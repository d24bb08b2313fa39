"""Finds what differs between two versions, or between a version and a node.

The functions here compare manifests only; `builder.compare.comparison` also reads disks.
"""

from builder.compare.packages import PackageChange, PackageChanges, compare_packages
from builder.compare.recipes import RecipeChanges, compare_recipes

__all__ = ["PackageChange", "PackageChanges", "RecipeChanges", "compare_packages", "compare_recipes"]
