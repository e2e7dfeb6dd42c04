"""OrgRecords in SQL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Row, bindparam, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.clock import wall_ms
from mesh.context import act_as
from mesh.errors import Conflict
from mesh.plans import Plan
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.registry.v1.registry_pb2 import Row as RegistryRow
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.change import org_change
from storage.records.moves.fences import departed
from storage.records.orgs import AccessChanges, Account, Fits, Membership, OrgRecord, anyhow
from storage.records.outbox import enqueue
from storage.records.rows import hint_row, moved_org_row, org_row
from storage.records.sql_access import read_access, refresh
from storage.records.sql_org_projects import SqlOrgProjects
from storage.records.sql_plans import put_plan, standing
from storage.records.sql_retention import read_retention, renumber
from storage.records.tables import (
    account_orgs,
    accounts,
    departures,
    fences,
    members,
    orgs,
)
from storage.records.vouching import home_region

# Built once: each request asks this, and building it took three times as long as running it (measured).
_MEMBERSHIPS: Final = select(
    orgs, members.c.user_id, members.c.role, home_region(), members.c.email
).join_from(members, orgs)
_MEMBERSHIP: Final = _MEMBERSHIPS.where(
    members.c.org_id == bindparam("of_org"), members.c.user_id == bindparam("of_user")
)


class SqlOrgRecords(SqlOrgProjects):
    """The accounts and organisations of this region."""

    async def sign_up(self, account: Account, org: OrgRecord, hint: str) -> None:
        """As OrgRecords says."""
        region = self._database.region
        founder = act_as(account.user_id, account.email)
        async with org_change(self._database, org.org_id, founder) as change:
            connection = change.connection
            await insert_account(connection, account)
            await connection.execute(insert(orgs).values(_org_values(org)))
            who = {"user_id": account.user_id, "org_id": org.org_id}
            owner = {
                "role": OrgRole.ORG_ROLE_OWNER,
                "home_region": region,
                "email": account.email,
                "email_key": account.email_key,
                "joined_at": org.created_at_ms,
            }
            await connection.execute(insert(members).values(who | owner))
            await connection.execute(insert(account_orgs).values(who))
            await enqueue(connection, [hint_row(region, hint), org_row(region, org)])
            change.note("org.created", "org", org.org_id, after={"name": org.name, "plan": org.plan})

    async def account(self, email_key: str) -> Account | None:
        """As OrgRecords says."""
        async with self._database.read() as connection:
            query = select(accounts).where(accounts.c.email_key == email_key)
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else Account(*row)

    async def account_of(self, user_id: str) -> Account | None:
        """As OrgRecords says."""
        async with self._database.read() as connection:
            query = select(accounts).where(accounts.c.user_id == user_id)
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else Account(*row)

    async def point(self, user_id: str, org_id: str) -> None:
        """As OrgRecords says."""
        async with self._database.write() as connection:
            await point_at(connection, user_id, org_id)

    async def pointers(self, user_id: str) -> list[str]:
        """As OrgRecords says."""
        query = select(account_orgs.c.org_id).where(account_orgs.c.user_id == user_id)
        async with self._database.read() as connection:
            return list((await connection.scalars(query.order_by(account_orgs.c.org_id))).all())

    async def orgs(self) -> list[OrgRecord]:
        """As OrgRecords says."""
        async with self._database.read() as connection:
            found = await connection.execute(select(orgs).order_by(orgs.c.created_at))
            return [_org_record(row) for row in found]

    async def org_rows(self) -> list[RegistryRow]:
        """As OrgRecords says."""
        here = select(orgs.c.org_id).where(_still_here()).order_by(orgs.c.created_at)
        async with self._database.read() as connection:
            ids = (await connection.scalars(here)).all()
            return [await moved_org_row(connection, self._database.region, org_id) for org_id in ids]

    async def departed(self, hint: str) -> bool:
        """As OrgRecords says."""
        async with self._database.read() as connection:
            return await departed(connection, hint)

    async def memberships(self, user_id: str) -> list[Membership]:
        """As OrgRecords says."""
        mine = _MEMBERSHIPS.where(members.c.user_id == user_id, _still_here())
        query = mine.order_by(orgs.c.name, orgs.c.org_id)
        async with self._database.read() as connection:
            return [_membership(row) for row in await connection.execute(query)]

    async def membership(self, org_id: str, user_id: str) -> Membership | None:
        """As OrgRecords says."""
        async with self._database.read() as connection:
            this = {"of_org": org_id, "of_user": user_id}
            row = (await connection.execute(_MEMBERSHIP, this)).one_or_none()
        return None if row is None else _membership(row)

    async def set_plan(self, org_id: str, plan: Plan, fits: Fits = anyhow) -> bool:
        """As OrgRecords says."""
        async with org_change(self._database, org_id) as change:
            now = await standing(change.connection, org_id, wall_ms())
            if now is None or now.plan == plan:
                change.nothing()
                return now is not None
            fits(plan, now)
            await put_plan(change.connection, org_id, now.plan, plan, wall_ms())
            await renumber(change.connection, org_id)
            await refresh(change.connection, org_id)  # whose tokens count, where the plan has single sign-on
            change.note("org.plan.updated", "org", org_id, before={"plan": now.plan}, after={"plan": plan})
            return True

    async def access(self, region: str, *, after_seq: int | None) -> AccessChanges:
        """As OrgRecords says."""
        async with self._database.read() as connection:
            seq, rows = await read_access(connection, region, after_seq)
            return AccessChanges(seq, rows, await read_retention(connection, region, after_seq))


async def insert_account(connection: AsyncConnection, account: Account) -> None:
    """Raises Conflict(EMAIL_TAKEN)."""
    values = {
        "user_id": account.user_id,
        "email": account.email,
        "email_key": account.email_key,
        "password_hash": account.password_hash,
        "created_at": account.created_at_ms,
    }
    try:
        async with connection.begin_nested():
            await connection.execute(insert(accounts).values(values))
    except IntegrityError:
        raise Conflict(ErrorReason.ERROR_REASON_EMAIL_TAKEN) from None


async def point_at(connection: AsyncConnection, user_id: str, org_id: str) -> None:
    """An account whose home is here remembers where its owner may be a member."""
    here = await connection.scalar(select(accounts.c.user_id).where(accounts.c.user_id == user_id))
    this = (account_orgs.c.user_id == user_id, account_orgs.c.org_id == org_id)
    if here is None or await connection.scalar(select(account_orgs.c.org_id).where(*this)) is not None:
        return
    await connection.execute(insert(account_orgs).values(user_id=user_id, org_id=org_id))


async def membership_of(connection: AsyncConnection, org_id: str, user_id: str) -> Membership:
    """One that is there."""
    this = {"of_org": org_id, "of_user": user_id}
    return _membership((await connection.execute(_MEMBERSHIP, this)).one())


def _still_here() -> ColumnElement[bool]:
    """Not those that another region answers for already, and that are not erased yet."""
    switched = select(departures.c.org_id).where(departures.c.switched_at > 0)
    return orgs.c.org_id.not_in(
        select(fences.c.subject).where(fences.c.moved, fences.c.subject.in_(switched))
    )


def _membership(row: Row[Any]) -> Membership:
    return Membership(_org_record(row), row.user_id, row.role, row.home_region, row.email)


def _org_record(row: Row[Any]) -> OrgRecord:
    return OrgRecord(row.org_id, row.name, row.plan, row.epoch, row.created_at)


def _org_values(org: OrgRecord) -> dict[str, object]:
    return {
        "org_id": org.org_id,
        "name": org.name,
        "plan": org.plan,
        "epoch": org.epoch,
        "created_at": org.created_at_ms,
    }
