"""Which ids are one person. Pure: aliases in, people out."""

from __future__ import annotations

from collections.abc import Iterable


class Identities:
    """The people that aliases make, (alias_id, distinct_id) in the order in which they arrived.

    The first alias between two people joins them, and they keep the id that its distinct_id led to; one that
    would close a loop changes nothing. So `a→b` then `b→a` is the person b.
    """

    def __init__(self, aliases: Iterable[tuple[str, str]]) -> None:
        self._parent: dict[str, str] = {}
        for alias_id, distinct_id in aliases:
            losing, keeping = self._root(alias_id), self._root(distinct_id)
            if losing != keeping:
                self._parent[losing] = keeping
        self._members: dict[str, list[str]] = {}
        for known in sorted(self._parent):
            self._members.setdefault(self._root(known), []).append(known)

    def canonical(self, distinct_id: str) -> str:
        """The id the person keeps; an id that no alias names is its own."""
        return self._root(distinct_id) if distinct_id in self._parent else distinct_id

    def ids(self, distinct_id: str) -> list[str]:
        """All ids of the person that has this one, the one it keeps first, the others in order."""
        kept = self.canonical(distinct_id)
        return [kept, *(other for other in self._members.get(kept, ()) if other != kept)]

    def _root(self, distinct_id: str) -> str:
        """Follows the chain up and shortens it on the way (path halving)."""
        parent = self._parent
        parent.setdefault(distinct_id, distinct_id)
        while parent[distinct_id] != distinct_id:
            parent[distinct_id] = parent[parent[distinct_id]]
            distinct_id = parent[distinct_id]
        return distinct_id
