"""Limits and cursors of pages."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import InvalidInput
from services.query.config import QueryConfig
from services.query.pages import cursor_of, limit_of, place_of
from storage.analytics.queries import Position


def test_no_limit_is_100_and_1000_is_the_most() -> None:
    assert [limit_of(asked, QueryConfig()) for asked in (0, 1, 1000)] == [100, 1, 1000]
    with pytest.raises(InvalidInput):
        limit_of(1001, QueryConfig())


@given(st.integers(-(2**62), 2**62), st.text(max_size=40))
def test_a_cursor_says_the_place_it_was_made_of(timestamp_ms: int, id: str) -> None:
    assert place_of(cursor_of(Position(timestamp_ms, id)), Position) == (timestamp_ms, id)
    assert place_of(cursor_of(id), str) == id


@pytest.mark.parametrize(
    "cursor",
    ["x", "!!!!", "AAAA", base64.b64encode(b'["1","a"]').decode(), base64.b64encode(b"[1]").decode(), "é"],
)
def test_a_cursor_of_anyone_elses_making_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput):
        place_of(cursor, Position)
