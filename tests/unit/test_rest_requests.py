"""Whom a request is from, and how large it says it is; and settings that would let nothing in."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.config import ConfigError, load
from mesh.errors import InvalidInput
from services.ingest.config import IngestConfig
from services.rest.config import RestConfig
from services.rest.requests import Request, client_address


def request(sent: dict[bytes, bytes]) -> Request:
    async def nothing() -> Any:
        raise AssertionError("the body is not read")

    return Request({}, nothing, sent)


def test_a_forwarded_address_counts_from_the_edge_and_only_the_last_of_them() -> None:
    direct, via_edge = {"client": ("192.0.2.7", 4711)}, {"state": {"via_edge": True}}
    sent = {b"x-forwarded-for": b"198.51.100.1, 203.0.113.9"}
    assert client_address(direct, sent) == "192.0.2.7"
    assert client_address(direct | via_edge, sent) == "203.0.113.9"
    assert client_address(direct | via_edge, {}) == ""
    assert client_address({"client": None}, sent) == ""


@pytest.mark.parametrize(
    ("sent", "declared"),
    [
        ({}, 0),
        ({b"content-length": b"0"}, 0),
        ({b"content-length": b"1000"}, 1000),
        ({b"content-length": b"+5"}, None),
        ({b"transfer-encoding": b"chunked"}, None),
    ],
)
def test_what_a_request_says_of_its_size(sent: dict[bytes, bytes], declared: int | None) -> None:
    assert request(sent).declared_bytes(1000) == declared


def test_a_body_that_says_it_is_too_large_is_refused_unread() -> None:
    with pytest.raises(InvalidInput) as refused:
        request({b"content-length": b"1001"}).declared_bytes(1000)
    assert refused.value.http_status == 413


@pytest.mark.parametrize(
    ("kind", "section", "wrong"),
    [
        (RestConfig, "rest", {"project_share": 1.0}),
        (RestConfig, "rest", {"rate_limit_per_minute": -1}),
        (RestConfig, "rest", {"max_inflight_bytes": 1 << 20}),
        (IngestConfig, "ingest", {"project_share": 0}),
        (IngestConfig, "ingest", {"max_frames": 0}),
    ],
)
def test_a_bound_that_would_let_nothing_in_is_no_setting(
    kind: Any, section: str, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match=section):
        load(kind, section=section, overrides=wrong)
