"""The cache of disks: what each step changed, under the key of everything that led there."""

from builder.layers.cache import Generation, Layer, LayerCache

__all__ = ["Generation", "Layer", "LayerCache"]
