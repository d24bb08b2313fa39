"""Golden images for KVM/libvirt: a recipe goes in, a sealed, proven, versioned template comes out."""

__version__ = "0.1.0"
