"""What a node looks like in libvirt: the domain template of a version, and the metadata of a node."""
