"""KeyRecords in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row as Found
from sqlalchemy import Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.clock import wall_ms
from mesh.tokens import TokenKey
from sankofa.registry.v1.registry_pb2 import Row
from storage.records.engine import Database
from storage.records.keys import FromTokenKey, KeyRecord
from storage.records.outbox import enqueue
from storage.records.rows import jwt_key_row
from storage.records.tables import refresh_secret, store, token_keys

_NEWEST_FIRST = (token_keys.c.created_at.desc(), token_keys.c.kid)
_ANNOUNCED = token_keys.c.signs_since == 0
_SIGNING = (token_keys.c.signs_since > 0, token_keys.c.verifies_until == 0)


class SqlKeyRecords:
    """The secrets of this region."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, fresh: TokenKey, longest: timedelta) -> list[Row]:
        """As KeyRecords says."""
        longest_ms = _ms(longest)
        async with self._database.write() as connection:
            await _one_at_a_time(connection)
            if await connection.scalar(select(token_keys.c.kid).where(*_SIGNING)) is None:
                now = wall_ms()
                values = _values(fresh, now, longest_ms) | {"signs_since": now}
                await connection.execute(insert(token_keys).values(values))
            signs = token_keys.c.verifies_until == 0  # or is about to
            longer = update(token_keys).where(signs, token_keys.c.longest_ms < longest_ms)
            await connection.execute(longer.values(longest_ms=longest_ms))
            rows = [self._row(found) for found in await connection.execute(select(token_keys))]
            await enqueue(connection, rows)
            return rows

    async def signing_key(self) -> TokenKey:
        """As KeyRecords says."""
        async with self._database.read() as connection:
            found = (await connection.execute(_pair().where(*_SIGNING))).one_or_none()
        if found is None:
            raise LookupError("the region has no token key yet")
        return TokenKey.from_private_bytes(*found)

    async def keys(self) -> list[KeyRecord]:
        """As KeyRecords says."""
        async with self._database.read() as connection:
            found = await connection.execute(select(token_keys).order_by(*_NEWEST_FIRST))
            return [_record(row) for row in found]

    async def announce(self, fresh: TokenKey, longest: timedelta, without: Sequence[str]) -> TokenKey:
        """As KeyRecords says."""
        async with self._database.write() as connection:
            await _one_at_a_time(connection)
            found = (await connection.execute(_pair().where(_ANNOUNCED))).one_or_none()
            key = fresh if found is None else TokenKey.from_private_bytes(*found)
            if found is None:
                values = _values(key, wall_ms(), _ms(longest))
                await connection.execute(insert(token_keys).values(values))
            this = update(token_keys).where(token_keys.c.kid == key.kid)
            await connection.execute(this.values(without=sorted(without)))
            await enqueue(connection, [jwt_key_row(self._database.region, key.kid, key.public_bytes)])
        return key

    async def sign_with(self, kid: str, now_ms: int, margin: timedelta) -> bool:
        """As KeyRecords says."""
        async with self._database.write() as connection:
            await _one_at_a_time(connection)
            this = (token_keys.c.kid == kid, _ANNOUNCED)
            if await connection.scalar(select(token_keys.c.kid).where(*this)) is None:
                return False
            until = now_ms + token_keys.c.longest_ms + _ms(margin)
            await connection.execute(update(token_keys).where(*_SIGNING).values(verifies_until=until))
            await connection.execute(update(token_keys).where(*this).values(signs_since=now_ms))
            return True

    async def retire(self, now_ms: int) -> list[Row]:
        """As KeyRecords says."""
        over = (
            token_keys.c.retired_at == 0,
            token_keys.c.verifies_until > 0,
            token_keys.c.verifies_until <= now_ms,
        )
        async with self._database.read() as connection:
            if await connection.scalar(select(token_keys.c.kid).where(*over).limit(1)) is None:
                return []
        async with self._database.write() as connection:
            await _one_at_a_time(connection)
            rows = []
            for found in (await connection.execute(select(token_keys).where(*over))).all():
                public = _public(found)
                this = update(token_keys).where(token_keys.c.kid == found.kid)
                erased = {"private_key": b"", "public_key": public, "retired_at": now_ms}
                await connection.execute(this.values(erased))
                rows.append(jwt_key_row(self._database.region, found.kid, public, retired=True))
            await enqueue(connection, rows)
            return rows

    async def refresh_secret(self, make: FromTokenKey) -> bytes:
        """As KeyRecords says."""
        async with self._database.write() as connection:
            await _one_at_a_time(connection)
            kept: bytes | None = await connection.scalar(select(refresh_secret.c.secret))
            if kept is not None:
                return kept
            found = (await connection.execute(_pair().where(*_SIGNING))).one_or_none()
            made = make(None if found is None else TokenKey.from_private_bytes(*found))
            await connection.execute(insert(refresh_secret).values(id=1, secret=made))
            return made

    def _row(self, found: Found[Any]) -> Row:
        retired = bool(found.retired_at)
        return jwt_key_row(self._database.region, found.kid, _public(found), retired=retired)


async def _one_at_a_time(connection: AsyncConnection) -> None:
    """Of several processes on one PostgreSQL, one makes what is missing; SQLite has one writer anyhow."""
    await connection.execute(select(store.c.id).with_for_update())


def _pair() -> Select[Any]:
    return select(token_keys.c.kid, token_keys.c.private_key)


def _public(found: Found[Any]) -> bytes:
    """Its public half; of a retired key it is what is left."""
    kept: bytes | None = found.public_key
    return kept or TokenKey.from_private_bytes(found.kid, found.private_key).public_bytes


def _values(key: TokenKey, now_ms: int, longest_ms: int) -> dict[str, object]:
    return {
        "kid": key.kid,
        "private_key": key.private_bytes,
        "created_at": now_ms,
        "longest_ms": longest_ms,
        "without": [],
    }


def _record(row: Found[Any]) -> KeyRecord:
    return KeyRecord(
        row.kid, row.created_at, row.signs_since, row.verifies_until, row.retired_at, tuple(row.without)
    )


def _ms(time: timedelta) -> int:
    return int(time.total_seconds() * 1000)
