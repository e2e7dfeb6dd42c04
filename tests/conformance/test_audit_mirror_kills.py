"""The mirror of the audit logs in a process that is killed between two of its steps."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from services.ingest.mirror import copying
from tests.support.lives import lived
from tests.support.postgres import Postgres

pytestmark = [pytest.mark.disk, pytest.mark.network, pytest.mark.timeout(400)]

CHILD = Path(__file__).parent / "mirror_child.py"
COPYING = ["begun", "looked", "inserted", "reached"]
ERASING = ["erased", "forgotten"]
KILLED = -9


@pytest.fixture(params=["embedded", pytest.param("production", marks=pytest.mark.postgres)])
async def records_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the child's records are: it and its mirror are in its folder, or on servers that live on."""
    if request.param == "embedded":
        return f"sqlite+aiosqlite:///{tmp_path}/records.db"
    monkeypatch.setenv("ANALYTICS_URL", request.getfixturevalue("clickhouse").url)
    server: Postgres = request.getfixturevalue("postgres")
    return await server.new_database()


def live(folder: Path, url: str, die_at: str = "") -> dict[str, list[int]]:
    """One life; what it found at its end, by log: differences, rows behind, rows, rows in parts."""
    ended = lived(CHILD, [str(folder), url, die_at], folder / "said")
    assert ended.returncode == (KILLED if die_at else 0), f"{die_at}: {ended.said}"
    found: dict[str, list[int]] = json.loads(ended.said.splitlines()[-1]) if not die_at else {}
    return found


async def test_killed_at_any_step_each_row_is_mirrored_once_and_what_has_left_is_not(
    tmp_path: Path, records_url: str
) -> None:
    """One store and one database, a life for every step, each of which adds a row to a log."""
    for step in COPYING:
        live(tmp_path, records_url, step)
    found = live(tmp_path, records_url)
    assert sorted(found.values()) == [[0, 0, 7, 7], [0, 0, 12, 12]]
    (tmp_path / "leave").touch()
    for step in ERASING:
        live(tmp_path, records_url, step)
    found = live(tmp_path, records_url)
    assert list(found.values()) == [[0, 0, 10, 10]]


def test_the_list_of_steps_is_complete() -> None:
    named = re.findall(r'_step\("(\w+)"', Path(copying.__file__).read_text())
    assert sorted(set(named)) == sorted(COPYING + ERASING)
