"""The shapes of the OpenAPI document: bodies, answers and parameters, with an example of each."""

from __future__ import annotations

from typing import Any, Final

from services.rest.payloads import LONGEST_TEXT, MOST_OPERATIONS

Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string"}
_NUMBER: Final[Json] = {"type": "integer", "format": "int64"}
_YES: Final[Json] = {"type": "boolean", "const": True}
_MOMENT: Final[Json] = {"type": "string", "format": "date-time"}
_TIME: Final[Json] = {
    "type": ["string", "number", "null"],
    "description": 'RFC 3339, "YYYY-MM-DD HH:MM:SS[.fff]" or unix milliseconds.',
}
_BAG: Final[Json] = {"type": ["object", "null"], "description": "Any JSON; comes back as it was sent."}
_NAME: Final[Json] = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}
_SHORT_NAME: Final[Json] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 200,
    "description": "Printable characters of any script.",
}
_EMAIL: Final[Json] = {"type": "string", "format": "email", "maxLength": 254}
_PASSWORD: Final[Json] = {"type": "string", "minLength": 8, "maxLength": 1024}
_OPTIONAL_NAME: Final[Json] = {"type": ["string", "null"], "maxLength": LONGEST_TEXT}
_WHEN: Final[Json] = {
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "integer", "minimum": -999_999_999_999_999, "maximum": 999_999_999_999_999},
    ]
}
_OPTIONAL_TEXT: Final[Json] = {"type": ["string", "null"]}
_DAYS: Final[Json] = {
    "type": "integer",
    "minimum": 0,
    "maximum": 65_535,
    "description": "Days after their receipt that events are kept; 0: for ever, the plan is not known yet.",
}
_ENVIRONMENT: Final[Json] = {"type": "string", "enum": ["live", "test"]}
_AT: Final = "2026-05-09T14:32:01.482Z"
_PROJECT_ID: Final = "proj_4Zx8Kq1LmN0pQrStUvWx"
_ORG_ID: Final = "org_9aBcDeFgHiJkLmNoPqRs"
_SECRET: Final = "sk_live_0123456789abcdef0123456789abcdef"


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Json, *, optional: tuple[str, ...] = ()) -> Json:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _ok(**properties: Json) -> Json:
    return _object({"ok": _YES, **properties})


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


_TRACK: Final = {
    "event_name": "checkout_started",
    "distinct_id": "user_123",
    "timestamp": _AT,
    "properties": {"cart_value": 49.99, "$session_id": "sess_abc"},
    "default_properties": {"$os": "ios"},
    "lib_version": "web@1.0.0",
}
_PEOPLE: Final = {"distinct_id": "user_123", "properties": {"plan": "pro", "nickname": None}}
_ALIAS: Final = {"alias_id": "anon_7", "distinct_id": "user_123"}
_KEY_INFO: Final = {"id": "key_1", "environment": "live", "created_at": _AT, "revoked": False}
_ORG_PROJECT: Final = {
    "id": _PROJECT_ID,
    "org_id": _ORG_ID,
    "name": "Web shop",
    "region": "eu-west-1",
    "created_at": _AT,
    "retention_days": 90,
}
_PROJECT: Final = _ORG_PROJECT | {
    "state": "active",
    "authorized_domains": ["shop.example.com"],
    "authorized_ips": [],
    "keys": [_KEY_INFO],
}
_MINTED: Final = {"id": "key_1", "environment": "live", "secret": _SECRET}
_SESSION: Final = {
    "ok": True,
    "token": "eyJhbGciOiJFZERTQSJ9.e30.c2ln",
    "user": {"id": "usr_1", "email": "ada@example.com", "home_region": "eu-west-1"},
    "orgs": [
        {"id": _ORG_ID, "name": "Shop", "plan": "hobby", "primary_region": "eu-west-1", "role": "owner"}
    ],
}
_EVENT: Final = {
    "id": "evt_V1StGXR8_Z5jdHi6B-myT",
    "event_name": "checkout_started",
    "distinct_id": "user_123",
    "timestamp": _AT,
    "received_at": _AT,
    "session_id": "sess_abc",
    "os": "ios",
    "properties": {"cart_value": 49.99, "$session_id": "sess_abc"},
    "default_properties": {"$os": "ios"},
}
_PERSON: Final = {
    "distinct_id": "user_123",
    "aliases": ["anon_7"],
    "properties": {"plan": "pro"},
    "updated_at": _AT,
}

