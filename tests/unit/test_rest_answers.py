"""The shape of every answer: times, ids, errors, and the document that promises them."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from mesh.directory import Directory
from mesh.errors import TABLE, InvalidInput, Unavailable, error_of
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.health import Health
from services.rest.ingestion import Ingestion
from services.rest.openapi import document
from services.rest.queries import moment_ms
from services.rest.render import timestamp
from services.rest.responses import RequestIds, error_answer
from services.rest.rooms import managed_routes
from tests.support.nodes import EU, MemoryDirectory


@pytest.mark.parametrize("reason", sorted(TABLE))
def test_every_error_has_the_public_shape(reason: int) -> None:
    error = error_of(reason)
    sent = error_answer(error, request_id=b"mine", allow=b"GET")
    assert sent.status == error.http_status
    assert msgspec.json.decode(sent.body) == {"ok": False, "error": error.public_text, "request_id": "mine"}
    headers = dict(sent.headers)
    assert headers[b"content-length"] == b"%d" % len(sent.body)
    assert headers.get(b"retry-after") == (b"1" if sent.status in (429, 503) else None)
    assert headers.get(b"allow") == (b"GET" if sent.status == 405 else None)


def test_an_error_that_knows_when_to_come_again_says_it() -> None:
    sent = error_answer(Unavailable(retry_after_s=17), request_id=b"mine")
    assert dict(sent.headers)[b"retry-after"] == b"17"


@pytest.mark.parametrize("sent", [b"a", b"A-1._z", b"x" * 128])
def test_a_callers_valid_request_id_is_kept(sent: bytes) -> None:
    assert RequestIds().of(sent) == sent


@pytest.mark.parametrize("sent", [None, b"", b"x" * 129, b"a b", b"a\n", b"\xc3\xbc", b"a,b"])
def test_any_other_request_gets_an_id_of_its_own(sent: bytes | None) -> None:
    ids = RequestIds()
    made = {ids.of(sent) for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(rb"[A-Za-z0-9._-]{1,128}", each) for each in made)


@pytest.mark.parametrize(
    ("unix_ms", "text"),
    [
        (-62135596800000, "0001-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (1778337121482, "2026-05-09T14:32:01.482Z"),
        (253402300799999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times_are_rfc_3339_in_utc_with_milliseconds_both_ways(unix_ms: int, text: str) -> None:
    assert timestamp(unix_ms) == text
    assert moment_ms(text, "since") == unix_ms
    assert moment_ms(str(unix_ms), "since") == unix_ms


def test_a_plus_that_a_query_string_turned_into_a_space_is_read_as_a_plus() -> None:
    assert moment_ms("2026-05-09T16:32:01.482 02:00", "since") == 1778337121482


@pytest.mark.parametrize("text", ["", "yesterday", "1e9", "9" * 16, "٣"])
def test_what_is_no_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        moment_ms(text, "until")
    assert refused.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    assert "until" in refused.value.public_text


def test_the_openapi_document_is_valid() -> None:
    OpenAPIV31SpecValidator(document()).validate()


def test_the_openapi_document_names_every_route_and_no_other() -> None:
    promised = {
        (path, method.upper())
        for path, item in document()["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert promised == _served()


def test_every_answer_of_the_openapi_document_has_region_request_id_and_an_example() -> None:
    schemas = document()["components"]["schemas"]
    for item in document()["paths"].values():
        for operation in (value for name, value in item.items() if name != "parameters"):
            for code, sent in operation["responses"].items():
                assert {"X-Sankofa-Region", "X-Request-Id"} <= sent["headers"].keys()
                assert ("Retry-After" in sent["headers"]) == (code in ("429", "503"))
                for content in sent.get("content", {}).values():
                    assert "example" in content or content["schema"]["$ref"].endswith("Error")
    assert schemas["Error"]["example"]["ok"] is False


def _served() -> set[tuple[str, str]]:
    directory: Directory = MemoryDirectory()
    unwired: Any = None
    health = Health(directory=directory, coalescer=unwired, gauges=())
    managed = managed_routes(region=EU, directory=directory, cells=unwired, hint_of=str, callers=unwired)
    ingestion = Ingestion(
        region=EU,
        directory=directory,
        door=unwired,
        rate=None,
        appender=unwired,
        max_body_bytes=1,
        max_operations=1,
    )
    found = {(path, "POST") for path in ingestion.routes}
    for route in (*health.routes(), *managed):
        path = route.path.replace(":path}", "}")
        found |= {(path, method) for method in (route.methods or set()) - {"HEAD"}}
    return found
