"""Queries, and the erasure of a person, in the document."""

from __future__ import annotations

from typing import Final

from services.rest.openapi.area import ANY_TOKEN, Area, Body, operation, parameter, path
from services.rest.openapi.shapes import (
    AT,
    ENVIRONMENT,
    MOMENT,
    NUMBER,
    OPTIONAL_MOMENT,
    OPTIONAL_TEXT,
    TEXT,
    Json,
    an_object,
    in_path,
    in_query,
    list_of,
    ok,
    ref,
)

_TAG: Final = "Queries"
_AT: Final = "/api/v1/projects/{project_id}"
_FILTER: Final = ("environment", "event_name", "distinct_id", "since", "until")
_EVENT: Final = {
    "id": "evt_V1StGXR8_Z5jdHi6B-myT",
    "event_name": "checkout_started",
    "distinct_id": "user_123",
    "timestamp": AT,
    "received_at": AT,
    "session_id": "sess_abc",
    "os": "ios",
    "properties": {"cart_value": 49.99, "$session_id": "sess_abc"},
    "default_properties": {"$os": "ios"},
}
_PERSON: Final = {
    "distinct_id": "user_123",
    "aliases": ["anon_7"],
    "properties": {"plan": "pro"},
    "updated_at": AT,
}

_SCHEMAS: Final[Json] = {
    "Event": an_object(
        {
            "id": TEXT,
            "event_id": TEXT,
            "event_name": TEXT,
            "distinct_id": TEXT,
            "timestamp": MOMENT,
            "received_at": MOMENT,
            "session_id": TEXT,
            "lib_version": TEXT,
            "os": TEXT,
            "browser": TEXT,
            "device_model": TEXT,
            "properties": {"type": "object"},
            "default_properties": {"type": "object"},
        },
        optional=("event_id", "session_id", "lib_version", "os", "browser", "device_model"),
    ),
    "Person": an_object(
        {
            "distinct_id": TEXT,
            "aliases": list_of(TEXT),
            "properties": {"type": "object"},
            "updated_at": OPTIONAL_MOMENT,
        }
    ),
}
_ERASURE: Final = Body(
    ok(
        erasure_id=TEXT,
        erased_at={
            **OPTIONAL_MOMENT,
            "description": "When no answer held the person any more; null while events wait before it.",
        },
        off_disk_by={
            **OPTIONAL_MOMENT,
            "description": "By when nothing of the person is on the region's disks; null as above.",
        },
    ),
    {
        "ok": True,
        "erasure_id": "era_4Zx8Kq1LmN0pQrStUvWx",
        "erased_at": AT,
        "off_disk_by": "2026-05-09T14:45:01.482Z",
    },
)


def _get(name: str, summary: str, answer: Body, *query: str) -> Json:
    return {
        "parameters": path("project_id"),
        "get": operation(_TAG, name, summary, answer, query=query, security=ANY_TOKEN),
    }


AREA: Final = Area(
    _TAG,
    {
        f"{_AT}/events": _get(
            "listEvents",
            "List events, newest first",
            Body(
                ok(events=list_of(ref("Event")), next_cursor=OPTIONAL_TEXT),
                {"ok": True, "events": [_EVENT], "next_cursor": None},
            ),
            *_FILTER,
            "limit",
            "cursor",
        ),
        f"{_AT}/events/names": _get(
            "listEventNames",
            "List names of events, most frequent first",
            Body(
                ok(names=list_of(an_object({"event_name": TEXT, "count": NUMBER}))),
                {"ok": True, "names": [{"event_name": "checkout_started", "count": 7}]},
            ),
            *_FILTER,
        ),
        f"{_AT}/events/counts": _get(
            "countEvents",
            "Count events and their people",
            Body(ok(events=NUMBER, people=NUMBER), {"ok": True, "events": 7, "people": 2}),
            *_FILTER,
        ),
        f"{_AT}/people": _get(
            "listPeople",
            "List people, by distinct id",
            Body(
                ok(people=list_of(ref("Person")), next_cursor=OPTIONAL_TEXT),
                {"ok": True, "people": [_PERSON], "next_cursor": None},
            ),
            "environment",
            "limit",
            "cursor",
        ),
        f"{_AT}/people/{{distinct_id}}": {
            "parameters": [*path("project_id"), parameter("person")],
            "get": operation(
                _TAG,
                "getPerson",
                "Read one person by any of their ids",
                Body(ok(person=ref("Person")), {"ok": True, "person": _PERSON}),
                query=("environment",),
                security=ANY_TOKEN,
            ),
            "delete": operation(
                _TAG,
                "erasePerson",
                "Erase one person, under all of their ids, with all that was accepted before",
                _ERASURE,
                status=202,
                query=("environment",),
                security=ANY_TOKEN,
            ),
        },
    },
    schemas=_SCHEMAS,
    parameters={
        "person": in_path("distinct_id", "Any id of the person."),
        "environment": in_query("environment", "Never both.", {**ENVIRONMENT, "default": "live"}),
        "event_name": in_query("event_name", "Only events of this name.", TEXT),
        "distinct_id": in_query("distinct_id", "Only events of this person, under any of their ids.", TEXT),
    },
)
