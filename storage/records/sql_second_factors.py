"""SecondFactorRecords in SQL. What is used once is used by one statement, whoever else tries at the time."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.errors import CrossingRefused
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.engine import Database
from storage.records.second_factors import MOST_WRONG_CODES, SecondFactor
from storage.records.tables import accounts, recovery_codes, second_factors

_CONFIRMED = second_factors.c.confirmed_at.is_not(None)


class SqlSecondFactorRecords:
    """The second factors of this region's accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, user_id: str) -> SecondFactor | None:
        """As SecondFactorRecords says."""
        query = select(second_factors).where(second_factors.c.user_id == user_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else SecondFactor(*row)

    async def recovery_codes_left(self, user_id: str) -> int:
        """As SecondFactorRecords says."""
        query = select(func.count()).select_from(recovery_codes).where(recovery_codes.c.user_id == user_id)
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one()

    async def begin(self, factor: SecondFactor) -> bool:
        """As SecondFactorRecords says."""
        mine = second_factors.c.user_id == factor.user_id
        values = {
            "user_id": factor.user_id,
            "sealed_secret": factor.sealed_secret,
            "created_at": factor.created_at_ms,
            "last_step": factor.last_step,
            "wrong_codes": factor.wrong_codes,
        }
        async with self._database.write() as connection:
            await _lock_account(connection, factor.user_id)
            if await connection.scalar(select(second_factors.c.user_id).where(mine, _CONFIRMED)) is not None:
                return False
            await connection.execute(delete(second_factors).where(mine))
            await connection.execute(insert(second_factors).values(values))
        return True

    async def confirm(self, factor: SecondFactor, step: int, now_ms: int, hashes: Sequence[str]) -> bool:
        """As SecondFactorRecords says."""
        begun = update(second_factors).where(_this(factor), ~_CONFIRMED)
        async with self._database.write() as connection:
            done = await connection.execute(begun.values(confirmed_at=now_ms, last_step=step))
            if done.rowcount == 1:
                await _replace_codes(connection, factor.user_id, hashes)
            return done.rowcount == 1

    async def accept(self, factor: SecondFactor, step: int) -> bool:
        """As SecondFactorRecords says."""
        unused = (second_factors.c.last_step < step, second_factors.c.wrong_codes < MOST_WRONG_CODES)
        query = update(second_factors).where(_this(factor), _CONFIRMED, *unused)
        async with self._database.write() as connection:
            done = await connection.execute(query.values(last_step=step, wrong_codes=0))
            return done.rowcount == 1

    async def count_wrong(self, factor: SecondFactor) -> None:
        """As SecondFactorRecords says."""
        more = update(second_factors).values(wrong_codes=second_factors.c.wrong_codes + 1)
        async with self._database.write() as connection:
            await connection.execute(more.where(_this(factor)))

    async def use_recovery_code(self, factor: SecondFactor, code_hash: str) -> bool:
        """As SecondFactorRecords says."""
        this = (recovery_codes.c.user_id == factor.user_id, recovery_codes.c.code_hash == code_hash)
        async with self._database.write() as connection:
            found = await connection.execute(delete(recovery_codes).where(*this))
            if found.rowcount == 1:
                unlocked = update(second_factors).where(_this(factor))
                await connection.execute(unlocked.values(wrong_codes=0))
            return found.rowcount == 1

    async def renew_recovery_codes(self, factor: SecondFactor, hashes: Sequence[str]) -> bool:
        """As SecondFactorRecords says."""
        still = select(second_factors.c.user_id).where(_this(factor), _CONFIRMED)
        async with self._database.write() as connection:
            await _lock_account(connection, factor.user_id)
            if await connection.scalar(still) is None:
                return False
            await _replace_codes(connection, factor.user_id, hashes)
        return True

    async def remove(self, user_id: str) -> None:
        """As SecondFactorRecords says."""
        async with self._database.write() as connection:
            await _lock_account(connection, user_id)
            await connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
            await connection.execute(delete(second_factors).where(second_factors.c.user_id == user_id))


def _this(factor: SecondFactor) -> ColumnElement[bool]:
    """Not another one that its owner has set since."""
    return (second_factors.c.user_id == factor.user_id) & (
        second_factors.c.sealed_secret == factor.sealed_secret
    )


async def _lock_account(connection: AsyncConnection, user_id: str) -> None:
    """One change at a time. Raises CrossingRefused(ACCOUNT_MOVED) where it is not here any more."""
    account = select(accounts.c.user_id).where(accounts.c.user_id == user_id)
    if await connection.scalar(account.with_for_update(key_share=True)) is None:
        raise CrossingRefused(ErrorReason.ERROR_REASON_ACCOUNT_MOVED)


async def _replace_codes(connection: AsyncConnection, user_id: str, hashes: Sequence[str]) -> None:
    await connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
    values = [{"user_id": user_id, "code_hash": code_hash} for code_hash in hashes]
    await connection.execute(insert(recovery_codes).values(values))
