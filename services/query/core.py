"""Answers: pages of events, and people as their aliases make them. No SQL here, no gRPC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import msgspec

from mesh.errors import NotFound
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.query.pages import cursor_of, place_of
from storage.analytics.identities import Identities
from storage.analytics.queries import Counts, Filter, Position, Scope, StoredEvent, Trait

T = TypeVar("T")

MAX_PAGE_BYTES = 24 << 20
"""Text in one page; with one bag of 32 MiB on top it stays below the largest message of 64 MiB."""


class EventStore(Protocol):
    """What the answers need; storage.analytics.queries says what each returns."""

    async def events(
        self, scope: Scope, which: Filter, *, after: Position | None, limit: int
    ) -> list[StoredEvent]: ...

    async def names(self, scope: Scope, which: Filter) -> list[tuple[str, int]]: ...

    async def counts(self, scope: Scope, which: Filter) -> Counts: ...

    async def aliases(self, scope: Scope) -> list[tuple[str, str]]: ...

    async def unaliased_ids(self, scope: Scope, *, after: str, limit: int) -> list[str]: ...

    async def aliased_ids(self, scope: Scope) -> list[str]: ...

    async def seen(self, scope: Scope, distinct_ids: list[str]) -> bool: ...

    async def traits(self, scope: Scope, distinct_ids: list[str]) -> list[Trait]: ...


@dataclass(frozen=True, slots=True)
class Person:
    """One person. `properties` is a JSON object of the traits; `updated_at_ms` is 0 for one who has none."""

    distinct_id: str
    aliases: list[str]
    properties: bytes
    updated_at_ms: int


class Answers:
    """Answers questions about one project in one environment. `person` anywhere is any id of the person."""

    def __init__(self, *, store: EventStore) -> None:
        self._store = store

    async def events(
        self, scope: Scope, which: Filter, *, person: str, limit: int, cursor: str
    ) -> tuple[list[StoredEvent], str]:
        """A page, newest client time first, and the cursor of the next one. Raises InvalidInput."""
        after = place_of(cursor, Position)
        which = await self._of_person(scope, which, person)
        found = await self._store.events(scope, which, after=after, limit=limit + 1)
        page = _that_fit(found[:limit], _size_of)
        if len(page) == len(found):
            return page, ""
        return page, cursor_of(Position(page[-1].timestamp_ms, page[-1].id))

    async def names(self, scope: Scope, which: Filter, *, person: str) -> list[tuple[str, int]]:
        """Names of events and their counts, most frequent first: as many as one answer holds."""
        named = await self._store.names(scope, await self._of_person(scope, which, person))
        return _that_fit(named, lambda name: _bytes_of(name[0]))

    async def counts(self, scope: Scope, which: Filter, *, person: str) -> tuple[int, int]:
        """Events, and the people they are of."""
        identities = Identities(await self._store.aliases(scope))
        which = _of_ids(which, identities, person)
        counted = await self._store.counts(scope, which)
        joined = {identities.canonical(distinct_id) for distinct_id in counted.aliased_ids}
        return counted.events, counted.unaliased_ids + len(joined)

    async def people(self, scope: Scope, *, limit: int, cursor: str) -> tuple[list[Person], str]:
        """A page of people who did something or have traits, by the id they keep, and the next cursor."""
        after = place_of(cursor, str) or ""
        identities = Identities(await self._store.aliases(scope))
        joined = {identities.canonical(seen) for seen in await self._store.aliased_ids(scope)}
        alone = await self._store.unaliased_ids(scope, after=after, limit=limit + 1)
        kept = sorted([*alone, *(one for one in joined if one > after)], key=str.encode)[: limit + 1]
        page = kept[:limit]
        described = await self._described(scope, [identities.ids(one) for one in page])
        people = _that_fit(described, lambda person: len(person.properties) + _bytes_of(person.distinct_id))
        return people, cursor_of(page[len(people) - 1]) if len(people) < len(kept) else ""

    async def person(self, scope: Scope, distinct_id: str) -> Person:
        """One person by any id. Raises NotFound for one who did nothing and has no traits."""
        ids = Identities(await self._store.aliases(scope)).ids(distinct_id)
        if not await self._store.seen(scope, ids):
            raise NotFound(ErrorReason.ERROR_REASON_PERSON_NOT_FOUND)
        (person,) = await self._described(scope, [ids])
        return person

    async def _of_person(self, scope: Scope, which: Filter, person: str) -> Filter:
        if not person:
            return which
        return _of_ids(which, Identities(await self._store.aliases(scope)), person)

    async def _described(self, scope: Scope, people: list[list[str]]) -> list[Person]:
        """Each person is a list of ids, the one it keeps first."""
        if not people:
            return []
        traits: dict[str, list[Trait]] = {}
        for trait in await self._store.traits(scope, [one for ids in people for one in ids]):
            traits.setdefault(trait.distinct_id, []).append(trait)
        return [_merged(ids, [trait for one in ids for trait in traits.get(one, ())]) for ids in people]


def _that_fit(page: list[T], size_of: Callable[[T], int]) -> list[T]:
    """As many as fit in one answer, at least one: the next page begins where this one had to end."""
    size = 0
    for place, one in enumerate(page):
        size += size_of(one)
        if size > MAX_PAGE_BYTES and place:
            return page[:place]
    return page


def _size_of(event: StoredEvent) -> int:
    return sum([_bytes_of(text) for text in event if isinstance(text, str)])


def _bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _of_ids(which: Filter, identities: Identities, person: str) -> Filter:
    return replace(which, distinct_ids=tuple(identities.ids(person))) if person else which


def _merged(ids: list[str], traits: list[Trait]) -> Person:
    """The newest change of each key wins, under whichever id it came; null deletes the trait."""
    newest: dict[str, Trait] = {}
    for trait in traits:
        if trait.key not in newest or trait.changed > newest[trait.key].changed:
            newest[trait.key] = trait
    kept = {key: msgspec.Raw(newest[key].value) for key in sorted(newest) if newest[key].value != "null"}
    updated_at_ms = max((trait.changed[0] for trait in traits), default=0)
    return Person(ids[0], ids[1:], msgspec.json.encode(kept), updated_at_ms)
