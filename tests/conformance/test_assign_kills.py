"""A reassignment whose either end is killed, at each step in turn, completes when that starts again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mesh.errors import SankofaError
from sankofa.org.v1 import org_pb2 as org_pb
from storage.records.records import Records
from tests.support.cells import Owner, until
from tests.support.mortals import Mortals, mortals
from tests.support.nodes import EU, US
from tests.support.postgres import Postgres, running_postgres

pytestmark = [pytest.mark.disk, pytest.mark.network, pytest.mark.timeout(600)]

EMAIL = "ada@example.org"
AT_THE_SOURCE = (
    "claimed",
    "fenced",
    "copying",
    "copied",
    "verified",
    "handed over",
    "taken",
    "switched",
    "account handed over",
    "account taken",
    "account erased",
    "accounts moved",
    "erased",
    "finished",
)
AT_THE_TARGET = (
    "target begun",
    "target put",
    "target taken",
    "target published",
    "target account taken",
    "target released",
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def pair(request: pytest.FixtureRequest, pki: Path, tmp_path: Path) -> AsyncIterator[Mortals]:
    urls = {}
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        urls = {region: await server.new_database() for region in (EU, US)}
    async with mortals(pki, tmp_path, urls) as running:
        yield running


async def test_it_completes_whichever_end_is_killed_at_whichever_step(pair: Mortals) -> None:
    """Back and forth, so that each step is died at between regions that have had it before, too."""
    owner = await pair.sign_up(EU, EMAIL)
    created: list[str] = []
    source, target = EU, US
    for step in (*AT_THE_SOURCE, *AT_THE_TARGET):
        created.append(await create(pair, owner))
        victim = pair.of[target if step in AT_THE_TARGET else source]
        victim.die_at(step)
        await pair.assign(owner, target)
        assert await victim.ended() == -9, f"it did not die at {step!r}"
        await victim.start()
        assert await pair.done(owner, target), f"killed at {step!r}, it does not complete"
        owner = await pair.log_in(EMAIL)
        assert owner.region == target, f"the account did not go with its organisation: {step!r}"
        assert await projects(pair, owner) == sorted(created), f"something is lost, or there twice: {step!r}"
        source, target = target, source
    await pair.of[target].stop()
    await pair.of[source].stop()
    assert await rows_in(pair, target) == set(), "the region that it left has nothing of it"
    assert await rows_in(pair, source) == {owner.org_id}


async def create(pair: Mortals, owner: Owner) -> str:
    """Permits a project: a row of the organisation, written at its primary region."""
    found = ""

    async def permitted() -> bool:
        nonlocal found
        request = org_pb.AuthorizeCreateRequest(org_id=owner.org_id, name="Shop", region=EU)
        try:
            answer = await pair.orgs(owner.region).AuthorizeCreate(request, metadata=owner.metadata)
        except SankofaError:
            return False
        found = answer.project_id
        return True

    await until(permitted, deadline_s=30)
    complete = org_pb.CompleteCreateRequest(org_id=owner.org_id, project_id=found)
    await pair.orgs(owner.region).CompleteCreate(complete, metadata=owner.metadata)
    return found


async def projects(pair: Mortals, owner: Owner) -> list[str]:
    request = org_pb.ListProjectsRequest(org_id=owner.org_id)
    listed = await pair.orgs(owner.region).ListProjects(request, metadata=owner.metadata)
    return sorted(each.project_id for each in listed.projects)


async def rows_in(pair: Mortals, region: str) -> set[str]:
    """Organisations that a region's records have, read from the database itself."""
    cell = pair.of[region]
    url = cell.records_url or f"sqlite+aiosqlite:///{cell.folder}/records.db"
    records = await Records.open(url, region=region)
    try:
        return {each.org_id for each in await records.orgs.orgs()}
    finally:
        await records.close()
