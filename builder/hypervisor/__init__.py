"""Hypervisors: their domains, storage pools and networks. The only package that imports libvirt."""

import os

# Set before libvirt is first loaded. Its errors say what failed; its warnings would only disturb our output.
os.environ.setdefault("LIBVIRT_DEBUG", "4")
