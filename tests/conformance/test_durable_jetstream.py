"""What a commit to a NATS server stands on, traced: its file is synced before it is acknowledged."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.log import Append, Once, Rows, Table, jetstream
from tests.support.durability import synced, writes_to
from tests.support.logs import LogPlace
from tests.support.nats import running_nats
from tests.support.strace import Call, attached, read_trace

pytestmark = [pytest.mark.disk, pytest.mark.network]


async def traced_commits(folder: Path, **options: object) -> list[Call]:
    """Calls of a server that is given a single message, an atomic batch and a cursor."""
    with running_nats(folder / "nats", **options) as server, attached(folder / "trace", [server.pid]):
        log = LogPlace.on_nats(server).open()
        await log.append([_append(b"mark_single")])
        await log.append([_append(b"mark_batch", Once(b"k" * 32, b"digest"))])
        log.commit(2)
        log.close()
    return read_trace(folder / "trace")


def _append(mark: bytes, once: Once | None = None) -> Append:
    return Append([Rows(Table.EVENTS, "proj_a", [mark + b"}"])], once)


def defects(calls: list[Call], mark: str) -> list[str]:
    """What is wrong with the acknowledgement of the message that holds a mark; nothing if it is durable."""
    files = {call.path for call in calls if call.path.endswith("-eu-west-1/msgs/1.blk")}
    (write,) = [call for path in files for call in writes_to(calls, path) if mark in call.arguments]
    answers = [call for call in calls if call.name in ("write", "writev") and '\\"seq\\":' in call.arguments]
    answer = next(call for call in answers if write.before(call))
    return [] if synced(calls, write.path, after=write, before=answer) else [f"{mark} was not synced before"]


CURSOR = "Nats-Expected-Last-Subject-Sequence: 1"


async def test_a_message_a_batch_and_the_cursor_are_synced_before_they_are_acknowledged(
    tmp_path: Path,
) -> None:
    calls = await traced_commits(tmp_path)
    assert [defects(calls, mark) for mark in ("mark_single", "mark_batch", CURSOR)] == [[], [], []]


async def test_the_same_judge_finds_a_server_that_acknowledges_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream, "check_server", lambda *_: None)
    calls = await traced_commits(tmp_path, config={"sync_interval: always": "sync_interval: 2m"})
    assert defects(calls, "mark_single") and defects(calls, CURSOR)
