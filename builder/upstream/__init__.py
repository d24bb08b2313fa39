"""What lies upstream now: the indexes of repositories, asked for with conditional requests."""

from builder.upstream.memory import Memory
from builder.upstream.upstream import Answer, Upstream

__all__ = ["Answer", "Memory", "Upstream"]
