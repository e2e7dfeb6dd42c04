"""`residency audit-log verify --records`: an auditor's copy is proven as it is, and nothing is done to it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import click
import pytest
from sqlalchemy import update

from cli.chain_copies import run_verify_copies
from storage.records.engine import Database
from storage.records.records import Records
from storage.records.tables import org_audit
from tests.support.audit_chains import more_org_rows, new_org, new_project
from tests.support.nodes import EU

pytestmark = [pytest.mark.disk, pytest.mark.network]


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = await Database.open(url, region=EU)
    yield opened
    await opened.close()


async def filled(url: str, database: Database) -> dict[str, int]:
    """An organisation's log and a project's: how many rows each has."""
    records = await Records.open(url, region=EU)
    logs = {await new_org(records, database, 6): 6, await new_project(records, database, 3): 3}
    await records.close()
    return logs


async def verified(
    capsys: pytest.CaptureFixture[str], copy: str, *, scope: str = "", expect: tuple[str, ...] = ()
) -> tuple[int, dict[str, Any]]:
    """The exit code, and what it prints of each log."""
    code = await run_verify_copies([copy], scope=scope, expect=expect, as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return code, {line["log"]: line for line in lines}


async def test_the_records_of_a_stopped_cell_are_proven_on_either_database(
    url: str, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = await filled(url, database)
    await database.close()
    code, found = await verified(capsys, url.replace("+asyncpg", ""))
    assert code == 0
    assert {log: one["rows"] for log, one in found.items()} == logs
    assert {one["region"] for one in found.values()} == {EU}

    org_id = next(iter(logs))
    end = f"{org_id}:{found[org_id]['end']['seq']}:{found[org_id]['end']['hash']}"
    again = await Database.open(url, region=EU)
    async with again.write() as connection:
        third = (org_audit.c.org_id == org_id, org_audit.c.seq == 3)
        await connection.execute(update(org_audit).where(*third).values(after='{"name":"else"}'))
    await again.close()
    code, found = await verified(capsys, url, scope=org_id, expect=(end,))
    assert code == 1
    assert [defect.split(" (")[0] for defect in found[org_id]["defects"]] == ["row 3 changed"]


@pytest.fixture
async def folder(tmp_path: Path) -> tuple[Path, dict[str, int], Database]:
    """A cell's folder with records that are open, which have a write-ahead log."""
    folder = tmp_path / "cell"
    url = f"sqlite+aiosqlite:///{folder}/records.db"
    database = await Database.open(url, region=EU)
    return folder, await filled(url, database), database


async def test_nothing_is_written_to_a_copy_of_closed_records_or_beside_it(
    folder: tuple[Path, dict[str, int], Database], capsys: pytest.CaptureFixture[str]
) -> None:
    place, logs, database = folder
    await database.close()
    before = content(place)
    place.chmod(0o500)
    code, found = await verified(capsys, str(place))
    assert (code, {log: one["rows"] for log, one in found.items()}) == (0, logs)
    assert content(place) == before
    assert set(before) == {"records.db"}


async def test_what_is_in_the_write_ahead_log_alone_counts(
    folder: tuple[Path, dict[str, int], Database], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, logs, database = folder
    org_id = next(iter(logs))
    await more_org_rows(database, org_id, 4)
    shutil.copytree(place, tmp_path / "copy")
    await database.close()
    assert (tmp_path / "copy" / "records.db-wal").stat().st_size > 0
    before = content(tmp_path / "copy")
    code, found = await verified(capsys, str(tmp_path / "copy" / "records.db"), scope=org_id)
    assert (code, found[org_id]["rows"]) == (0, 10)
    assert content(tmp_path / "copy")["records.db"] == before["records.db"]


async def test_what_has_no_records_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.ClickException, match="no records in"):
        await verified(capsys, str(tmp_path))
    (tmp_path / "records.db").write_bytes(b"")
    with pytest.raises(click.ClickException, match="no records with audit logs in there"):
        await verified(capsys, str(tmp_path))
    (tmp_path / "records.db").write_bytes(b"something else entirely" * 100)
    with pytest.raises(click.ClickException, match="can't be read"):
        await verified(capsys, str(tmp_path))


def content(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
