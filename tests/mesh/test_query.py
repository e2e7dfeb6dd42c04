"""Questions over mTLS, about events that came in over the Append stream."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mesh.errors import CrossingRefused, Forbidden, InvalidInput, NotFound, SankofaError, Unauthenticated
from sankofa.ingest.v1.ingest_pb2 import Alias, People, Track
from sankofa.org.v1.org_pb2 import PROJECT_ROLE_UNSPECIFIED
from sankofa.query.v1 import query_pb2 as pb
from sankofa.query.v1.query_pb2_grpc import QueryServiceStub
from sankofa.residency.v1.environment_pb2 import ENVIRONMENT_LIVE, ENVIRONMENT_TEST, Environment
from tests.support.cell import Cell
from tests.support.engines import BACKENDS
from tests.support.nodes import EU, US, MemoryDirectory, make_node

pytestmark = [
    pytest.mark.disk,
    pytest.mark.network,
    pytest.mark.parametrize("engine", BACKENDS, indirect=True, scope="module"),
]


class Asker:
    """A viewer of one project."""

    def __init__(self, cell: Cell, project: str, token: str) -> None:
        self.stub = QueryServiceStub(cell.channel())
        self.project = project
        self.metadata = (("authorization", f"Bearer {token}"),)

    @classmethod
    async def of(cls, cell: Cell, project: str) -> Asker:
        return cls(cell, project, await cell.token(project))

    async def ask(
        self, kind: type[Any], *, environment: Environment = ENVIRONMENT_LIVE, **fields: Any
    ) -> Any:
        call = getattr(self.stub, kind.__name__.removesuffix("Request"))
        scope = pb.Scope(project_id=self.project, environment=environment)
        return await call(kind(scope=scope, **fields), metadata=self.metadata)

    async def events(self, **fields: Any) -> list[pb.Event]:
        return list((await self.ask(pb.ListEventsRequest, **fields)).events)


def event(name: str, who: str, at: int | str = "", properties: bytes = b"", **fields: str) -> Track:
    return Track(event_name=name, distinct_id=who, timestamp=str(at), properties=properties, **fields)


async def test_an_event_comes_back_as_it_was_sent(cell: Cell) -> None:
    project = await cell.project()
    sent = (
        '{"n":9007199254740993,"deep":{"a":[{"b":null}]},"empty":[],"text":"ü😀\\u00e9\\u0000\\t","f":1.10,'
        '"$session_id":"s-1", "spaced" : true}'
    ).encode()
    await cell.store(
        project,
        event("opened", "user_1", "2026-05-09T14:32:01.482Z", sent, event_id="e-1", lib_version="web@1"),
        user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537",
    )
    asker = await Asker.of(cell, project)
    (found,) = await asker.events()
    assert found.properties == sent
    assert found.default_properties == b"{}"
    assert found.id.startswith("evt_")
    assert (found.event_id, found.event_name, found.distinct_id) == ("e-1", "opened", "user_1")
    assert (found.timestamp_unix_ms, found.session_id) == (1_778_337_121_482, "s-1")
    assert (found.os, found.browser, found.lib_version) == ("Windows", "Chrome", "web@1")
    assert found.received_at_unix_ms > found.timestamp_unix_ms


async def test_pages_are_newest_first_and_hold_every_event_once(cell: Cell) -> None:
    project = await cell.project()
    times = [5, 3, 3, 3, 9, -62_135_596_800_000, 253_402_300_799_999]
    await cell.store(project, *(event("opened", "user_1", at) for at in times))
    asker = await Asker.of(cell, project)
    found: list[pb.Event] = []
    cursor = ""
    while True:
        page = await asker.ask(pb.ListEventsRequest, limit=2, cursor=cursor)
        found += page.events
        cursor = page.next_cursor
        if not cursor:
            break
    assert [one.timestamp_unix_ms for one in found] == sorted(times, reverse=True)
    assert len({one.id for one in found}) == len(times)


async def test_a_page_ends_where_an_answer_would_grow_too_large(cell: Cell) -> None:
    project, large = await cell.project(), b'{"a":"%s"}' % (b"x" * (10 << 20))
    for at in (3, 2, 1):
        await cell.store(project, event("opened", "user_1", at, large))
    asker = await Asker.of(cell, project)
    first = await asker.ask(pb.ListEventsRequest)
    assert [found.timestamp_unix_ms for found in first.events] == [3, 2]
    second = await asker.ask(pb.ListEventsRequest, cursor=first.next_cursor)
    assert ([found.timestamp_unix_ms for found in second.events], second.next_cursor) == ([1], "")


async def test_filters_by_name_person_and_time(cell: Cell) -> None:
    project = await cell.project()
    await cell.store(
        project,
        event("a", "user_1", 1),
        event("b", "user_1", 2),
        event("a", "user_2", 3),
        event("a", "o'x", 4),
    )
    asker = await Asker.of(cell, project)

    async def times(**which: Any) -> list[int]:
        events = await asker.events(filter=pb.EventFilter(**which))
        return [one.timestamp_unix_ms for one in events]

    assert await times(event_name="a") == [4, 3, 1]
    assert await times(distinct_id="user_1") == [2, 1]
    assert await times(distinct_id="o'x") == [4]
    assert await times(since_unix_ms=2, until_unix_ms=4) == [3, 2]
    assert await times(since_unix_ms=0, until_unix_ms=0) == []
    assert await times(event_name="a", distinct_id="user_2") == [3]


async def test_names_and_counts(cell: Cell) -> None:
    project = await cell.project()
    await cell.store(
        project, event("b", "user_1"), event("a", "user_1"), event("b", "anon_1"), event("c", "user_2")
    )
    asker = await Asker.of(cell, project)
    names = (await asker.ask(pb.ListEventNamesRequest)).names
    assert [(one.event_name, one.count) for one in names] == [("b", 2), ("a", 1), ("c", 1)]
    counts = await asker.ask(pb.CountEventsRequest)
    assert (counts.events, counts.people) == (4, 3)
    await cell.store(project, Alias(alias_id="anon_1", distinct_id="user_1"))
    counts = await asker.ask(pb.CountEventsRequest)
    assert (counts.events, counts.people) == (4, 2)


async def test_an_alias_holds_for_history_too(cell: Cell) -> None:
    project = await cell.project()
    await cell.store(project, event("a", "anon_1", 1), event("b", "user_1", 2), event("c", "user_2", 3))
    await cell.store(project, Alias(alias_id="anon_1", distinct_id="user_1"))
    asker = await Asker.of(cell, project)
    for any_id in ("anon_1", "user_1"):
        found = await asker.events(filter=pb.EventFilter(distinct_id=any_id))
        assert [(one.event_name, one.distinct_id) for one in found] == [("b", "user_1"), ("a", "anon_1")]


async def test_in_a_loop_of_aliases_the_first_wins(cell: Cell) -> None:
    project = await cell.project()
    await cell.store(project, event("a", "id_a"), event("b", "id_b"))
    await cell.store(project, Alias(alias_id="id_a", distinct_id="id_b"))
    await cell.store(project, Alias(alias_id="id_b", distinct_id="id_a"))
    asker = await Asker.of(cell, project)
    person = (await asker.ask(pb.GetPersonRequest, distinct_id="id_a")).person
    assert (person.distinct_id, list(person.aliases)) == ("id_b", ["id_a"])


async def test_traits_merge_by_key_the_newest_time_wins_and_null_deletes(cell: Cell) -> None:
    project = await cell.project()
    await cell.store(
        project,
        People(distinct_id="user_1", timestamp="20", properties=b'{"plan":"pro","n":9007199254740993}'),
        People(distinct_id="anon_1", timestamp="30", properties=b'{"city":"Accra","gone":null}'),
        People(distinct_id="user_1", timestamp="10", properties=b'{"plan":"free","gone":1,"old":[1, 2]}'),
        Alias(alias_id="anon_1", distinct_id="user_1"),
    )
    asker = await Asker.of(cell, project)
    person = (await asker.ask(pb.GetPersonRequest, distinct_id="anon_1")).person
    assert person.distinct_id == "user_1"
    assert person.properties == b'{"city":"Accra","n":9007199254740993,"old":[1, 2],"plan":"pro"}'
    assert person.updated_at_unix_ms == 30


async def test_people_are_listed_once_by_the_id_they_keep(cell: Cell) -> None:
    project = await cell.project()
    await cell.store(
        project,
        event("a", "zoe"),
        event("a", "bob"),
        event("b", "bob"),
        People(distinct_id="amy", properties=b'{"k":1}'),
        event("a", "anon_1"),
        Alias(alias_id="anon_1", distinct_id="mia"),
        Alias(alias_id="never_1", distinct_id="never_2"),
    )
    asker = await Asker.of(cell, project)
    found: list[pb.Person] = []
    cursor = ""
    while True:
        page = await asker.ask(pb.ListPeopleRequest, limit=2, cursor=cursor)
        assert len(page.people) <= 2
        found += page.people
        cursor = page.next_cursor
        if not cursor:
            break
    assert [(one.distinct_id, list(one.aliases)) for one in found] == [
        ("amy", []),
        ("bob", []),
        ("mia", ["anon_1"]),
        ("zoe", []),
    ]
    assert msgspec.json.decode(found[0].properties) == {"k": 1}


async def test_an_unknown_person_is_not_found(cell: Cell) -> None:
    asker = await Asker.of(cell, await cell.project())
    with pytest.raises(NotFound):
        await asker.ask(pb.GetPersonRequest, distinct_id="nobody")


async def test_a_retry_with_the_same_event_id_is_stored_once(cell: Cell) -> None:
    project = await cell.project()
    for _ in range(2):
        await cell.store(project, event("a", "user_1", event_id="e-1"))
    asker = await Asker.of(cell, project)
    assert len(await asker.events()) == 1
    assert (await asker.ask(pb.CountEventsRequest)).events == 1


async def test_live_and_test_never_mix(cell: Cell) -> None:
    project = await cell.project()
    await cell.store(project, event("a", "user_1", event_id="e-1"), People(distinct_id="user_1"))
    await cell.store(
        project,
        event("b", "user_2", event_id="e-1"),
        Alias(alias_id="user_1", distinct_id="user_2"),
        environment=ENVIRONMENT_TEST,
    )
    asker = await Asker.of(cell, project)
    for environment, name in ((ENVIRONMENT_LIVE, "a"), (ENVIRONMENT_TEST, "b")):
        found = await asker.events(environment=environment)
        assert [one.event_name for one in found] == [name]
        assert (await asker.ask(pb.CountEventsRequest, environment=environment)).events == 1
    people = (await asker.ask(pb.ListPeopleRequest)).people
    assert [(one.distinct_id, list(one.aliases)) for one in people] == [("user_1", [])]


async def test_projects_never_mix(cell: Cell) -> None:
    one, other = await cell.project(), await cell.project()
    await cell.store(one, event("a", "user_1", event_id="e-1"))
    await cell.store(other, event("b", "user_1", event_id="e-1"))
    assert [found.event_name for found in await (await Asker.of(cell, one)).events()] == ["a"]
    assert [found.event_name for found in await (await Asker.of(cell, other)).events()] == ["b"]


async def test_bad_questions_are_refused(cell: Cell) -> None:
    asker = await Asker.of(cell, await cell.project())
    with pytest.raises(InvalidInput):
        await asker.ask(pb.ListEventsRequest, environment=0)
    with pytest.raises(InvalidInput):
        await asker.ask(pb.ListEventsRequest, limit=1001)
    with pytest.raises(InvalidInput):
        await asker.ask(pb.ListEventsRequest, cursor="mine")
    with pytest.raises(InvalidInput):
        await asker.ask(pb.ListPeopleRequest, cursor="mine")


async def test_only_viewers_are_answered(cell: Cell) -> None:
    project = await cell.project()
    for token in (
        await cell.token(project, role=None),
        await cell.token(project, role=PROJECT_ROLE_UNSPECIFIED),
        await cell.token(await cell.project()),
    ):
        with pytest.raises(Forbidden):
            await Asker(cell, project, token).events()
    with pytest.raises(Unauthenticated):
        await Asker(cell, project, "forged").events()


async def test_a_project_of_another_region_is_refused_even_if_the_caller_believes_it_is_here(
    cell: Cell,
) -> None:
    elsewhere, here = await cell.project(region=US), await cell.project()
    believing = MemoryDirectory(pins={elsewhere: EU, here: EU})
    caller = make_node(cell.pki, region=EU, role="rest", directory=believing).node
    channel = caller.channel(EU, f"127.0.0.1:{cell.server.internal_port}")
    cell.stack.push_async_callback(channel.close)
    asker = await Asker.of(cell, here)
    asker.stub, asker.project = QueryServiceStub(channel), elsewhere
    with pytest.raises(CrossingRefused):
        await asker.events()


async def test_a_process_of_another_region_is_not_answered(cell: Cell) -> None:
    asker = await Asker.of(cell, await cell.project())
    asker.stub = QueryServiceStub(cell.channel(region=US))
    with pytest.raises(SankofaError):
        await asker.events()