SCHEMAS: Final[Json] = {
    "Ok": _object({"ok": _YES, "status": _TEXT}, optional=("status",)),
    "Error": {
        **_object({"ok": {"type": "boolean", "const": False}, "error": _TEXT, "request_id": _TEXT}),
        "example": {"ok": False, "error": "Invalid API Key", "request_id": "req_5f1c"},
    },
    "Track": _object(
        {
            "event_name": _NAME,
            "distinct_id": _NAME,
            "timestamp": _TIME,
            "properties": _BAG,
            "default_properties": _BAG,
            "lib_version": _OPTIONAL_NAME,
            "event_id": {**_OPTIONAL_NAME, "description": "Makes a retry harmless: stored once."},
        },
        optional=("timestamp", "properties", "default_properties", "lib_version", "event_id"),
    ),
    "People": _object(
        {"distinct_id": _NAME, "properties": {**_BAG, "maxProperties": 10_000}, "timestamp": _TIME},
        optional=("properties", "timestamp"),
    ),
    "Alias": _object(
        {
            "alias_id": _NAME,
            "distinct_id": _NAME,
            "timestamp": _TIME,
        },
        optional=("timestamp",),
    ),
    "Operation": {
        "oneOf": [
            _object({"type": {"type": "string", "const": "track"}, "payload": _ref("Track")}),
            _object({"type": {"type": "string", "const": "people"}, "payload": _ref("People")}),
            _object({"type": {"type": "string", "const": "alias"}, "payload": _ref("Alias")}),
        ]
    },
    "Command": _object(
        {"type": {"type": "string", "const": "CAPTURE_PRISTINE"}, "params": _object({"screen": _TEXT})}
    ),
    "User": _object({"id": _TEXT, "email": _TEXT, "home_region": _TEXT}),
    "Org": _object(
        {
            "id": _TEXT,
            "name": _TEXT,
            "plan": _TEXT,
            "primary_region": _TEXT,
            "role": {"type": "string", "enum": ["member", "admin", "owner"]},
        }
    ),
    "Session": _ok(token=_TEXT, user=_ref("User"), orgs=_list(_ref("Org"))),
    "OrgProject": _object(
        {
            "id": _TEXT,
            "org_id": _TEXT,
            "name": _TEXT,
            "region": _TEXT,
            "created_at": _MOMENT,
            "retention_days": _DAYS,
        }
    ),
    "KeyInfo": _object(
        {"id": _TEXT, "environment": _ENVIRONMENT, "created_at": _MOMENT, "revoked": {"type": "boolean"}}
    ),
    "MintedKey": _object({"id": _TEXT, "environment": _ENVIRONMENT, "secret": _TEXT}),
    "Project": _object(
        {
            "id": _TEXT,
            "org_id": _TEXT,
            "name": _TEXT,
            "region": _TEXT,
            "state": {"type": "string", "enum": ["active", "archived"]},
            "created_at": _MOMENT,
            "retention_days": _DAYS,
            "authorized_domains": _list(_TEXT),
            "authorized_ips": _list(_TEXT),
            "keys": _list(_ref("KeyInfo")),
        }
    ),
    "Event": _object(
        {
            "id": _TEXT,
            "event_id": _TEXT,
            "event_name": _TEXT,
            "distinct_id": _TEXT,
            "timestamp": _MOMENT,
            "received_at": _MOMENT,
            "session_id": _TEXT,
            "lib_version": _TEXT,
            "os": _TEXT,
            "browser": _TEXT,
            "device_model": _TEXT,
            "properties": {"type": "object"},
            "default_properties": {"type": "object"},
        },
        optional=("event_id", "session_id", "lib_version", "os", "browser", "device_model"),
    ),
    "Person": _object(
        {
            "distinct_id": _TEXT,
            "aliases": _list(_TEXT),
            "properties": {"type": "object"},
            "updated_at": {"type": ["string", "null"], "format": "date-time"},
        }
    ),
}

