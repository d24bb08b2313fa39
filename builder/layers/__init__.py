"""The cache of disks: what each step changed, under the key of everything that led there."""

from builder.layers.cache import Generation, Layer, LayerCache
from builder.layers.overlay import create_overlay, put_on, virtual_size

__all__ = ["Generation", "Layer", "LayerCache", "create_overlay", "put_on", "virtual_size"]
