"""A client's time, as any of the forms that clients send, to milliseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
FIRST_MS = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND
LAST_MS = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - _EPOCH) // _MILLISECOND
_CALENDAR = re.compile(
    r"\d{4}-\d\d-\d\d(?P<separator>[Tt ])\d\d:\d\d:(?P<second>\d\d)(?:\.\d+)?(?P<zone>[Zz]|[+-]\d\d:\d\d)?",
    re.ASCII,
)
_UNIX_MS = re.compile(r"(-?\d{1,15})(?:\.\d+)?", re.ASCII)


def parse(text: str) -> int | None:
    """Milliseconds since 1970, negative before; None for what is no time of the years 0001 to 9999.

    Takes RFC 3339 with or without a fraction, "YYYY-MM-DD HH:MM:SS[.fff]" (UTC) and unix milliseconds.
    What is finer than a millisecond is cut off.
    """
    if len(text) == 24 and text[-1] == "Z" and text[4:20:3] == "--T::.":
        # What most SDKs send, "2026-05-09T14:32:01.482Z": a third of the time that the general way takes.
        try:
            return _unix_ms(datetime.fromisoformat(text))
        except ValueError:
            pass
    match = _CALENDAR.fullmatch(text)
    if match is None:
        digits = _UNIX_MS.fullmatch(text)
        return in_range(int(digits[1])) if digits else None
    separator, second, zone = match.groups()
    if zone is None and separator != " ":
        return None
    leap = second == "60"
    if leap:
        text = f"{text[:17]}59{text[19:]}"
    try:
        time = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return in_range(_unix_ms(aware) + (1000 if leap else 0))


def _unix_ms(aware: datetime) -> int:
    return (aware - _EPOCH) // _MILLISECOND


def in_range(unix_ms: int) -> int | None:
    """The same, if it is in the years 0001 to 9999."""
    return unix_ms if FIRST_MS <= unix_ms <= LAST_MS else None
