"""Hypervisors: their domains, pools of volumes, and networks. The only package that imports libvirt."""

import os

# Before libvirt is first loaded: what goes wrong is in its errors, and its own warnings would stand between our lines.
os.environ.setdefault("LIBVIRT_DEBUG", "4")
