"""KeyRecords in SQL."""

from __future__ import annotations

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.clock import wall_ms
from mesh.tokens import TokenKey
from storage.records.engine import Database
from storage.records.keys import FromTokenKey
from storage.records.outbox import enqueue
from storage.records.rows import jwt_key_row
from storage.records.tables import refresh_secret, store, token_keys


class SqlKeyRecords:
    """The secrets of this region."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def token_key(self, fresh: TokenKey) -> TokenKey:
        """As KeyRecords says."""
        async with self._database.write() as connection:
            await _one_at_a_time(connection)
            key = await _newest(connection)
            if key is None:
                key = fresh
                values = {"kid": key.kid, "private_key": key.private_bytes, "created_at": wall_ms()}
                await connection.execute(insert(token_keys).values(values))
            await enqueue(connection, [jwt_key_row(self._database.region, key)])
        return key

    async def refresh_secret(self, make: FromTokenKey) -> bytes:
        """As KeyRecords says."""
        async with self._database.write() as connection:
            await _one_at_a_time(connection)
            found: bytes | None = await connection.scalar(select(refresh_secret.c.secret))
            if found is not None:
                return found
            made = make(await _newest(connection))
            await connection.execute(insert(refresh_secret).values(id=1, secret=made))
            return made


async def _one_at_a_time(connection: AsyncConnection) -> None:
    """Of several processes that start on one PostgreSQL, one makes what is missing."""
    await connection.execute(select(store.c.id).with_for_update())


async def _newest(connection: AsyncConnection) -> TokenKey | None:
    query = select(token_keys.c.kid, token_keys.c.private_key).order_by(token_keys.c.created_at.desc())
    found = (await connection.execute(query.limit(1))).one_or_none()
    return None if found is None else TokenKey.from_private_bytes(*found)
