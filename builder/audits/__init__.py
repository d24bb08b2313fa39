"""Audits of disks long after they were built: what of the recipe's promises is still so."""

from builder.audits.audit import Audit, Proof, audit
from builder.audits.recipe import Promises, find_promises

__all__ = ["Audit", "Promises", "Proof", "audit", "find_promises"]
