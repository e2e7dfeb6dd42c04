"""Questions about a project of this region, and the erasure of its people, asked of its own cell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.errors import InvalidInput
from sankofa.ingest.v1.erasure_pb2 import ErasePersonRequest
from sankofa.query.v1.query_pb2 import (
    CountEventsRequest,
    EventFilter,
    GetPersonRequest,
    ListEventNamesRequest,
    ListEventsRequest,
    ListPeopleRequest,
    Scope,
)
from services.rest import render
from services.rest.cells import Cells
from services.rest.project_callers import ProjectCallers
from services.rest.routing import ENVIRONMENTS, reply, resource

MAX_LIMIT: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Queries:
    """The query API of one region's shim."""

    def __init__(self, *, cells: Cells, callers: ProjectCallers) -> None:
        self._cells = cells
        self._callers = callers

    def routes(self) -> list[Route]:
        """Every route of the query API."""
        project = "/api/v1/projects/{project_id}"
        return [
            resource(f"{project}/events", GET=self.list_events),
            resource(f"{project}/events/names", GET=self.list_names),
            resource(f"{project}/events/counts", GET=self.count),
            resource(f"{project}/people", GET=self.list_people),
            resource(f"{project}/people/{{distinct_id:path}}", GET=self.get_person, DELETE=self.erase_person),
        ]

    async def list_events(self, http: HttpRequest) -> Response:
        """A page of events, newest first."""
        token, scope = await self._asked(http)
        request = ListEventsRequest(
            scope=scope,
            filter=_filter(http),
            limit=limit_of(http),
            cursor=http.query_params.get("cursor", ""),
        )
        found = await self._cells.call(self._cells.query.ListEvents, request, token=token)
        events = [render.event(each) for each in found.events]
        return reply({"ok": True, "events": events, "next_cursor": found.next_cursor or None})

    async def list_names(self, http: HttpRequest) -> Response:
        """Names of events with counts, most frequent first."""
        token, scope = await self._asked(http)
        request = ListEventNamesRequest(scope=scope, filter=_filter(http))
        found = await self._cells.call(self._cells.query.ListEventNames, request, token=token)
        names = [{"event_name": each.event_name, "count": each.count} for each in found.names]
        return reply({"ok": True, "names": names})

    async def count(self, http: HttpRequest) -> Response:
        """How many events, of how many people."""
        token, scope = await self._asked(http)
        request = CountEventsRequest(scope=scope, filter=_filter(http))
        found = await self._cells.call(self._cells.query.CountEvents, request, token=token)
        return reply({"ok": True, "events": found.events, "people": found.people})

    async def list_people(self, http: HttpRequest) -> Response:
        """A page of people."""
        token, scope = await self._asked(http)
        cursor = http.query_params.get("cursor", "")
        request = ListPeopleRequest(scope=scope, limit=limit_of(http), cursor=cursor)
        found = await self._cells.call(self._cells.query.ListPeople, request, token=token)
        people = [render.person(each) for each in found.people]
        return reply({"ok": True, "people": people, "next_cursor": found.next_cursor or None})

    async def get_person(self, http: HttpRequest) -> Response:
        """One person, by any of their ids."""
        token, scope = await self._asked(http)
        request = GetPersonRequest(scope=scope, distinct_id=http.path_params["distinct_id"])
        found = await self._cells.call(self._cells.query.GetPerson, request, token=token)
        return reply({"ok": True, "person": render.person(found.person)})

    async def erase_person(self, http: HttpRequest) -> Response:
        """Erases one person under all of their ids: ordered durably when it answers, and mostly done."""
        token, scope = await self._asked(http)
        request = ErasePersonRequest(
            project_id=scope.project_id,
            environment=scope.environment,
            distinct_id=http.path_params["distinct_id"],
        )
        erased = await self._cells.call(self._cells.erasure.ErasePerson, request, token=token)
        return reply({"ok": True, **render.erasure(erased)}, status=202)

    async def _asked(self, http: HttpRequest) -> tuple[str, Scope]:
        token, project_id = await self._callers.of(http)
        environment = ENVIRONMENTS.get(http.query_params.get("environment", "live"))
        if environment is None:
            raise InvalidInput(detail="environment is live or test")
        return token, Scope(project_id=project_id, environment=environment)


def _filter(http: HttpRequest) -> EventFilter:
    asked = http.query_params
    return EventFilter(
        event_name=asked.get("event_name", ""),
        distinct_id=asked.get("distinct_id", ""),
        since_unix_ms=moment_ms(asked["since"], "since") if "since" in asked else None,
        until_unix_ms=moment_ms(asked["until"], "until") if "until" in asked else None,
    )


def limit_of(http: HttpRequest) -> int:
    """The size of a page. Raises InvalidInput."""
    text = http.query_params.get("limit", "100")
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_LIMIT):
        raise InvalidInput(detail=f"limit is 1 to {MAX_LIMIT}")
    return int(text)


def moment_ms(text: str, name: str) -> int:
    """Unix milliseconds of RFC 3339 text or of a number of them. Raises InvalidInput."""
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= 15:
        return int(text)
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # "+" in a query string means a space
    except ValueError:
        raise InvalidInput(detail=f"{name} is RFC 3339 or unix milliseconds") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
