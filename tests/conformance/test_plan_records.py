"""What a primary region keeps of plans and usage, a project's region of its budgets: on both databases."""

from __future__ import annotations

import asyncio

import pytest

from mesh.errors import Conflict
from mesh.plans import TERMS, Plan, Standing, require_fit
from sankofa.org.v1.org_pb2 import OrgRole
from services.org.plans.leases import lend
from storage.records.budgets import Budget
from storage.records.moves.fences import ORG, fence, unfence
from storage.records.orgs import Account, OrgProject, OrgRecord
from storage.records.plans import Lent, Reported
from storage.records.records import Records
from storage.records.sso import SsoSettings
from tests.support.nodes import AF, EU, US
from tests.support.roles import put_member

pytestmark = [pytest.mark.disk, pytest.mark.network]

NOVEMBER = 202611
QUOTA = TERMS["hobby"].monthly_events or 0


async def make_org(records: Records, name: str = "1", *, projects: int = 1, region: str = AF) -> str:
    account = Account(f"usr_{name}", f"{name}@example.org", f"{name}@example.org", "hash", 1)
    org = OrgRecord(f"org_{name}", "Org", "hobby", 1, 1)
    await records.orgs.sign_up(account, org, f"hint_{name}")
    for number in range(projects):
        project_id = f"proj_{name}_{number}"
        pending = OrgProject(project_id, org.org_id, "Shop", region, "pending", 1_000, 1, "usr_1")
        await records.orgs.add_pending(pending)
    return org.org_id


def said(events: int, *, name: str = "1", number: int = 0, needed: int = 0, ahead: int = 0) -> Reported:
    return Reported(f"org_{name}", f"proj_{name}_{number}", NOVEMBER, events, needed, ahead)


async def report(records: Records, *reports: Reported, region: str = AF, now_ms: int = 1_000) -> list[Lent]:
    answers = await records.plans.report(region, reports, now_ms=now_ms, lease_ms=60_000, lend=lend)
    return [lent for _, lent in answers]


async def events(records: Records, org_id: str = "org_1") -> list[int]:
    return [row.events for row in await records.plans.usage(org_id)]


async def test_a_total_never_falls_and_is_of_one_project_and_month(records: Records) -> None:
    await make_org(records)
    for total in (5, 9, 7):
        await report(records, said(total))
    await report(records, Reported("org_1", "proj_1_0", 202610, 3))
    (november, october) = await records.plans.usage("org_1")
    assert (november.month, november.events, november.region) == (NOVEMBER, 9, AF)
    assert (october.month, october.events, october.reported_at_ms) == (202610, 3, 1_000)


async def test_a_region_is_heard_on_its_own_projects_of_organisations_that_are_here(records: Records) -> None:
    await make_org(records)
    await make_org(records, "2")
    assert await report(records, said(1), region=US) == []
    assert await report(records, Reported("org_2", "proj_1_0", NOVEMBER, 1)) == []
    assert await report(records, Reported("org_9", "proj_1_0", NOVEMBER, 1)) == []
    assert len(await report(records, said(1), said(2, name="2"), said(3, name="9"))) == 2
    assert (await events(records), await events(records, "org_2")) == ([1], [2])


async def test_many_who_ask_at_once_are_never_lent_more_than_the_quota(records: Records) -> None:
    await make_org(records, projects=12)
    await report(records, said(QUOTA - 5_000))
    asked = [report(records, said(0, number=number, needed=700, ahead=1_000)) for number in range(1, 12)]
    await asyncio.gather(*asked)
    rows = await records.plans.usage("org_1")
    assert sum(row.spoken_for(1_001) for row in rows) == QUOTA
    (after,) = await report(records, said(0, number=1, needed=9_000))
    assert after.exhausted


async def test_one_project_said_twice_in_one_call_is_one_row(records: Records) -> None:
    await make_org(records)
    first, second = await report(records, said(5, ahead=10), said(3, ahead=10))
    assert second.budget >= first.budget
    assert await events(records) == [5]


