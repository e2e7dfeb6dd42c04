"""Statements of SQLite: which run where they are asked and which on a thread; none overtakes another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.records.engine import Database
from storage.sqlite import STEPS, Connection, connect
from tests.support.databases import sqlite_at
from tests.support.nodes import EU

pytestmark = pytest.mark.disk

HERE, THERE = "here", "there"
LONG = (
    "SELECT count(*) FROM (WITH RECURSIVE n(i) AS "
    f"(SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {STEPS}) SELECT i FROM n)"
)


class Ran:
    """Statements by their first word, in their order, and where each ran."""

    def __init__(self) -> None:
        self._here = threading.get_ident()
        self.of: list[tuple[str, str]] = []

    def __call__(self, sql: str) -> None:
        self.of.append((sql.split()[0], HERE if threading.get_ident() == self._here else THERE))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(sqlite_at(tmp_path / "records.db"), region=EU)
    async with opened.write() as connection:
        await connection.exec_driver_sql("CREATE TABLE numbers (i INTEGER)")
    yield opened
    await opened.close()


@pytest.fixture
async def ran(database: Database) -> Ran:
    """What the pool's only connection runs from now on."""
    ran = Ran()
    async with database.read() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert isinstance(driver, Connection)
        await driver.set_trace_callback(ran)
    ran.of.clear()
    return ran


async def test_a_reader_waits_for_no_thread(database: Database, ran: Ran) -> None:
    async with database.read() as connection:
        await connection.exec_driver_sql("SELECT i FROM numbers")
    assert ran.of == [("BEGIN", HERE), ("SELECT", HERE), ("COMMIT", HERE)]


async def test_what_waits_for_a_lock_or_a_disk_keeps_nobody_waiting(database: Database, ran: Ran) -> None:
    async with database.write() as connection:
        await connection.exec_driver_sql("INSERT INTO numbers VALUES (1)")
        await connection.exec_driver_sql("INSERT INTO numbers VALUES (?)", [(2,), (3,)])
        await connection.exec_driver_sql("UPDATE numbers SET i = i + 1")
        await connection.exec_driver_sql("DELETE FROM numbers WHERE i = 2")
        found = (await connection.exec_driver_sql("SELECT i FROM numbers")).scalars().all()
    assert found == [3, 4]
    of_rows = [("INSERT", HERE), ("INSERT", THERE), ("INSERT", THERE), ("UPDATE", HERE)]
    assert ran.of == [("BEGIN", THERE), *of_rows, ("DELETE", THERE), ("SELECT", HERE), ("COMMIT", THERE)]


async def test_a_write_that_has_no_lock_yet_waits_for_it_on_the_thread(database: Database, ran: Ran) -> None:
    async with database.read() as connection:
        for number in (1, 2):
            await connection.exec_driver_sql(f"INSERT INTO numbers VALUES ({number})")
    of_rows = [("INSERT", THERE), ("INSERT", HERE)]
    assert ran.of == [("BEGIN", HERE), *of_rows, ("COMMIT", THERE)]


async def test_what_takes_long_is_run_again_on_the_thread(database: Database, ran: Ran) -> None:
    async with database.write() as connection:
        await connection.exec_driver_sql("INSERT INTO numbers VALUES (1)")
        ran.of.clear()
        assert (await connection.exec_driver_sql(LONG)).scalar() == STEPS
        assert ran.of == [("SELECT", HERE), ("SELECT", THERE)]
    async with database.read() as connection:
        kept = (await connection.exec_driver_sql("SELECT i FROM numbers")).scalars().all()
    assert kept == [1], "the transaction has lost nothing by it"


async def test_a_writer_that_waits_for_another_lets_it_end(tmp_path: Path) -> None:
    first, second = [await connect(str(tmp_path / "numbers.db")) for _ in range(2)]
    try:
        for connection in (first, second):
            await connection.cursor().execute("PRAGMA busy_timeout = 60000")
        await first.cursor().execute("CREATE TABLE numbers (i INTEGER)")
        await first.commit()
        await first.cursor().execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(second.cursor().execute("BEGIN IMMEDIATE"))
        await first.cursor().execute("INSERT INTO numbers VALUES (1)")
        assert not waiting.done()
        await first.commit()
        await waiting
        assert await (await second.cursor().execute("SELECT i FROM numbers")).fetchall() == [(1,)]
    finally:
        await first.close()
        await second.close()


async def test_nothing_overtakes_what_a_cancelled_task_has_left_behind(tmp_path: Path) -> None:
    connection = await connect(str(tmp_path / "numbers.db"))
    begun, go_on, order = threading.Event(), threading.Event(), list[str]()

    def hold() -> None:
        begun.set()
        assert go_on.wait(30)
        order.append("held")

    try:
        left = asyncio.create_task(connection.write(hold, brief=False))
        await asyncio.to_thread(begun.wait, 30)
        left.cancel()
        after = [
            asyncio.create_task(connection.read(order.append, "read")),
            asyncio.create_task(connection.write(order.append, "written", brief=False)),
        ]
        await asyncio.sleep(0)
        assert order == []
        go_on.set()
        await asyncio.gather(*after)
        assert order == ["held", "read", "written"]
    finally:
        go_on.set()
        await connection.close()
