"""Asks the public query API for everything that a region's project holds, page by page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec

from cli.chaos import prints
from cli.chaos.rows import Answered, Person, Row
from cli.meshfile import DemoOwner, DemoProject

PAGE = 1000
WITHIN_S = 60.0
PAUSE_S = 0.2
ENVIRONMENTS = ("live", "test")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Event(msgspec.Struct):
    """The parts of an answered event that a client sent."""

    event_name: str
    distinct_id: str
    timestamp: str
    properties: msgspec.Raw
    default_properties: msgspec.Raw
    lib_version: str = ""
    event_id: str = ""
    session_id: str = ""


class _Person(msgspec.Struct):
    distinct_id: str
    aliases: list[str]
    properties: dict[str, msgspec.Raw]


class _Page(msgspec.Struct):
    events: list[_Event] = []
    people: list[_Person] = []
    next_cursor: str | None = None


class Asker:
    """A viewer of one region. Asks again while it is told 503, for a minute; then raises httpx.HTTPError."""

    def __init__(self, url: str, owner: DemoOwner) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=30.0, trust_env=False)
        self._owner = owner
        self._token = ""

    async def everything(self, project: DemoProject) -> Answered:
        """All events and people of a project, of both environments."""
        events: list[Row] = []
        people: list[Person] = []
        async with self._http:
            for environment in ENVIRONMENTS:
                async for page in self._pages(f"/api/v1/projects/{project.id}/events", environment):
                    events += [_row(event, project.id, environment) for event in page.events]
                async for page in self._pages(f"/api/v1/projects/{project.id}/people", environment):
                    people += [_person(person, project.id, environment) for person in page.people]
        return Answered(project.region, events, people)

    async def _pages(self, path: str, environment: str) -> AsyncIterator[_Page]:
        cursor: str | None = ""
        while cursor is not None:
            asked = {"environment": environment, "limit": str(PAGE), "cursor": cursor}
            page = msgspec.json.decode(await self._get(path, asked), type=_Page)
            yield page
            cursor = page.next_cursor

    async def _get(self, path: str, asked: dict[str, str]) -> bytes:
        deadline = time.monotonic() + WITHIN_S
        while True:
            try:
                answer = await self._http.get(path, params=asked, headers=await self._headers())
                answer.raise_for_status()
                return answer.content
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    raise
                self._token = ""
                await asyncio.sleep(PAUSE_S)

    async def _headers(self) -> dict[str, str]:
        if not self._token:
            body = {"email": self._owner.email, "password": self._owner.password}
            answer = await self._http.post("/api/v1/auth/login", json=body)
            answer.raise_for_status()
            self._token = str(answer.json()["token"])
        return {"authorization": f"Bearer {self._token}"}


def _row(event: _Event, project_id: str, environment: str) -> Row:
    properties = bytes(event.properties).decode()
    mark = prints.event(
        project_id=project_id,
        environment=environment,
        event_name=event.event_name,
        distinct_id=event.distinct_id,
        timestamp_ms=_unix_ms(event.timestamp),
        properties=properties,
        default_properties=bytes(event.default_properties).decode(),
        lib_version=event.lib_version,
        event_id=event.event_id,
        session_id=event.session_id,
    )
    return Row("events", project_id, environment, prints.name_in_properties(properties), mark)


def _person(person: _Person, project_id: str, environment: str) -> Person:
    traits = {key: bytes(value).decode() for key, value in person.properties.items()}
    return Person(project_id, environment, [person.distinct_id, *person.aliases], traits)


def _unix_ms(text: str) -> int:
    moment: Any = datetime.fromisoformat(text)
    return int((moment - _EPOCH) // timedelta(milliseconds=1))
