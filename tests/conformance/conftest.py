"""The analytics store of a module's tests, on both backends, and servers of ClickHouse and NATS."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mesh.context import act_as
from storage.analytics.engine import Engine, QueryLimits
from storage.records.records import Records
from tests.support.clickhouse.server import ClickHouse
from tests.support.databases import sqlite_at
from tests.support.engines import BACKENDS, open_engine, running_clickhouse
from tests.support.logs import LOG_BACKENDS, LogPlace
from tests.support.nats import Nats, running_nats
from tests.support.nodes import EU
from tests.support.postgres import Postgres, running_postgres

LIMITS = QueryLimits(max_seconds=2, max_memory_bytes=256 << 20)


@pytest.fixture(autouse=True)
def _acting() -> None:
    """Records are changed by somebody."""
    act_as("usr_test", "test@example.com")


@pytest.fixture(scope="module")
def store_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the analytics store of a module's tests has its files."""
    return tmp_path_factory.mktemp("analytics")


@pytest.fixture(scope="module", params=BACKENDS)
def engine(request: pytest.FixtureRequest, store_folder: Path) -> Iterator[Engine]:
    """Tests of a module share it and differ by project id."""
    with open_engine(request.param, store_folder, LIMITS) as opened:
        yield opened


@pytest.fixture
def project() -> str:
    """Nobody else's."""
    return f"proj_{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """A running ClickHouse server."""
    with running_clickhouse(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    """A running NATS server."""
    with running_nats(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(params=LOG_BACKENDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> LogPlace:
    """Where the test's log lies."""
    if request.param == "lmdb":
        return LogPlace.in_folder(tmp_path / "log")
    return LogPlace.on_nats(request.getfixturevalue("nats"))


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL server."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a test's own records are going to be, on each database: without a schema, for who migrates."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'records.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return await server.new_database()


@pytest.fixture
def url(empty_url: str, tmp_path: Path) -> str:
    """The same, on SQLite with the newest schema."""
    return sqlite_at(tmp_path / "records.db") if empty_url.startswith("sqlite") else empty_url


@pytest.fixture
async def records(url: str) -> AsyncIterator[Records]:
    """The records of eu-west-1."""
    opened = await Records.open(url, region=EU)
    yield opened
    await opened.close()
