"""The cache of disks: what each step changed, under the key of everything that led there."""

from builder.layers.cache import Cache, Layer
from builder.layers.overlay import create_overlay, put_on, virtual_size

__all__ = ["Cache", "Layer", "create_overlay", "put_on", "virtual_size"]
