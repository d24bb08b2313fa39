"""Golden images for KVM/libvirt: build sealed, audited, versioned templates from recipes, and clone nodes."""

__version__ = "0.1.0"
