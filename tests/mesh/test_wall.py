"""The wall in one process: a cell at work touches its own region, and reaching out of it fails the test."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mesh.node import Node
from sankofa.ingest.v1.ingest_pb2 import Track
from sankofa.query.v1.query_pb2 import CountEventsRequest, Scope
from sankofa.query.v1.query_pb2_grpc import QueryServiceStub
from sankofa.residency.v1.environment_pb2 import ENVIRONMENT_LIVE
from storage.analytics.engine import Engine
from storage.directory.lmdb import LmdbDirectory
from storage.log.lmdb import LmdbLog
from storage.records.records import Records
from tests.support.cell import open_cell
from tests.support.nodes import EU, US, make_node
from tests.support.wall import WallTouched, wall

pytestmark = [pytest.mark.disk, pytest.mark.network]


async def test_an_event_s_whole_life_touches_only_its_own_region(
    pki: Path, tmp_path: Path, engine: Engine
) -> None:
    with wall(EU, tmp_path) as built:
        async with open_cell(pki, tmp_path / "eu", engine) as cell:
            project = await cell.project()
            await cell.store(project, Track(event_name="seen", distinct_id="user_1", properties=b"{}"))
            token = await cell.token(project)
            answer = await QueryServiceStub(cell.channel()).CountEvents(
                CountEventsRequest(scope=Scope(project_id=project, environment=ENVIRONMENT_LIVE)),
                metadata=(("authorization", f"Bearer {token}"),),
            )
    assert answer.events == 1
    assert {"directory", "log", "channel"} <= set(built.inside)


def reach_channel(node: Node, folder: Path) -> Any:
    return node.channel(US, "127.0.0.1:1")


def reach_engine(node: Node, folder: Path) -> Any:
    return Engine.embedded(folder / "analytics", region=US, max_memory_bytes=1 << 30)


def reach_server_engine(node: Node, folder: Path) -> Any:
    return Engine.server("http://127.0.0.1:1", region=US)


def reach_directory(node: Node, folder: Path) -> Any:
    return LmdbDirectory.open(folder / "directory", region=US)


def reach_records(node: Node, folder: Path) -> Any:
    return Records.open(f"sqlite+aiosqlite:///{folder}/records.db", region=US)


def reach_log(node: Node, folder: Path) -> Any:
    return LmdbLog.open(folder.parent / "us" / "log", max_bytes=1 << 20)


REACHES = [reach_channel, reach_engine, reach_server_engine, reach_directory, reach_records, reach_log]


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize("swallowed", [False, True])
def test_whatever_reaches_out_of_the_region_fails_the_test(
    pki: Path, tmp_path: Path, reach: Callable[[Node, Path], Any], swallowed: bool
) -> None:
    """Also where the code under test catches every error."""
    folder = tmp_path / "eu"
    touch = partial(reach, make_node(pki, region=EU).node, folder)
    with pytest.raises(WallTouched, match=r"of (us-east-1|.*us/log)"), wall(EU, folder):
        if not swallowed:
            touch()
        with pytest.raises(Exception, match="of "):
            touch()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_without_the_wall_they_do_reach(pki: Path, tmp_path: Path) -> None:
    with pytest.raises(WallTouched), wall(EU, tmp_path / "eu"):
        LmdbLog.open(tmp_path / "us" / "log", max_bytes=1 << 20)
    LmdbLog.open(tmp_path / "us" / "log", max_bytes=1 << 20).close()
