"""The audit logs over the public API: whose they are, who reads them, and that reading leaves a row."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from mesh.context import act_as
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from services.org.config import OrgConfig
from storage.analytics.engine import Engine
from storage.records.audit.reading import Log
from tests.support.cells import Cells, Owner, until
from tests.support.nodes import EU, US
from tests.support.roles import put_member, put_project_role
from tests.support.shim import start_shim

pytestmark = [pytest.mark.disk, pytest.mark.network]


@dataclass
class Logs:
    """An organisation of us-east-1 with a project in eu-west-1, asked through the shim there."""

    cells: Cells
    owner: Owner
    project_id: str
    http: httpx.AsyncClient

    async def ask(self, path: str, **query: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.owner.token}", "user-agent": "auditor/1"}
        return await self.http.get(f"/api/v1/audit{path}", params=query, headers=headers)

    async def rows(self, **query: str) -> list[dict[str, Any]]:
        answer = await self.ask("", **query)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["rows"]
        return found


@pytest.fixture
async def logs(pki: Path, tmp_path: Path, engine: Engine) -> AsyncIterator[Logs]:
    async with (
        Cells(pki, tmp_path, (EU, US), OrgConfig(heartbeat_s=0.1), engine=engine) as cells,
        AsyncExitStack() as stack,
    ):
        owner = await cells.sign_up(US)
        project = await cells.create(owner, EU)
        internal = f"127.0.0.1:{cells.of[EU].internal_port}"
        shim = await start_shim(stack, pki, cells.of[EU].directory, cell_address=internal)
        yield Logs(cells, owner, project.project.project_id, shim.http)


async def test_an_organisations_log_comes_from_its_primary_region_with_e_mails(logs: Logs) -> None:
    rows = await logs.rows(org_id=logs.owner.org_id)
    assert [row["action"] for row in rows] == ["project.created", "project.authorised", "org.created"]
    assert {row["actor"]["id"] for row in rows} == {logs.owner.user_id}
    assert all("@" in row["actor"]["email"] for row in rows)
    assert rows[1]["resource"] == {"type": "project", "id": logs.project_id}
    assert rows[1]["after"]["region"] == EU


async def test_a_projects_log_comes_from_its_own_region_and_e_mails_from_the_primary_one(logs: Logs) -> None:
    rows = await logs.rows(project_id=logs.project_id)
    assert [row["action"] for row in rows] == ["api_key.created", "api_key.created", "project.provisioned"]
    assert all("@" in row["actor"]["email"] for row in rows)
    stored = await logs.cells.of[EU].records.audit.one(Log.PROJECT, logs.project_id, rows[0]["id"])
    assert stored is not None and stored.actor_email == ""


async def test_reading_is_logged_with_what_was_asked_and_from_where(logs: Logs) -> None:
    await logs.rows(org_id=logs.owner.org_id, action="org.created")
    (newest,) = await logs.rows(org_id=logs.owner.org_id, limit="1")
    assert (newest["action"], newest["after"]) == ("audit.read", {"action": "org.created"})
    assert newest["metadata"]["user_agent"] == "auditor/1"
    assert newest["metadata"]["address"] == "127.0.0.1"
    assert newest["metadata"]["request_id"]


async def test_pages_follow_each_other_without_a_gap(logs: Logs) -> None:
    first = (await logs.ask("", org_id=logs.owner.org_id, limit="2", action="")).json()
    rest = (await logs.ask("", org_id=logs.owner.org_id, cursor=first["next_cursor"])).json()
    assert [row["seq"] for row in (*first["rows"], *rest["rows"])] == [3, 2, 1]
    assert rest["next_cursor"] is None


async def test_one_row_is_found_by_its_id_in_its_own_log_only(logs: Logs) -> None:
    (row,) = await logs.rows(org_id=logs.owner.org_id, action="org.created")
    found = await logs.ask(f"/{row['id']}", org_id=logs.owner.org_id)
    assert found.json()["row"] == row
    missing = await logs.ask(f"/{row['id']}", project_id=logs.project_id)
    assert (missing.status_code, missing.json()["error"]) == (404, "No such row in this audit log")


@pytest.mark.parametrize("query", [{}, {"org_id": "org_1", "project_id": "proj_1"}], ids=["none", "both"])
async def test_exactly_one_log_is_asked_for(logs: Logs, query: dict[str, str]) -> None:
    refused = await logs.ask("", **query)
    assert refused.status_code == 400
    assert "exactly one of org_id and project_id" in refused.json()["error"]


async def test_a_project_of_another_region_is_not_found_here(logs: Logs) -> None:
    elsewhere = await logs.cells.create(logs.owner, US)
    refused = await logs.ask("", project_id=elsewhere.project.project_id)
    assert (refused.status_code, refused.json()["error"]) == (404, "Project not found")


async def test_members_and_viewers_do_not_read_the_logs(logs: Logs) -> None:
    act_as("usr_test")
    records = logs.cells.of[US].records.orgs
    await put_member(records, logs.owner.org_id, logs.owner.user_id, OrgRole.ORG_ROLE_MEMBER, US)
    await put_project_role(records, logs.project_id, logs.owner.user_id, ProjectRole.PROJECT_ROLE_VIEWER)
    assert (await logs.ask("", org_id=logs.owner.org_id)).status_code == 403

    async def refused() -> bool:
        return (await logs.ask("", project_id=logs.project_id)).status_code == 403

    await until(refused)


async def test_an_order_to_erase_somebody_is_told_and_not_whom(logs: Logs) -> None:
    path = f"/api/v1/projects/{logs.project_id}/people/gone%40shop.example?environment=live"
    headers = {"authorization": f"Bearer {logs.owner.token}"}
    ordered = await logs.http.delete(path, headers=headers)
    assert ordered.status_code == 202
    (newest,) = await logs.rows(project_id=logs.project_id, limit="1")
    assert (newest["action"], newest["after"]) == ("person.erasure.ordered", {"environment": "live"})
    assert newest["resource"] == {"type": "erasure", "id": ordered.json()["erasure_id"]}
    assert "gone@shop.example" not in str(newest)
