"""QueryService: who may ask, what is asked, and the answer in the contract's words."""

from __future__ import annotations

from typing import Any

import grpc

from mesh.access import authorise
from mesh.context import current
from mesh.directory import Directory
from mesh.errors import InvalidInput
from mesh.permissions import ProjectAction
from sankofa.query.v1 import query_pb2 as pb
from sankofa.query.v1.query_pb2_grpc import QueryServiceServicer
from sankofa.residency.v1.environment_pb2 import ENVIRONMENT_LIVE, ENVIRONMENT_TEST
from services.query.config import QueryConfig
from services.query.core import Answers, Person
from services.query.pages import limit_of
from storage.analytics.queries import Filter, Scope, StoredEvent
from storage.analytics.tables import Environment

Context = grpc.aio.ServicerContext[Any, Any]
_ENVIRONMENTS: dict[int, Environment] = {ENVIRONMENT_LIVE: "live", ENVIRONMENT_TEST: "test"}


class QueryService(QueryServiceServicer):
    """Answers viewers of a project, in its region only: the guard has looked at the pin before."""

    def __init__(self, *, config: QueryConfig, directory: Directory, answers: Answers) -> None:
        self._config = config
        self._directory = directory
        self._answers = answers

    async def ListEvents(self, request: pb.ListEventsRequest, context: Context) -> pb.ListEventsResponse:
        """A page of events, newest first."""
        events, cursor = await self._answers.events(
            self._allowed(request.scope),
            _filter(request.filter),
            person=request.filter.distinct_id,
            limit=limit_of(request.limit, self._config),
            cursor=request.cursor,
        )
        return pb.ListEventsResponse(events=[_event(event) for event in events], next_cursor=cursor)

    async def ListEventNames(
        self, request: pb.ListEventNamesRequest, context: Context
    ) -> pb.ListEventNamesResponse:
        """Names of events, most frequent first."""
        names = await self._answers.names(
            self._allowed(request.scope), _filter(request.filter), person=request.filter.distinct_id
        )
        counted = [pb.EventNameCount(event_name=name, count=count) for name, count in names]
        return pb.ListEventNamesResponse(names=counted)

    async def CountEvents(self, request: pb.CountEventsRequest, context: Context) -> pb.CountEventsResponse:
        """Events and the people they are of."""
        events, people = await self._answers.counts(
            self._allowed(request.scope), _filter(request.filter), person=request.filter.distinct_id
        )
        return pb.CountEventsResponse(events=events, people=people)

    async def ListPeople(self, request: pb.ListPeopleRequest, context: Context) -> pb.ListPeopleResponse:
        """A page of people."""
        people, cursor = await self._answers.people(
            self._allowed(request.scope), limit=limit_of(request.limit, self._config), cursor=request.cursor
        )
        return pb.ListPeopleResponse(people=[_person(person) for person in people], next_cursor=cursor)

    async def GetPerson(self, request: pb.GetPersonRequest, context: Context) -> pb.GetPersonResponse:
        """One person by any of their ids."""
        scope = self._allowed(request.scope)
        return pb.GetPersonResponse(person=_person(await self._answers.person(scope, request.distinct_id)))

    def _allowed(self, asked: pb.Scope) -> Scope:
        """Raises unless the caller's user may view the project; there is no default environment."""
        authorise(self._directory, current().token, asked.project_id, ProjectAction.QUERY, mutation=False)
        environment = _ENVIRONMENTS.get(asked.environment)
        if environment is None:
            raise InvalidInput(detail="environment")
        return Scope(asked.project_id, environment)


def _filter(asked: pb.EventFilter) -> Filter:
    return Filter(
        event_name=asked.event_name or None,
        since_ms=asked.since_unix_ms if asked.HasField("since_unix_ms") else None,
        until_ms=asked.until_unix_ms if asked.HasField("until_unix_ms") else None,
    )


def _event(event: StoredEvent) -> pb.Event:
    return pb.Event(
        id=event.id,
        event_id=event.event_id,
        event_name=event.event_name,
        distinct_id=event.distinct_id,
        timestamp_unix_ms=event.timestamp_ms,
        received_at_unix_ms=event.received_at_ms,
        properties=event.properties.encode(),
        default_properties=event.default_properties.encode(),
        lib_version=event.lib_version,
        session_id=event.session_id,
        os=event.os,
        browser=event.browser,
        device_model=event.device_model,
    )


def _person(person: Person) -> pb.Person:
    return pb.Person(
        distinct_id=person.distinct_id,
        aliases=person.aliases,
        properties=person.properties,
        updated_at_unix_ms=person.updated_at_ms,
    )
