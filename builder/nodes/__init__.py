"""Nodes: domains cloned from a version, and what belongs to them."""