REQUESTS: Final[Json] = {
    "track": {"schema": _ref("Track"), "example": _TRACK},
    "people": {"schema": _ref("People"), "example": _PEOPLE},
    "alias": {"schema": _ref("Alias"), "example": _ALIAS},
    "batch": {
        "schema": _object(
            {"operations": {**_list(_ref("Operation")), "minItems": 1, "maxItems": MOST_OPERATIONS}}
        ),
        "example": {
            "operations": [
                {"type": "track", "payload": _TRACK},
                {"type": "people", "payload": _PEOPLE},
                {"type": "alias", "payload": _ALIAS},
            ]
        },
    },
    "signup": {
        "schema": _object(
            {
                "email": _EMAIL,
                "password": _PASSWORD,
                "org_name": _SHORT_NAME,
                "primary_region": _OPTIONAL_TEXT,
            },
            optional=("primary_region",),
        ),
        "example": {"email": "ada@example.com", "password": "correct horse", "org_name": "Shop"},
    },
    "login": {
        "schema": _object({"email": _TEXT, "password": _TEXT}),
        "example": {"email": "ada@example.com", "password": "correct horse"},
    },
    "createProject": {
        "schema": _object(
            {"org_id": {**_TEXT, "minLength": 1}, "name": _SHORT_NAME, "region": _OPTIONAL_TEXT},
            optional=("region",),
        ),
        "example": {"org_id": _ORG_ID, "name": "Web shop", "region": "af-south-1"},
    },
    "changeProject": {
        "schema": _object(
            {
                "retention_days": {
                    "type": ["integer", "null"],
                    "minimum": 1,
                    "maximum": 65_535,
                    "description": "Days after their receipt that events are kept, at most what the plan "
                    "permits; null: what it grants. Owners only. Holds for new events at once, for stored "
                    "ones within a day; what has expired stays so. Sent by itself.",
                },
                "authorized_domains": {
                    **_list(_TEXT),
                    "maxItems": 100,
                    "description": "Hosts whose pages may send events, `*.` before one for all below it; "
                    "empty: any. Checked where a request has an Origin: 403 Unauthorized Origin.",
                },
                "authorized_ips": {
                    **_list(_TEXT),
                    "maxItems": 100,
                    "description": "Addresses and networks that may send events; empty: any. Checked where a "
                    "request has no Origin: 403 Unauthorized IP Address.",
                },
            },
            optional=("retention_days", "authorized_domains", "authorized_ips"),
        ),
        "example": {"retention_days": 30},
    },
    "mintKey": {"schema": _object({"environment": _ENVIRONMENT}), "example": {"environment": "live"}},
}

