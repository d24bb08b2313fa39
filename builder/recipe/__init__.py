"""Recipes: the model, and the loader that reads it from a YAML file."""

from __future__ import annotations

from builder.recipe.fits import check_fits
from builder.recipe.load import load
from builder.recipe.model import Recipe

__all__ = ["Recipe", "check_fits", "load"]
