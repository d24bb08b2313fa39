"""Nodes as libvirt domains: the domain template of a version, and the metadata of a node."""
