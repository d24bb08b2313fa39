"""Guests: the mounted file systems of an image under construction, and what golden knows of their systems."""
