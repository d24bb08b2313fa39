"""The attestations of a version: its SBOM, its provenance, a copy of its recipe, its signature."""