async def test_a_lease_that_ends_may_be_lent_to_others(records: Records) -> None:
    await make_org(records, projects=2)
    (held,) = await report(records, said(QUOTA - 3_000, ahead=2_000))
    assert held.budget == QUOTA - 1_500
    left = QUOTA - held.budget
    (now,) = await report(records, said(0, number=1, needed=3_000), now_ms=60_999)
    assert (now.budget, now.exhausted) == (left, True)
    (later,) = await report(records, said(0, number=1, needed=3_000), now_ms=61_000)
    assert (later.budget, later.exhausted) == (3_000, False)


async def test_a_fenced_organisation_is_passed_over_and_the_others_are_answered(records: Records) -> None:
    await make_org(records)
    await make_org(records, "2")
    database = records.plans._database
    async with database.write() as connection:
        await fence(connection, ORG, "org_1", US)
    assert len(await report(records, said(5), said(6, name="2"))) == 1
    assert await events(records, "org_2") == [6]
    async with database.write() as connection:
        await unfence(connection, "org_1")
    assert len(await report(records, said(5))) == 1


async def test_a_change_of_plan_is_remembered_with_what_was_before(records: Records) -> None:
    await make_org(records)
    for plan in ("pro", "pro", "growth", "hobby"):
        assert await records.orgs.set_plan("org_1", plan)
    changes = await records.plans.changes("org_1")
    assert [(each.before, each.after) for each in changes] == [
        ("hobby", "pro"),
        ("pro", "growth"),
        ("growth", "hobby"),
    ]
    assert await records.plans.changes("org_2") == []


async def test_an_organisation_that_does_not_fit_keeps_its_plan(records: Records) -> None:
    await make_org(records)
    await records.orgs.set_plan("org_1", "growth")
    for number in range(3):
        await put_member(records.orgs, "org_1", f"usr_more_{number}", OrgRole.ORG_ROLE_MEMBER, EU)
    seen: list[Standing] = []

    def fits(plan: Plan, standing: Standing) -> None:
        seen.append(standing)
        require_fit(plan, standing)

    with pytest.raises(Conflict, match="Hobby has 3 members, not 4"):
        await records.orgs.set_plan("org_1", "hobby", fits)
    await report(records, Reported("org_1", "proj_1_0", seen[0].month, QUOTA + 1))
    with pytest.raises(Conflict, match="has 100,001"):
        await records.orgs.set_plan("org_1", "hobby", fits)
    assert [(each.members, each.events) for each in seen] == [(4, 0), (4, QUOTA + 1)]
    (membership,) = await records.orgs.memberships("usr_1")
    assert membership.org.plan == "growth"
    assert len(await records.plans.changes("org_1")) == 1


async def test_a_plan_without_single_sign_on_waits_until_it_is_ended(records: Records) -> None:
    await make_org(records)
    await records.orgs.set_plan("org_1", "enterprise")
    settings = SsoSettings("https://idp.example", "client", "secret", OrgRole.ORG_ROLE_MEMBER, (), False)
    await records.sso.put_settings("org_1", settings)
    with pytest.raises(Conflict, match="Growth has no single sign-on: end it first"):
        await records.orgs.set_plan("org_1", "growth", require_fit)
    await records.sso.delete_settings("org_1")
    assert await records.orgs.set_plan("org_1", "growth", require_fit)


async def test_a_project_has_one_budget_the_last(records: Records) -> None:
    await records.budgets.put_budgets([Budget("proj_1", NOVEMBER, 10, False), Budget("proj_2", 1, 0, True)])
    await records.budgets.put_budgets([Budget("proj_1", 202612, 7, False)])
    assert sorted(await records.budgets.budgets(), key=lambda one: one.project_id) == [
        Budget("proj_1", 202612, 7, False),
        Budget("proj_2", 1, 0, True),
    ]
