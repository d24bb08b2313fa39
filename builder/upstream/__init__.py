"""What lies upstream now: the indexes of repositories, asked for with conditional requests."""

from builder.upstream.memory import UpstreamMemory
from builder.upstream.upstream import Upstream, UpstreamAnswer

__all__ = ["Upstream", "UpstreamAnswer", "UpstreamMemory"]
