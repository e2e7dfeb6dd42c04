"""SQLite connections for SQLAlchemy: what is brief runs where it is asked, what may take long on a thread.

A trip to a thread costs more than most statements, and aiosqlite makes four of each. So a SELECT runs at
once, until it has used up its steps: then it is run again, on the connection's thread. So do INSERTs and
UPDATEs of who has the lock, which wait for no disk: the commit does. Whatever else there is runs on the
thread: BEGIN IMMEDIATE, which waits for the lock, commits of writers, DELETEs, statements of many rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final, Self, TypeVar

import aiosqlite

T = TypeVar("T")
Row = tuple[Any, ...]

STEPS: Final = 20_000
"""Of SQLite's machine, for a SELECT where it is asked: a millisecond at most, a thousand rows or so."""


class Cursor:
    """What SQLAlchemy asks of a driver's cursor; it is given all rows of a statement at once."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Row] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[object] = ()) -> Self:
        """Runs a statement and fetches its rows. Raises sqlite3.Error."""
        run = (self._run, sqlite3.Cursor.execute, sql, parameters)
        if sql == "BEGIN" or sql.startswith("SELECT "):
            return await self._connection.read(*run)
        return await self._connection.write(*run, brief=sql.startswith(("INSERT ", "UPDATE ")))

    async def executemany(self, sql: str, parameters: Sequence[Sequence[object]]) -> Self:
        """Runs a statement with each of the parameters. Raises sqlite3.Error."""
        run = (self._run, sqlite3.Cursor.executemany, sql, parameters)
        return await self._connection.write(*run, brief=False)

    async def fetchall(self) -> list[Row]:
        """Of the last statement, once."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """SQLite's own is closed already."""

    def _run(self, how: Callable[..., object], sql: str, parameters: object) -> Self:
        cursor = self._connection.cursor_of_sqlite()
        try:
            how(cursor, sql, parameters)
            self.description = cursor.description
            self._rows = cursor.fetchall() if cursor.description else []
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()
        return self


class Connection(aiosqlite.Connection):
    """One of a pool, which one task uses at a time."""

    _queued = _ended = 0
    """What was given to the thread, counted here, and what it has ended with, counted there. A task that was
    cancelled leaves without what it waited for, and what is asked next must not overtake that.
    """
    _written = False
    """Whether the transaction may have something for the disk."""
    _bounded = False
    """Whether what runs now ends when its steps are used up."""

    def cursor(self) -> Cursor:  # type: ignore[override]  # there is nothing to wait for
        """A new one, which has not touched SQLite yet."""
        return Cursor(self)

    def cursor_of_sqlite(self) -> sqlite3.Cursor:
        """For where the connection is used at this moment."""
        return self._conn.cursor()

    async def read(self, function: Callable[..., T], *arguments: object) -> T:
        """Runs here, if that is brief, what can be run again."""
        if self._queued == self._ended:
            self._bounded = True
            try:
                return function(*arguments)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
            finally:
                self._bounded = False
        return await self._on_its_thread(function, *arguments)

    async def write(self, function: Callable[..., T], *arguments: object, brief: bool) -> T:
        """Runs what changes something: a brief one here, where a transaction has got the lock before."""
        brief = brief and self._written and self._conn.in_transaction
        self._written = True
        if brief and self._queued == self._ended:
            return function(*arguments)
        return await self._on_its_thread(function, *arguments)

    async def commit(self) -> None:
        """Ends a transaction; what it wrote is on disk."""
        await self._end(sqlite3.Connection.commit)

    async def rollback(self) -> None:
        """Ends a transaction, and what it wrote with it."""
        await self._end(sqlite3.Connection.rollback)

    async def _end(self, how: Callable[[sqlite3.Connection], None]) -> None:
        if self._written:
            await self._on_its_thread(how, self._conn)
            self._written = False
        else:
            await self.read(how, self._conn)

    async def _on_its_thread(self, function: Callable[..., T], *arguments: object) -> T:
        self._queued += 1
        done: T = await self._execute(self._counted, function, *arguments)  # type: ignore[no-untyped-call]
        return done

    def _counted(self, function: Callable[..., T], *arguments: object) -> T:
        try:
            return function(*arguments)
        finally:
            self._ended += 1

    def bound(self) -> None:
        """Makes SQLite ask, every so many steps, whether it shall go on."""
        self._conn.set_progress_handler(lambda: self._bounded, STEPS)


async def connect(path: str) -> Connection:
    """Opens a file; ":memory:" is this connection's own. Raises sqlite3.Error."""
    connection = Connection(lambda: sqlite3.connect(path, check_same_thread=False), iter_chunk_size=64)
    connection._thread.daemon = True  # as SQLAlchemy does where it connects itself
    await connection
    connection.bound()
    return connection
