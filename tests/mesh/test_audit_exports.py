"""Exports of the audit log: ordered, made, fetched by a link, gone after a day."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from mesh.context import Actor, Origin, act_as
from mesh.errors import SankofaError
from mesh.exports import exporter
from mesh.exports.links import LIFETIME, Links
from mesh.exports.records import Export
from sankofa.org.v1 import export_pb2 as pb
from sankofa.org.v1 import transfer_pb2
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.org.v1.transfer_pb2_grpc import AssignmentServiceStub
from services.org.config import OrgConfig
from storage.records.audit.table import ORG_COLUMNS
from storage.records.change import org_change
from storage.records.engine import Database
from tests.support.cells import SECRET, Cells, Owner, RunningCell, reason_of, until
from tests.support.nodes import EU, US
from tests.support.roles import put_member

pytestmark = [pytest.mark.disk, pytest.mark.network]

CONFIG = OrgConfig(export_look_s=0.02)
READY, EXPIRED = pb.ExportState.EXPORT_STATE_READY, pb.ExportState.EXPORT_STATE_EXPIRED
EVIL = Actor("usr_x", "=HYPERLINK(1)", Origin("req", "192.0.2.1", "@SUM(A1)\r\n+1"))


@pytest.fixture
async def cells(pki: Path, tmp_path: Path) -> AsyncIterator[Cells]:
    async with Cells(pki, tmp_path, (EU, US), CONFIG) as running:
        yield running


async def signed_up(cells: Cells, *, plan: str = "pro") -> Owner:
    owner = await cells.sign_up(EU)
    act_as("usr_test")
    await cells.of[EU].records.orgs.set_plan(owner.org_id, plan)  # type: ignore[arg-type]
    return owner


async def note(cell: RunningCell, org_id: str, *, rows: int) -> None:
    """Rows of the log, of an actor who means no good."""
    database = await Database.open(f"sqlite+aiosqlite:///{cell.folder}/records.db", region=cell.region)
    async with org_change(database, org_id, EVIL) as change:
        for number in range(rows):
            change.note("test", "test", str(number), after={"n": number})
    await database.close()


async def order(cells: Cells, owner: Owner, since_ms: int = 0, until_ms: int = 0) -> pb.Export:
    request = pb.CreateExportRequest(org_id=owner.org_id, since_unix_ms=since_ms, until_unix_ms=until_ms)
    return (await cells.of[EU].exports().CreateExport(request, metadata=owner.metadata)).export


async def get(cells: Cells, owner: Owner, export_id: str) -> pb.GetExportResponse:
    request = pb.GetExportRequest(org_id=owner.org_id, export_id=export_id)
    return await cells.of[EU].exports().GetExport(request, metadata=owner.metadata)


async def reaches(cells: Cells, owner: Owner, export_id: str, state: int) -> pb.GetExportResponse:
    async def reached() -> bool:
        return (await get(cells, owner, export_id)).export.state == state

    await until(reached)
    return await get(cells, owner, export_id)


async def download(cells: Cells, owner: Owner, export_id: str, link: pb.DownloadLink) -> list[bytes]:
    """Without a token: the link is all."""
    request = pb.DownloadRequest(org_id=owner.org_id, export_id=export_id, link=link)
    return [answer.piece async for answer in cells.of[EU].exports().Download(request)]


def files(cells: Cells) -> list[str]:
    return sorted(path.name for path in (cells.of[EU].folder / "blobs").glob("*"))


async def log(cells: Cells, owner: Owner) -> list[tuple[str, str]]:
    """Actions and actors."""
    exports = cells.of[EU].records.deliveries.exports
    everything = Export(owner.org_id, "", "pending", "", 0, 0, 1 << 60)
    return [(row.action, row.actor_id) for row in await exports.rows(everything, after_seq=0, limit=9999)]


async def test_an_export_is_the_log_row_by_row_and_runs_nothing_in_a_spreadsheet(cells: Cells) -> None:
    owner = await signed_up(cells)
    await note(cells.of[EU], owner.org_id, rows=2 * exporter.ROWS_A_PAGE + 1)
    made = await order(cells, owner)
    got = await reaches(cells, owner, made.export_id, READY)
    pieces = await download(cells, owner, made.export_id, got.link)
    assert len(pieces) > 1 and max(map(len, pieces)) <= 64 << 10
    text = b"".join(pieces).decode()
    assert got.export.bytes == len(text.encode())
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert tuple(head) == ORG_COLUMNS and len(rows) == got.export.rows
    ours = [dict(zip(head, row, strict=True)) for row in rows if row[head.index("action")] == "test"]
    assert [int(row["resource_id"]) for row in ours] == list(range(2 * exporter.ROWS_A_PAGE + 1))
    assert ours[1]["after"] == '{"n":1}' and ours[1]["before"] == ""
    assert (ours[0]["actor_email"], ours[0]["user_agent"]) == ("'=HYPERLINK(1)", "'@SUM(A1)\r\n+1")
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


async def test_ordering_and_fetching_are_in_the_log_in_the_names_of_who_did(cells: Cells) -> None:
    owner = await signed_up(cells)
    made = await order(cells, owner)
    got = await reaches(cells, owner, made.export_id, READY)
    await download(cells, owner, made.export_id, got.link)
    told = [row for row in await log(cells, owner) if row[0].startswith("audit.")]
    assert told == [("audit.exported", owner.user_id), ("audit.export.downloaded", owner.user_id)]


async def test_the_times_of_an_export_are_its_bounds(cells: Cells) -> None:
    owner = await signed_up(cells)
    await note(cells.of[EU], owner.org_id, rows=1)
    exports = cells.of[EU].exports()
    made = await order(cells, owner, since_ms=1, until_ms=2)
    assert (await reaches(cells, owner, made.export_id, READY)).export.rows == 0
    later = await order(cells, owner, until_ms=1 << 50)
    assert later.until_unix_ms == later.created_at_unix_ms
    listed = await exports.ListExports(pb.ListExportsRequest(org_id=owner.org_id), metadata=owner.metadata)
    assert [each.export_id for each in listed.exports] == [later.export_id, made.export_id]
    for since, until_ms in ((5, 5), (1 << 50, 0), (-1, 0)):
        assert await reason_of(order(cells, owner, since, until_ms)) == "INVALID_ARGUMENT"


async def test_a_plan_without_exports_and_a_member_who_is_no_admin_get_none(cells: Cells) -> None:
    owner = await signed_up(cells, plan="hobby")
    with pytest.raises(SankofaError, match="exporting the audit log needs the Pro plan"):
        await order(cells, owner)
    await cells.of[EU].records.orgs.set_plan(owner.org_id, "pro")
    made = await order(cells, owner)
    got = await reaches(cells, owner, made.export_id, READY)
    await put_member(cells.of[EU].records.orgs, owner.org_id, owner.user_id, OrgRole.ORG_ROLE_MEMBER, EU)
    assert await reason_of(order(cells, owner)) == "PERMISSION_DENIED"
    assert await reason_of(get(cells, owner, made.export_id)) == "PERMISSION_DENIED"
    # A link that was given before is as good as who holds it.
    assert await reason_of(download(cells, owner, made.export_id, got.link)) == "PERMISSION_DENIED"


async def test_a_link_that_was_changed_is_over_or_is_of_another_region_is_refused(cells: Cells) -> None:
    owner = await signed_up(cells)
    made = await order(cells, owner)
    export_id = made.export_id
    link = (await reaches(cells, owner, export_id, READY)).link
    ours, elsewhere = Links(SECRET, EU), Links(SECRET, US)
    over = link.expires_unix_ms - 2 * int(LIFETIME.total_seconds() * 1000)
    wrong = [
        ours.make(owner.org_id, export_id, owner.user_id, over),
        ours.make(owner.org_id, "exp_other", owner.user_id, link.expires_unix_ms),
        elsewhere.make(owner.org_id, export_id, owner.user_id, link.expires_unix_ms),
    ]
    links = [
        pb.DownloadLink(expires_unix_ms=x.expires_ms, user_id=x.user_id, signature=x.signature) for x in wrong
    ]
    for field, value in (("user_id", "usr_x"), ("signature", "00"), ("expires_unix_ms", 1 << 60)):
        changed = pb.DownloadLink.FromString(link.SerializeToString())
        setattr(changed, field, value)
        links.append(changed)
    for each in links:
        assert await reason_of(download(cells, owner, export_id, each)) == "LINK_INVALID"
    assert await download(cells, owner, export_id, link)


async def test_an_order_outlives_a_restart_and_what_a_kill_left_is_swept(
    cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await signed_up(cells)
    cell = cells.of[EU]
    blobs = cell.folder / "blobs"
    monkeypatch.setattr(exporter.Exporter, "_make", _cut_off)
    made = await order(cells, owner)
    await cell.stop()
    blobs.mkdir(exist_ok=True)
    (blobs / f"{made.export_id}.part").write_text("half")
    (blobs / "exp_of_an_organisation_that_has_moved").write_text("whole")
    monkeypatch.undo()
    await cell.start()
    await until(lambda: cell.directory.org(owner.org_id))
    got = await reaches(cells, owner, made.export_id, READY)
    assert got.export.rows == 0 or got.export.bytes > 0
    await until(lambda: files(cells) == [made.export_id])


async def _cut_off(*_: object) -> None:
    """An exporter that was killed before it had made anything."""


async def test_an_export_of_before_a_move_has_expired_where_its_log_is_then(cells: Cells) -> None:
    owner = await signed_up(cells)
    made = await order(cells, owner)
    await reaches(cells, owner, made.export_id, READY)
    request = transfer_pb2.AssignRequest(org_id=owner.org_id, region=US)
    await AssignmentServiceStub(cells.of[EU].channel()).Assign(request, metadata=owner.metadata)
    there = cells.of[US].records.deliveries.exports

    async def expired() -> bool:
        found = await there.one(owner.org_id, made.export_id)
        return found is not None and found.state == "expired"

    await until(expired, deadline_s=60)
    await until(lambda: files(cells) == [], deadline_s=60)
    assert await there.with_files() == set()


async def test_an_export_is_listed_for_a_month_after_its_file(
    cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await signed_up(cells)
    made = await order(cells, owner)
    await reaches(cells, owner, made.export_id, READY)
    monkeypatch.setattr(exporter, "KEPT", -exporter.KEPT)
    await reaches(cells, owner, made.export_id, EXPIRED)
    monkeypatch.setattr(exporter, "LISTED", timedelta(0))

    async def listed() -> list[str]:
        request = pb.ListExportsRequest(org_id=owner.org_id)
        answer = await cells.of[EU].exports().ListExports(request, metadata=owner.metadata)
        return [each.export_id for each in answer.exports]

    async def forgotten() -> bool:
        return await listed() == []

    await until(forgotten)
    assert await reason_of(get(cells, owner, made.export_id)) == "EXPORT_NOT_FOUND"


async def test_a_file_is_deleted_after_a_day_and_its_link_with_it(
    cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await signed_up(cells)
    made = await order(cells, owner)
    got = await reaches(cells, owner, made.export_id, READY)
    assert got.export.delete_at_unix_ms - got.export.ready_at_unix_ms == 24 * 3_600_000
    monkeypatch.setattr(exporter, "KEPT", -exporter.KEPT)
    await reaches(cells, owner, made.export_id, EXPIRED)
    await until(lambda: files(cells) == [])
    assert not (await get(cells, owner, made.export_id)).HasField("link")
    assert await reason_of(download(cells, owner, made.export_id, got.link)) == "EXPORT_NOT_FOUND"
    assert await reason_of(get(cells, owner, "exp_nothing")) == "EXPORT_NOT_FOUND"
