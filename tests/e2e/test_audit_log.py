"""`residency audit-log verify` on a running mesh: it holds, until somebody is at a region's database."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.nodes import EU
from tests.support.running import RunningMesh, fresh_mesh


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[RunningMesh]:
    """A mesh of which a region's records are tampered with."""
    with fresh_mesh(tmp_path) as running:
        yield running


def verified(mesh: RunningMesh, *options: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code, and a line for each log."""
    command = [sys.executable, "-m", "cli.main", "audit-log", "verify", "--data-dir", str(mesh.data_dir)]
    done = subprocess.run(
        [*command, "-o", "json", *options], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def mirrored(mesh: RunningMesh) -> tuple[int, list[dict[str, Any]]]:
    """The same, when every log has been mirrored whole."""
    deadline = time.monotonic() + 60
    while True:
        code, logs = verified(mesh, "--mirror")
        if not any(log["mirror"]["behind"] for log in logs):
            return code, logs
        assert time.monotonic() < deadline, "not mirrored"


def counted(mesh: RunningMesh, scope: str) -> dict[str, int]:
    """Rows of a log by action."""
    command = [
        sys.executable,
        "-m",
        "cli.main",
        "audit-log",
        "count",
        scope,
        "--since",
        "2020-01-01",
        "-o",
        "json",
    ]
    argv = [*command, "--data-dir", str(mesh.data_dir)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return {one["value"]: one["rows"] for one in json.loads(done.stdout)["counts"]}


def test_it_holds_until_a_row_is_changed_and_names_that_row(mesh: RunningMesh) -> None:
    code, logs = mirrored(mesh)
    assert code == 0
    assert {log["region"] for log in logs} == set(mesh.file.regions)
    assert {project.id for project in mesh.demo.projects} <= {log["log"] for log in logs}
    assert all(log["rows"] and not log["defects"] for log in logs)
    assert all(log["mirror"] == {"rows": log["rows"], "behind": 0, "differences": []} for log in logs)

    project = mesh.project(EU).id
    (before,) = [log for log in logs if log["log"] == project]
    assert sum(counted(mesh, project).values()) == before["rows"]
    end = f"{project}:{before['end']['seq']}:{before['end']['hash']}"
    records = Path(mesh.file.regions[EU].data_dir) / "records.db"
    with sqlite3.connect(records, timeout=20) as connection:
        changed = connection.execute(
            "UPDATE project_audit SET actor_id = 'usr_eve' WHERE project_id = ? AND seq = 2", (project,)
        )
        assert changed.rowcount == 1
    code, (log,) = verified(mesh, "--region", EU, "--scope", project, "--expect", end, "--mirror")
    assert code == 1
    for found in (log["defects"], log["mirror"]["differences"]):
        assert [defect.split(" (")[0] for defect in found] == ["row 2 changed"]
