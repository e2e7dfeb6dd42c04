"""PlanRecords in SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.months import month_of
from mesh.plans import Feature, Plan, Standing, refuses
from storage.records.engine import Database
from storage.records.plans import Lend, Lent, Others, PlanChange, Reported, Usage
from storage.records.tables import fences, members, org_projects, orgs, plan_changes, sso_settings, usage


class SqlPlanRecords:
    """Of the organisations whose primary region this is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def report(
        self, region: str, reports: Sequence[Reported], *, now_ms: int, lease_ms: int, lend: Lend
    ) -> list[tuple[Reported, Lent]]:
        """As PlanRecords says."""
        answers: list[tuple[Reported, Lent]] = []
        changed: dict[tuple[str, str, int], Usage] = {}
        async with self._database.write() as connection:
            plans = await _plans(connection, {each.org_id for each in reports})
            theirs = await _projects(connection, region, {each.project_id for each in reports})
            months = await _months(connection, set(plans), {each.month for each in reports})
            existing = await _existing(connection, {org_id for org_id in plans if refuses(plans[org_id])})
            for each in reports:
                if each.org_id not in plans or theirs.get(each.project_id) != each.org_id:
                    continue
                known = months[each.org_id, each.month]
                others = _others(each, known, existing.get(each.org_id))
                lent = lend(plans[each.org_id], each, known.get(each.project_id), others, now_ms)
                now = _after(each, known.get(each.project_id), region, lent, now_ms, now_ms + lease_ms)
                known[each.project_id] = changed[each.org_id, each.project_id, each.month] = now
                answers.append((each, lent))
            if changed:
                await _put(connection, changed)
        return answers

    async def usage(self, org_id: str) -> list[Usage]:
        """As PlanRecords says."""
        query = select(usage).where(usage.c.org_id == org_id)
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(usage.c.month.desc(), usage.c.project_id))
            return [_usage(row) for row in found]

    async def changes(self, org_id: str) -> list[PlanChange]:
        """As PlanRecords says."""
        query = select(plan_changes).where(plan_changes.c.org_id == org_id).order_by(plan_changes.c.number)
        async with self._database.read() as connection:
            found = await connection.execute(query)
            return [PlanChange(row.at, row.plan_before, row.plan) for row in found]


async def standing(connection: AsyncConnection, org_id: str, now_ms: int) -> Standing | None:
    """An organisation as it is now, locked until the transaction ends; None where it is not here."""
    locked = select(orgs.c.plan).where(orgs.c.org_id == org_id).with_for_update(key_share=True)
    plan = await connection.scalar(locked)
    if plan is None:
        return None
    month = month_of(now_ms)
    people = select(func.count()).select_from(members).where(members.c.org_id == org_id)
    events = select(func.sum(usage.c.events)).where(usage.c.org_id == org_id, usage.c.month == month)
    counted = await connection.scalar(events)
    sso = await connection.scalar(select(sso_settings.c.org_id).where(sso_settings.c.org_id == org_id))
    features = frozenset({Feature.SSO} if sso else ())
    return Standing(plan, (await connection.scalar(people)) or 0, month, int(counted or 0), features)


async def put_plan(connection: AsyncConnection, org_id: str, before: Plan, plan: Plan, at_ms: int) -> None:
    """Changes a plan, and remembers that. `standing` has locked the organisation."""
    theirs = plan_changes.c.org_id == org_id
    last = await connection.scalar(select(func.max(plan_changes.c.number)).where(theirs))
    values = {"org_id": org_id, "number": (last or 0) + 1, "at": at_ms, "plan_before": before, "plan": plan}
    await connection.execute(insert(plan_changes).values(values))
    await connection.execute(update(orgs).where(orgs.c.org_id == org_id).values(plan=plan))


async def _plans(connection: AsyncConnection, org_ids: set[str]) -> dict[str, Plan]:
    """Of the organisations that are here and stay, each locked: regions that ask at once are lent in turn."""
    stays = orgs.c.org_id.not_in(select(fences.c.subject))
    query = select(orgs.c.org_id, orgs.c.plan).where(orgs.c.org_id.in_(org_ids), stays)
    found = await connection.execute(query.order_by(orgs.c.org_id).with_for_update(key_share=True))
    return {row.org_id: row.plan for row in found}


async def _projects(connection: AsyncConnection, region: str, project_ids: set[str]) -> dict[str, str]:
    query = select(org_projects.c.project_id, org_projects.c.org_id)
    these = query.where(org_projects.c.region == region, org_projects.c.project_id.in_(project_ids))
    return {row.project_id: row.org_id for row in await connection.execute(these)}


async def _existing(connection: AsyncConnection, org_ids: set[str]) -> dict[str, set[str]]:
    """The projects of organisations, by these. Archived ones are among them: only their regions know."""
    exists = (org_projects.c.org_id.in_(org_ids), org_projects.c.state != "pending")
    found: dict[str, set[str]] = {org_id: set() for org_id in org_ids}
    if org_ids:
        query = select(org_projects.c.org_id, org_projects.c.project_id).where(*exists)
        for row in await connection.execute(query):
            found[row.org_id].add(row.project_id)
    return found


async def _months(
    connection: AsyncConnection, org_ids: set[str], months: set[int]
) -> dict[tuple[str, int], dict[str, Usage]]:
    """By organisation and month, then by project."""
    query = select(usage).where(usage.c.org_id.in_(org_ids), usage.c.month.in_(months))
    found: dict[tuple[str, int], dict[str, Usage]] = defaultdict(dict)
    for row in await connection.execute(query):
        found[row.org_id, row.month][row.project_id] = _usage(row)
    return found


def _others(report: Reported, known: dict[str, Usage], existing: Set[str] | None) -> Others:
    """`existing`: what the organisation has; None where nothing is refused, and nobody looks at others."""
    if existing is None:
        return Others((), 0)
    others = [one for name, one in known.items() if name != report.project_id]
    return Others(others, len(existing - known.keys() - {report.project_id}))


def _after(
    report: Reported, known: Usage | None, region: str, lent: Lent, now_ms: int, until_ms: int
) -> Usage:
    """A total never falls, whatever order reports arrive in."""
    events = max(report.events, known.events if known else 0)
    this = report.project_id, report.month, region
    return Usage(*this, events, lent.reserved, until_ms, now_ms, lent.number)


async def _put(connection: AsyncConnection, changed: Mapping[tuple[str, str, int], Usage]) -> None:
    """Two statements for all: everybody else waits for this transaction on SQLite."""
    old = delete(usage).where(
        usage.c.org_id == bindparam("of_org"),
        usage.c.project_id == bindparam("of_project"),
        usage.c.month == bindparam("of_month"),
    )
    names = [{"of_org": org, "of_project": project, "of_month": month} for org, project, month in changed]
    await connection.execute(old, names)
    values = [
        {
            "org_id": org_id,
            "project_id": now.project_id,
            "month": now.month,
            "region": now.region,
            "events": now.events,
            "budget": now.budget,
            "leased_until": now.leased_until_ms,
            "reported_at": now.reported_at_ms,
            "answers": now.answers,
        }
        for (org_id, _, _), now in changed.items()
    ]
    await connection.execute(insert(usage), values)


def _usage(row: Row[Any]) -> Usage:
    return Usage(
        row.project_id,
        row.month,
        row.region,
        row.events,
        row.budget,
        row.leased_until,
        row.reported_at,
        row.answers,
    )
