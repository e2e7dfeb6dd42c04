"""A store that hangs: the log takes what its bound allows, then 503; memory stays flat; it heals."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from storage.analytics.engine import Engine
from storage.analytics.readback import ReadBackSink
from tests.support import rows
from tests.support.cell import Cell, open_cell
from tests.support.nodes import EU
from tests.support.shim import Running, start_shim, until

pytestmark = [pytest.mark.network, pytest.mark.disk]

KEY = "sk_live_" + "c" * 32
LOG_BYTES = 256 << 20
TEXT = "x" * 8_000
EVENTS = 100
MEMORY_BYTES = 80 << 20
"""A batch of the writer, twice, and what two servers and a client need: half of what the log holds."""


@dataclass
class Stuck:
    """A shim and its cell, whose inserts hang until they are let go."""

    cell: Cell
    shim: Running
    project_id: str
    let_go: threading.Event
    inserting: threading.Event
    acknowledged: list[int] = field(default_factory=list)
    sent: int = 0

    async def post(self) -> httpx.Response:
        """A batch of its own numbers, noted if it was acknowledged."""
        numbers = range(self.sent, self.sent + EVENTS)
        self.sent += EVENTS
        payloads = [
            {"event_name": str(n), "distinct_id": "user_1", "properties": {"t": TEXT}} for n in numbers
        ]
        body = {"operations": [{"type": "track", "payload": payload} for payload in payloads]}
        answer = await self.shim.http.post("/api/v1/batch", headers={"x-api-key": KEY}, json=body, timeout=60)
        if answer.status_code == 200:
            self.acknowledged += numbers
        return answer


@pytest.fixture
async def stuck(
    pki: Path, tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stuck]:
    let_go, inserting, insert = threading.Event(), threading.Event(), ReadBackSink.insert

    def hang(self: ReadBackSink, *arguments: object) -> None:
        inserting.set()
        let_go.wait()
        insert(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ReadBackSink, "insert", hang)
    async with (
        open_cell(pki, tmp_path / "eu", engine, log_bytes=LOG_BYTES) as cell,
        AsyncExitStack() as stack,
    ):
        stack.callback(let_go.set)
        project_id = await cell.project()
        await cell.directory.apply([rows.api_key(KEY, EU, project_id)])
        address = f"127.0.0.1:{cell.server.internal_port}"
        shim = await start_shim(stack, pki, cell.directory, cell_address=address)
        yield Stuck(cell, shim, project_id, let_go, inserting)


def anonymous_bytes() -> int:
    """Memory of this process that is no file's: LMDB's map does not count."""
    found = re.search(r"^RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


async def test_a_store_that_hangs_fills_the_log_and_no_memory_and_all_of_it_arrives_when_it_is_let_go(
    stuck: Stuck,
) -> None:
    assert (await stuck.post()).status_code == 200
    await until(stuck.inserting.is_set, seconds=30)
    before = anonymous_bytes()
    while (refused := await stuck.post()).status_code == 200:
        pass
    assert stuck.cell.log.stats().used_bytes > 150 << 20
    assert anonymous_bytes() - before < MEMORY_BYTES

    assert (refused.status_code, refused.json()["error"]) == (503, "Service temporarily unavailable")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert await refused_unread(stuck)
    assert {(await stuck.post()).status_code for _ in range(50)} == {503}
    gauges = stuck.cell.gauges()
    assert 0 < gauges["ingest_refused_project_share"] < 50, "most were refused at the door"
    assert (gauges["ingest_frames"], gauges["ingest_frames_bound"]) == (0, 4)
    assert (gauges["log_waiting_projects"], gauges["log_drain_bytes_per_second"]) == (1, 0)
    assert anonymous_bytes() - before < MEMORY_BYTES

    stuck.let_go.set()
    async with asyncio.timeout(60):
        while (await stuck.post()).status_code != 200:
            pass
    await asyncio.to_thread(until_empty, stuck.cell)
    assert await stored(stuck) == stuck.acknowledged


async def refused_unread(stuck: Stuck) -> bool:
    """Whether a request is answered 503 though none of its body ever comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stuck.shim.server.public_port)
    head = f"POST /api/v1/batch HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: 1000000\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer.startswith(b"HTTP/1.1 503") and b"\r\nretry-after: " in answer.lower()


def until_empty(cell: Cell) -> None:
    """Waits until the writer has stored everything."""
    while cell.log.wait_for(cell.log.cursor(), 0.0):
        threading.Event().wait(0.05)


async def stored(stuck: Stuck) -> list[int]:
    """The numbers of the project's events as the store has them, doubled ones too."""
    sql = "SELECT event_name FROM events WHERE project_id = {p:String} ORDER BY log_seq"
    return [int(row[0]) for row in await stuck.cell.engine.query(sql, {"p": stuck.project_id})]
