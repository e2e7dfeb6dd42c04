"""What a region keeps of the event budgets that primary regions have lent to its projects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import delete, insert, select

from storage.records.engine import Database
from storage.records.tables import event_budgets


@dataclass(frozen=True, slots=True)
class Budget:
    """A project may count `events` in all in a month (202611); `unlimited`: as many as come, in any month."""

    project_id: str
    month: int
    events: int
    unlimited: bool


class BudgetRecords(Protocol):
    """Both methods raise Unavailable."""

    async def budgets(self) -> list[Budget]:
        """The last one of each project."""

    async def put_budgets(self, budgets: Sequence[Budget]) -> None:
        """Takes new ones, of each project one."""


class SqlBudgetRecords:
    """BudgetRecords in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def budgets(self) -> list[Budget]:
        """As BudgetRecords says."""
        async with self._database.read() as connection:
            return [Budget(*row) for row in await connection.execute(select(event_budgets))]

    async def put_budgets(self, budgets: Sequence[Budget]) -> None:
        """As BudgetRecords says."""
        values = [
            {
                "project_id": one.project_id,
                "month": one.month,
                "events": one.events,
                "unlimited": one.unlimited,
            }
            for one in budgets
        ]
        named = event_budgets.c.project_id.in_([one.project_id for one in budgets])
        async with self._database.write() as connection:
            await connection.execute(delete(event_budgets).where(named))
            await connection.execute(insert(event_budgets), values)
