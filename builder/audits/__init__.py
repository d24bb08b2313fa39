"""Audits disks at any time after their build: which of the recipe's promises still hold."""

from builder.audits.audit import Audit, AuditedFinding, audit
from builder.audits.recipe import AuditedRecipe, find_promises

__all__ = ["Audit", "AuditedFinding", "AuditedRecipe", "audit", "find_promises"]
