"""The cache of bases and layers, and the scratch folders of builds."""

from builder.layers.cache import Generation, Layer, LayerCache

__all__ = ["Generation", "Layer", "LayerCache"]
