"""What differs between two versions, or between a version and a node of it.

What manifests alone can tell is here; `builder.compare.comparison` looks into disks as well.
"""

from builder.compare.packages import PackageChange, PackageChanges, compare_packages
from builder.compare.recipes import RecipeChanges, compare_recipes

__all__ = ["PackageChange", "PackageChanges", "RecipeChanges", "compare_packages", "compare_recipes"]
