"""What a primary region keeps of plans and usage, a project's region of its budgets: on both databases."""

from __future__ import annotations

import asyncio

import pytest

from mesh.errors import Conflict
from mesh.plans import LARGEST_LEASE, TERMS, Plan, Standing, require_fit
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


async def make_org(
    records: Records, name: str = "1", *, projects: int = 1, region: str = AF, complete: bool = False
) -> str:
    account = Account(f"usr_{name}", f"{name}@example.org", f"{name}@example.org", "hash", 1)
    org = OrgRecord(f"org_{name}", "Org", "hobby", 1, 1)
    await records.orgs.sign_up(account, org, f"hint_{name}")
    for number in range(projects):
        project_id = f"proj_{name}_{number}"
        pending = OrgProject(project_id, org.org_id, "Shop", region, "pending", 1_000, 1, "usr_1")
        await records.orgs.add_pending(pending)
        if complete:
            await records.orgs.complete(org.org_id, project_id)
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
    """Those that are heard: what has not been for a while is another test."""
    await make_org(records, projects=12, complete=True)
    await report(records, said(QUOTA - 25_000), *(said(0, number=number) for number in range(1, 12)))
    asked = [report(records, said(0, number=number, needed=3_000, ahead=1_000)) for number in range(1, 12)]
    await asyncio.gather(*asked)
    rows = await records.plans.usage("org_1")
    assert sum(max(row.events, row.budget) for row in rows) == QUOTA
    (after,) = await report(records, said(0, number=1, needed=9_000))
    assert after.exhausted


async def test_one_project_said_twice_in_one_call_is_one_row(records: Records) -> None:
    await make_org(records)
    first, second = await report(records, said(5, ahead=10), said(3, ahead=10))
    assert second.budget >= first.budget
    assert await events(records) == [5]


async def test_of_leases_that_have_ended_one_may_be_lent_to_others(records: Records) -> None:
    """Three projects hold 10,000 each, 65,000 are counted, and a fifth project asks for all it can get."""
    await make_org(records, projects=5)
    await report(records, said(QUOTA - 35_000))
    for number in (1, 2, 3):
        (lent,) = await report(records, said(0, number=number, needed=LARGEST_LEASE))
        assert lent.budget == LARGEST_LEASE
    for events, now_ms, budget in ((0, 60_999, 5_000), (5_000, 61_000, 15_000), (15_000, 61_001, 15_000)):
        asks = said(events, number=4, needed=LARGEST_LEASE)
        (lent,) = await report(records, asks, now_ms=now_ms)
        assert (lent.budget, lent.exhausted) == (budget, events != 5_000)


@pytest.mark.parametrize("complete", [True, False])
async def test_what_projects_hold_that_have_not_been_heard_this_month_is_reserved(
    records: Records, complete: bool
) -> None:
    """Twenty of them hold 1,000 each, 10,000 of which may be lent. One that is not there has nothing."""
    await make_org(records, projects=21, complete=complete)
    (lent,) = await report(records, said(QUOTA - 12_000, needed=LARGEST_LEASE))
    assert lent.budget == QUOTA - (10_000 if complete else 2_000)


async def test_a_region_is_believed_that_it_holds_less_once_it_has_taken_the_last_answer(
    records: Records,
) -> None:
    await make_org(records)
    for number, (answered, reserved) in enumerate([(0, 5_000), (0, 5_000), (1, 5_000), (3, 1_000)]):
        needed = 5_000 if number == 0 else 0
        one = Reported("org_1", "proj_1_0", NOVEMBER, 0, needed, 0, answered, holds=1_000)
        (lent,) = await report(records, one)
        assert (lent.number, lent.reserved) == (number + 1, reserved)
    (row,) = await records.plans.usage("org_1")
    assert (row.budget, row.answers) == (1_000, 4)


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
