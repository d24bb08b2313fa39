"""Audits of disks long after they were built: what of the recipe's promises is still so."""

from builder.audits.audit import Audit, AuditedFinding, audit
from builder.audits.recipe import AuditedRecipe, find_promises

__all__ = ["Audit", "AuditedFinding", "AuditedRecipe", "audit", "find_promises"]
