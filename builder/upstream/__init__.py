"""The current state upstream: the indexes of repositories, fetched with conditional requests."""

from builder.upstream.memory import UpstreamMemory
from builder.upstream.upstream import Upstream, UpstreamAnswer

__all__ = ["Upstream", "UpstreamAnswer", "UpstreamMemory"]
