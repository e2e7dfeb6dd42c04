"""Months are calendar months of UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mesh.months import begins_ms, earlier, label, month_of


@pytest.mark.parametrize(
    ("at", "month"),
    [
        ("2026-11-30T23:59:59.999", 202611),
        ("2026-12-01T00:00:00.000", 202612),
        ("2027-01-01T00:00:00.000", 202701),
        ("2028-02-29T12:00:00.000", 202802),
    ],
)
def test_a_time_is_in_the_month_of_its_utc_date(at: str, month: int) -> None:
    at_ms = round(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() * 1000)
    assert month_of(at_ms) == month


def test_a_month_ends_where_the_next_begins() -> None:
    for month in (202611, 202612, 202702):
        following = earlier(month, -1)
        assert month_of(begins_ms(month)) == month
        assert month_of(begins_ms(following) - 1) == month
        assert month_of(begins_ms(following)) == following


def test_months_are_counted_over_the_turn_of_a_year() -> None:
    assert [earlier(202602, months) for months in (0, 1, 2, 14, -11)] == [
        202602,
        202601,
        202512,
        202412,
        202701,
    ]


def test_people_read_a_month_as_they_write_it() -> None:
    assert label(202603) == "2026-03"
