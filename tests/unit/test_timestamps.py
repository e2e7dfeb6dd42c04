"""Every form of a client's time, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.timestamps import FIRST_MS, LAST_MS, parse

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "unix_ms"),
    [
        ("2026-05-09T14:32:01.482Z", 1_778_337_121_482),
        ("2026-05-09T14:32:01Z", 1_778_337_121_000),
        ("2026-05-09t14:32:01z", 1_778_337_121_000),
        ("2026-05-09T14:32:01.4Z", 1_778_337_121_400),
        ("2026-05-09T14:32:01.482999999Z", 1_778_337_121_482),
        ("2026-05-09T16:32:01.482+02:00", 1_778_337_121_482),
        ("2026-05-09T09:02:01.482-05:30", 1_778_337_121_482),
        ("2026-05-09 14:32:01", 1_778_337_121_000),
        ("2026-05-09 14:32:01.482", 1_778_337_121_482),
        ("1778337121482", 1_778_337_121_482),
        ("1778337121482.75", 1_778_337_121_482),
        ("0", 0),
        ("-1", -1),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("0001-01-01T00:00:00Z", FIRST_MS),
        ("9999-12-31T23:59:59.999Z", LAST_MS),
        ("1970-01-01T00:00:00Z", 0),
        ("2107-01-01T00:00:00Z", 4_323_283_200_000),
    ],
)
def test_a_time_is_read_in_every_form_that_clients_send(text: str, unix_ms: int) -> None:
    assert parse(text) == unix_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-05-09",
        "2026-05-09T14:32Z",
        "2026-05-09T14:32:01",
        "2026-02-30T00:00:00Z",
        "2026-05-09T25:00:00Z",
        "2026-05-09T14:32:61Z",
        "2026-W19-6T14:32:01Z",
        "2026-05-09T14:32:01.Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "999999999999999",
        "-999999999999999",
        "1778337121482ms",
        "١٧٧٨٣٣٧١٢١٤٨٢",
        "²",
        " 1778337121482",
        "1778337121482\n",
        "1e12",
    ],
)
def test_what_is_no_time_of_the_years_1_to_9999_is_none(text: str) -> None:
    assert parse(text) is None


@given(st.integers(FIRST_MS, LAST_MS))
def test_every_millisecond_survives_its_own_writing(unix_ms: int) -> None:
    written = (EPOCH + timedelta(milliseconds=unix_ms)).isoformat(timespec="milliseconds")
    assert parse(written) == parse(written.replace("+00:00", "Z")) == parse(str(unix_ms)) == unix_ms


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_none_and_never_an_error(text: str) -> None:
    assert parse(text) is None or FIRST_MS <= parse(text) <= LAST_MS  # type: ignore[operator]
