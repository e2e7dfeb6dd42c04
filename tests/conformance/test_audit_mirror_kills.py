"""The mirror of the audit logs in a process that is killed between two of its steps."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from services.ingest.mirror import copying

pytestmark = [pytest.mark.disk, pytest.mark.network, pytest.mark.timeout(400)]

CHILD = Path(__file__).parent / "mirror_child.py"
COPYING = ["begun", "looked", "inserted", "reached"]
ERASING = ["erased", "forgotten"]
KILLED = -9


@pytest.fixture(params=["embedded", "http"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the child's mirror is: in its folder, or on a server that lives on."""
    if request.param == "http":
        monkeypatch.setenv("ANALYTICS_URL", request.getfixturevalue("clickhouse").url)


def live(folder: Path, url: str, die_at: str = "") -> dict[str, list[int]]:
    """One life; what it found at its end, by log: differences, rows behind, rows, rows in parts."""
    argv = [sys.executable, str(CHILD), str(folder), url, die_at]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == (KILLED if die_at else 0), f"{die_at}: {ended.stderr}"
    found: dict[str, list[int]] = json.loads(ended.stdout.splitlines()[-1]) if not die_at else {}
    return found


@pytest.mark.usefixtures("store")
async def test_killed_at_any_step_each_row_is_mirrored_once_and_what_has_left_is_not(
    tmp_path: Path, url: str
) -> None:
    """One store and one database, a life for every step, each of which adds a row to a log."""
    for step in COPYING:
        live(tmp_path, url, step)
    found = live(tmp_path, url)
    assert sorted(found.values()) == [[0, 0, 7, 7], [0, 0, 12, 12]]
    (tmp_path / "leave").touch()
    for step in ERASING:
        live(tmp_path, url, step)
    found = live(tmp_path, url)
    assert list(found.values()) == [[0, 0, 10, 10]]


def test_the_list_of_steps_is_complete() -> None:
    named = re.findall(r'_step\("(\w+)"', Path(copying.__file__).read_text())
    assert sorted(set(named)) == sorted(COPYING + ERASING)
