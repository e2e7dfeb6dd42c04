"""Settings of query: section [query], environment SANKOFA_QUERY_*."""

from __future__ import annotations

import msgspec

from storage.analytics.engine import QueryLimits


class QueryConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one answer may take."""

    default_page: int = 100
    """Events or people of a page where none is asked for."""

    max_page: int = 1000
    """Most events or people of a page."""

    max_seconds: int = 10
    """Longest run of one query, seconds."""

    max_memory_bytes: int = 512 << 20
    """Most memory of one query, bytes."""

    def limits(self) -> QueryLimits:
        """For whoever opens the analytics store that is asked."""
        return QueryLimits(max_seconds=self.max_seconds, max_memory_bytes=self.max_memory_bytes)