RESPONSES: Final[Json] = {
    "track": {"schema": _ok(commands=_list(_ref("Command"))), "example": {"ok": True, "commands": []}},
    "batch": {
        "schema": _ok(
            project_id=_TEXT,
            project_name=_TEXT,
            environment=_ENVIRONMENT,
            operations_received=_NUMBER,
            events_received=_NUMBER,
            people_received=_NUMBER,
            aliases_received=_NUMBER,
            commands=_list(_ref("Command")),
        ),
        "example": {
            "ok": True,
            "project_id": _PROJECT_ID,
            "project_name": "Web shop",
            "environment": "live",
            "operations_received": 3,
            "events_received": 1,
            "people_received": 1,
            "aliases_received": 1,
            "commands": [],
        },
    },
    "signup": {"schema": _ref("Session"), "example": _SESSION},
    "login": {"schema": _ref("Session"), "example": _SESSION},
    "listProjects": {
        "schema": _ok(projects=_list(_ref("OrgProject"))),
        "example": {"ok": True, "projects": [_ORG_PROJECT]},
    },
    "createProject": {
        "schema": _ok(
            project=_ref("Project"), keys=_object({"live": _ref("MintedKey"), "test": _ref("MintedKey")})
        ),
        "example": {
            "ok": True,
            "project": _PROJECT,
            "keys": {"live": _MINTED, "test": _MINTED | {"id": "key_2", "environment": "test"}},
        },
    },
    "getProject": {"schema": _ok(project=_ref("Project")), "example": {"ok": True, "project": _PROJECT}},
    "changeProject": {
        "schema": _ok(project=_ref("Project")),
        "example": {"ok": True, "project": _PROJECT | {"retention_days": 30}},
    },
    "mintKey": {"schema": _ok(key=_ref("MintedKey")), "example": {"ok": True, "key": _MINTED}},
    "revokeKey": {"schema": _ref("Ok"), "example": {"ok": True}},
    "archiveProject": {
        "schema": _ok(project=_ref("Project")),
        "example": {"ok": True, "project": _PROJECT | {"state": "archived"}},
    },
    "listRegions": {
        "schema": _ok(
            default_region=_TEXT,
            regions=_list(
                _object(
                    {
                        "id": _TEXT,
                        "display_name": _TEXT,
                        "status": {"type": "string", "enum": ["open", "roadmap"]},
                        "rest_url": _TEXT,
                    }
                )
            ),
        ),
        "example": {
            "ok": True,
            "default_region": "eu-west-1",
            "regions": [
                {
                    "id": "eu-west-1",
                    "display_name": "Europe / Ireland",
                    "status": "open",
                    "rest_url": "https://eu-west-1.example.com",
                }
            ],
        },
    },
    "getResidency": {
        "schema": _ok(
            org_id=_TEXT,
            primary_region=_TEXT,
            projects=_list(_object({"project_id": _TEXT, "name": _TEXT, "region": _TEXT})),
        ),
        "example": {
            "ok": True,
            "org_id": _ORG_ID,
            "primary_region": "eu-west-1",
            "projects": [{"project_id": _PROJECT_ID, "name": "Web shop", "region": "af-south-1"}],
        },
    },
    "listEvents": {
        "schema": _ok(events=_list(_ref("Event")), next_cursor=_OPTIONAL_TEXT),
        "example": {"ok": True, "events": [_EVENT], "next_cursor": None},
    },
    "listEventNames": {
        "schema": _ok(names=_list(_object({"event_name": _TEXT, "count": _NUMBER}))),
        "example": {"ok": True, "names": [{"event_name": "checkout_started", "count": 7}]},
    },
    "countEvents": {
        "schema": _ok(events=_NUMBER, people=_NUMBER),
        "example": {"ok": True, "events": 7, "people": 2},
    },
    "listPeople": {
        "schema": _ok(people=_list(_ref("Person")), next_cursor=_OPTIONAL_TEXT),
        "example": {"ok": True, "people": [_PERSON], "next_cursor": None},
    },
    "getPerson": {"schema": _ok(person=_ref("Person")), "example": {"ok": True, "person": _PERSON}},
    "erasePerson": {
        "schema": _ok(
            erasure_id=_TEXT,
            erased_at={
                "type": ["string", "null"],
                "format": "date-time",
                "description": "When no answer held the person any more; null while events wait before it.",
            },
            off_disk_by={
                "type": ["string", "null"],
                "format": "date-time",
                "description": "By when nothing of the person is on the region's disks; null as above.",
            },
        ),
        "example": {
            "ok": True,
            "erasure_id": "era_4Zx8Kq1LmN0pQrStUvWx",
            "erased_at": _AT,
            "off_disk_by": "2026-05-09T14:45:01.482Z",
        },
    },
    "healthz": {"schema": _ref("Ok"), "example": {"ok": True}},
    "readyz": {"schema": _ref("Ok"), "example": {"ok": True}},
    "openapi": {"schema": {"type": "object"}, "example": {"openapi": "3.1.0"}},
}


def _query(name: str, text: str, schema: Json, *, required: bool = False) -> Json:
    return {"name": name, "in": "query", "description": text, "required": required, "schema": schema}


def _header(name: str, text: str, schema: Json) -> Json:
    return {"name": name, "in": "header", "description": text, "schema": schema}


def _in_path(name: str, text: str) -> Json:
    return {"name": name, "in": "path", "description": text, "required": True, "schema": _TEXT}


PARAMETERS: Final[Json] = {
    "path_project_id": _in_path("project_id", "A project of the region that answers."),
    "path_org_id": _in_path("org_id", "An organisation."),
    "path_key_id": _in_path("key_id", "A key of the project."),
    "person": _in_path("distinct_id", "Any id of the person."),
    "org_id": _query("org_id", "The organisation.", {**_TEXT, "minLength": 1}, required=True),
    "environment": _query("environment", "Never both.", {**_ENVIRONMENT, "default": "live"}),
    "event_name": _query("event_name", "Only events of this name.", _TEXT),
    "distinct_id": _query("distinct_id", "Only events of this person, under any of their ids.", _TEXT),
    "since": _query("since", "Not before this time: RFC 3339 or unix milliseconds.", _WHEN),
    "until": _query("until", "Before this time: RFC 3339 or unix milliseconds.", _WHEN),
    "limit": _query(
        "limit", "Size of a page.", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    ),
    "cursor": _query("cursor", "The next_cursor of the page before.", _TEXT),
    "Idempotency-Key": _header(
        "Idempotency-Key",
        "Makes a retry of the whole request harmless for 24 hours; with another body it is a 409.",
        _TEXT,
    ),
    "Content-Encoding": _header(
        "Content-Encoding",
        "How the body is compressed.",
        {"type": "string", "enum": ["gzip", "deflate", "zstd", "br"]},
    ),
}
