"""Hypervisors: their domains, pools of volumes, and networks. The only package that imports libvirt."""
