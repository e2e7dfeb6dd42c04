"""Dead letters over mTLS: for operators of the region, listed without what they hold."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.meshfile import MeshFile, RegionProcesses, write_private
from mesh.errors import CrossingRefused, NotFound, SankofaError
from sankofa.ingest.v1 import dead_letters_pb2 as pb
from sankofa.ingest.v1.dead_letters_pb2_grpc import DeadLetterServiceStub
from storage.log import Append, Rows, Table
from tests.support.cell import Cell
from tests.support.nodes import EU, US

pytestmark = [pytest.mark.disk, pytest.mark.network]

BAD = b'"timestamp_ms":"soon"}'


def operator(cell: Cell) -> Any:
    return DeadLetterServiceStub(cell.channel(role="operator"))


async def poisoned(cell: Cell, project: str, times: int) -> list[int]:
    """Rows that the store refuses, in the log and dead by now."""
    (first,) = await cell.log.append([Append([Rows(Table.EVENTS, project, [BAD] * times)])])
    assert isinstance(first, int)
    await cell.flushed()
    return list(range(first, first + times))


async def test_they_are_listed_by_pages_with_reason_size_and_time(cell: Cell) -> None:
    project = await cell.project()
    seqs = await poisoned(cell, project, 5)
    stub, found = operator(cell), list[pb.DeadLetter]()
    for expected in (2, 2, 1, 0):
        after = found[-1].seq if found else 0
        page = await stub.ListDeadLetters(pb.ListDeadLettersRequest(after_seq=after, limit=2))
        assert (len(page.dead_letters), page.total) == (expected, 5)
        found += page.dead_letters
    assert [letter.seq for letter in found] == seqs
    assert {(one.table, one.project_id, one.size_bytes) for one in found} == {("events", project, len(BAD))}
    assert all(letter.reason.isupper() and letter.at_unix_ms > 1_700_000_000_000 for letter in found)


async def test_one_is_shown_to_who_names_its_project(cell: Cell) -> None:
    project, other = await cell.project(), await cell.project()
    (seq,) = await poisoned(cell, project, 1)
    stub = operator(cell)
    shown = await stub.ShowDeadLetter(pb.ShowDeadLetterRequest(project_id=project, seq=seq))
    assert (shown.dead_letter.seq, shown.row) == (seq, b"{" + BAD)
    for project_id, wrong in ((other, seq), (project, seq + 1)):
        with pytest.raises(NotFound):
            await stub.ShowDeadLetter(pb.ShowDeadLetterRequest(project_id=project_id, seq=wrong))


async def test_a_replayed_row_that_is_still_bad_is_a_dead_letter_again(cell: Cell) -> None:
    seqs = await poisoned(cell, await cell.project(), 2)
    answer = await operator(cell).ReplayDeadLetters(pb.ReplayDeadLettersRequest(seqs=[*seqs, 999]))
    assert answer.replayed == 2
    await cell.flushed()
    assert [letter.record.seq for letter in cell.log.dead_letters()] == [seqs[-1] + 1, seqs[-1] + 2]


async def test_dropped_ones_are_gone(cell: Cell) -> None:
    seqs = await poisoned(cell, await cell.project(), 3)
    answer = await operator(cell).DropDeadLetters(pb.DropDeadLettersRequest(seqs=[seqs[0], seqs[2], 999]))
    assert answer.dropped == 2
    assert [letter.record.seq for letter in cell.log.dead_letters()] == [seqs[1]]


async def test_one_that_the_writer_may_bury_again_is_left_to_it(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the cursor: after a kill its row is read again."""
    seqs = await poisoned(cell, await cell.project(), 1)
    with monkeypatch.context() as before:
        before.setattr(cell.log, "cursor", lambda: seqs[0] - 1)
        assert (await operator(cell).ReplayDeadLetters(pb.ReplayDeadLettersRequest(seqs=seqs))).replayed == 0
        assert (await operator(cell).DropDeadLetters(pb.DropDeadLettersRequest(seqs=seqs))).dropped == 0
    assert [letter.record.seq for letter in cell.log.dead_letters()] == seqs


@pytest.mark.parametrize(("region", "role"), [(EU, "rest"), (EU, "cell"), (US, "operator")])
async def test_nobody_but_the_regions_operators_sees_or_touches_them(
    cell: Cell, region: str, role: str
) -> None:
    project = await cell.project()
    seqs = await poisoned(cell, project, 1)
    stub: Any = DeadLetterServiceStub(cell.channel(region=region, role=role))
    refused = CrossingRefused if region == EU else SankofaError
    for call, request in (
        (stub.ListDeadLetters, pb.ListDeadLettersRequest()),
        (stub.ShowDeadLetter, pb.ShowDeadLetterRequest(project_id=project, seq=seqs[0])),
        (stub.ReplayDeadLetters, pb.ReplayDeadLettersRequest(seqs=seqs)),
        (stub.DropDeadLetters, pb.DropDeadLettersRequest(seqs=seqs)),
    ):
        with pytest.raises(refused):
            await call(request, timeout=5)
    assert [letter.record.seq for letter in cell.log.dead_letters()] == seqs


@pytest.fixture
def mesh_folder(cell: Cell, tmp_path: Path) -> Path:
    """A data directory in which the tools find the cell: it stands for a whole mesh."""
    folder = tmp_path / "mesh"
    folder.mkdir()
    (folder / "pki").symlink_to(cell.pki)
    internal = f"127.0.0.1:{cell.server.internal_port}"
    region = RegionProcesses(rest_url="", internal=internal, federated="", data_dir=str(cell.data_dir))
    file = MeshFile("", "", str(folder), {"up": os.getpid()}, {EU: region})
    write_private(folder / "mesh.json", file)
    return folder


async def residency(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output of `residency dead-letters`."""
    command = (sys.executable, "-m", "cli.main", "dead-letters", arguments[0], "--data-dir", str(folder))
    process = await asyncio.create_subprocess_exec(
        *command, *arguments[1:], stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, said.decode()


async def test_the_command_lists_shows_replays_and_drops(cell: Cell, mesh_folder: Path) -> None:
    project = await cell.project()
    first, second, third = await poisoned(cell, project, 3)
    here = ("--region", EU)
    code, listed = await residency(mesh_folder, "list", *here, "-o", "json")
    described = [msgspec.json.decode(line) for line in listed.splitlines()]
    assert (code, [one["seq"] for one in described]) == (0, [first, second, third])
    assert {(one["project"], one["bytes"]) for one in described} == {(project, len(BAD))}
    assert BAD.decode() not in listed
    code, table = await residency(mesh_folder, "list", *here)
    assert code == 0 and project in table and "CANNOT_PARSE" in table
    assert await residency(mesh_folder, "show", *here, str(first)) == (0, "{" + BAD.decode() + "\n")
    assert await residency(mesh_folder, "drop", *here, str(first), "99") == (1, "1 of 2 forgotten\n")
    code, said = await residency(mesh_folder, "replay", *here, "--all")
    assert (code, said) == (0, "2 of 2 put at the end of the log\n")
    await cell.flushed()
    assert [letter.record.seq for letter in cell.log.dead_letters()] == [third + 1, third + 2]
    for wrong in (("show", *here, "99"), ("list", "--region", "mars")):
        code, said = await residency(mesh_folder, *wrong)
        assert code == 1 and "Traceback" not in said
