"""One real request, traced through rest and cell: what the disk had said before the client heard 200."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from cli.sweep import sweep
from tests.support.durability import (
    WRITES,
    holds_dsync,
    log_defects,
    part_defects,
    published,
    writes_to,
)
from tests.support.markers import new_marker
from tests.support.nodes import AP
from tests.support.running import RunningMesh, until
from tests.support.strace import attached, read_trace

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


async def test_a_200_leaves_after_the_disk_has_the_event_and_the_log_forgets_after_the_store_has_it(
    mesh: RunningMesh, tmp_path: Path
) -> None:
    where, marker = mesh.reread().regions[AP], new_marker()
    cell, trace = where.pids["cell"], tmp_path / "trace"
    dsync, data = holds_dsync(cell), str(Path(where.data_dir) / "log" / "data.mdb")
    headers = {"x-api-key": mesh.project(AP).keys["live"], "x-request-id": marker}
    event = {"event_name": "traced", "distinct_id": "user_1", "properties": {"m": marker}}

    async def stored() -> bool:
        places = {place.place: place.hits for place in (await sweep(mesh.file, AP, marker)).places}
        return places["sankofa.events"] == 1 and places["log"] == 0

    with attached(trace, [where.pids["rest"], cell]):
        async with httpx.AsyncClient(base_url=where.rest_url, timeout=30, trust_env=False) as client:
            answered = await client.post("/api/v1/track", json=event, headers=headers)
        assert answered.status_code == 200
        await until(stored, "the event has left the log for the store")

    calls = read_trace(trace)
    (answer,) = [
        call
        for call in calls
        if call.name in WRITES | {"sendto", "sendmsg"}
        and "HTTP/1.1 200" in call.arguments
        and marker in call.arguments
    ]
    assert log_defects(calls, data=data, marker=marker, answer=answer, dsync=dsync) == []
    (part,) = published(calls, r"\d{6}")
    forgets = next(call for call in writes_to(calls, data) if part[0].before(call))
    assert part_defects(calls, part, forgets=forgets) == []
