"""Whose word on a project's retention counts: events are deleted on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from mesh.context import act_as
from mesh.directory import OrgFact, ProjectFact
from sankofa.org.v1.org_pb2 import RetentionRow
from services.ingest.plans import ToldPlans
from services.ingest.projects.facts import ProjectFacts
from services.ingest.projects.grants import Grants
from storage.records.audit.reading import Log
from storage.records.projects import ProjectRecord
from storage.records.records import Records
from tests.support.nodes import AF, EU, US, MemoryDirectory

SHOP = ProjectFact("proj_1", "org_1", "Shop", "active", 30)


class OwnDirectory(MemoryDirectory):
    """Takes projects."""

    async def put_projects(self, projects: Sequence[ProjectFact]) -> None:
        self.projects |= {project.project_id: project for project in projects}


@pytest.fixture
async def records() -> AsyncIterator[Records]:
    opened = await Records.open("sqlite+aiosqlite:///:memory:", region=EU)
    act_as("usr_1")
    await opened.projects.provision(ProjectRecord("proj_1", "org_1", "Shop", EU, "active", 1, 30), [])
    yield opened
    await opened.close()


@pytest.fixture
def directory() -> OwnDirectory:
    return OwnDirectory(projects={"proj_1": SHOP}, orgs={"org_1": OrgFact("org_1", US, 1)})


@pytest.fixture
def grants(records: Records, directory: OwnDirectory) -> Grants:
    facts = ProjectFacts(records=records.projects, directory=directory)
    return Grants(records=records.projects, directory=directory, facts=facts, plans=ToldPlans({}))


def row(days: int, project_id: str = "proj_1", org_id: str = "org_1") -> RetentionRow:
    return RetentionRow(project_id=project_id, org_id=org_id, days=days)


async def days_of(records: Records, directory: OwnDirectory) -> int:
    """As the records and the directory have it, which agree."""
    (retention,) = (await records.projects.retention()).values()
    project = directory.project("proj_1")
    assert project is not None and project.retention_days == retention.days
    return retention.days


async def test_the_primary_region_of_the_projects_organisation_is_believed_and_its_last_word_holds(
    grants: Grants, records: Records, directory: OwnDirectory
) -> None:
    assert await grants.take(US, [row(90), row(7)]) == []
    assert await days_of(records, directory) == 7


async def test_the_plan_and_the_audit_logs_days_are_kept_by_the_records_and_no_word_is_no_change(
    grants: Grants, records: Records, directory: OwnDirectory
) -> None:
    told = RetentionRow(project_id="proj_1", org_id="org_1", days=30, audit_days=365, plan="pro")
    assert await grants.take(AF, [told]) == [told]
    assert await records.audit_expiry.kept_days(Log.PROJECT) == {}
    assert await records.projects.plan("proj_1") is None
    assert await grants.take(US, [told]) == await grants.take(US, [row(30)]) == []
    assert await records.audit_expiry.kept_days(Log.PROJECT) == {"proj_1": 365}
    assert await records.projects.plan("proj_1") == "pro"
    await grants.take(US, [RetentionRow(project_id="proj_1", org_id="org_1", days=30, audit_days=365)])
    assert await records.projects.plan("proj_1") is None


async def test_no_other_region_shortens_what_is_kept(
    grants: Grants, records: Records, directory: OwnDirectory
) -> None:
    assert await grants.take(AF, [row(1)]) == [row(1)]
    assert await days_of(records, directory) == 30


async def test_a_row_that_comes_before_the_registrys_word_is_taken_when_that_has_come(
    grants: Grants, records: Records, directory: OwnDirectory
) -> None:
    for primary in (None, US):
        directory.orgs = {} if primary is None else {"org_1": OrgFact("org_1", primary, 1)}
        waiting = await grants.take(AF, [row(7)])
        assert waiting == [row(7)]
    directory.orgs["org_1"] = OrgFact("org_1", AF, 2)
    assert await grants.take(AF, [*waiting, row(8)]) == []
    assert await days_of(records, directory) == 8


@pytest.mark.parametrize("wrong", [row(0), row(65_536), row(7, "proj_2"), row(7, org_id="org_2")])
async def test_a_row_that_can_not_be_is_passed_over(
    grants: Grants, records: Records, directory: OwnDirectory, wrong: RetentionRow
) -> None:
    assert await grants.take(US, [wrong]) == []
    assert await days_of(records, directory) == 30


async def test_a_project_archived_meanwhile_stays_archived(
    grants: Grants, records: Records, directory: OwnDirectory
) -> None:
    await records.projects.archive("proj_1", 5)
    await grants.take(US, [row(90)])
    assert directory.project("proj_1") == ProjectFact("proj_1", "org_1", "Shop", "archived", 90)
