"""Guests: the mounted file systems of an image under construction, and the tools of its operating system."""
