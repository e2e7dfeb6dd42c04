"""Logs of an organisation and of a project go out of a real mesh, through kills, and are counted."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.audit import audit
from cli.verdict import Outcome
from tests.support.audit_sending import Taker
from tests.support.nodes import AF, AP, EU, US
from tests.support.receiver import LOOPBACK, Received, answer, receiver
from tests.support.running import RunningMesh, fresh_mesh, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

PASSWORD = "correct horse battery"
KILLS = 3


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    """A mesh that may call this machine."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SANKOFA_EGRESS_ALLOWED_NETWORKS", json.dumps([LOOPBACK]))
        with fresh_mesh(tmp_path_factory.mktemp("audit"), "--trace-ratio", "0") as running:
            yield running


class Owner:
    """An Owner at the shim of af-south-1, which asks the organisation's primary region wherever that is."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http, self.url = http, url
        self.org_id = ""
        self._bearer: dict[str, str] = {}

    async def sign_up(self, email: str) -> None:
        person = {"email": email, "password": PASSWORD, "org_name": "Org", "primary_region": EU}
        signed = await self.ask("POST", "auth/signup", json=person)
        self._bearer = {"authorization": f"Bearer {signed['token']}"}
        self.org_id = signed["orgs"][0]["id"]

    async def ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """What the API answers; it is asked again while a process is being started again."""
        url = f"{self.url}/api/v1/{path}"
        deadline = asyncio.get_running_loop().time() + 60
        while True:
            answered = await self._http.request(method, url, headers=self._bearer, **more)
            if answered.status_code != 503 or asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.1)
        assert answered.status_code < 300, answered.text
        found: dict[str, Any] = answered.json()
        return found


async def test_the_log_goes_out_through_kills_and_a_reassignment_and_the_audit_counts_it(
    mesh: RunningMesh,
) -> None:
    taker = Taker()
    async with receiver(before_the_secret_is_known) as there, httpx.AsyncClient(timeout=60) as http:
        owner = Owner(http, mesh.file.regions[AF].rest_url)
        await owner.sign_up("audit@example.org")
        in_org = {"org_id": owner.org_id}
        made = await owner.ask("POST", "audit/webhooks", json={**in_org, "url": there.url})
        taker.secret, hook = made["secret"], f"audit/webhooks/{made['webhook']['id']}"
        there.behave = taker
        await owner.ask("PATCH", hook, params=in_org, json={"state": "active"})

        for number in range(KILLS):
            await owner.ask("POST", "projects", json={**in_org, "name": f"p{number}", "region": US})
            await _kill(mesh, EU)
        await owner.ask("POST", f"admin/regions/orgs/{owner.org_id}/assign", json={"region": US})

        async def moved() -> bool:
            found = await owner.ask("GET", f"admin/regions/orgs/{owner.org_id}/assign")
            return bool(found["assignment"]["step"] == "done")

        await until(moved, "the organisation is in us-east-1")
        await owner.ask("POST", "projects", json={**in_org, "name": "last", "region": US})

        async def all_came() -> bool:
            names = [(body["row"]["after"] or {}).get("name") for body in taker.bodies]
            waiting = (await owner.ask("GET", hook, params=in_org))["webhook"]["waiting"]
            return "last" in names and waiting == 0

        await until(all_came, "every row has come")
        rows = await _export(owner, http)

    _whole_and_in_order(taker)
    exported = {int(row["seq"]): row["id"] for row in rows}
    sent_too = [body["row"] for body in taker.bodies if body["row"]["seq"] <= max(exported)]
    assert sent_too and all(exported[row["seq"]] == row["id"] for row in sent_too)

    judged = await audit(mesh.reread())
    assert judged.outcome is Outcome.PROVEN, judged.missing
    flows = {flow.caller: flow for flow in judged.egress if flow.purpose == "egress/audit-webhook"}
    assert set(flows) == {EU, US} and {flow.callee for flow in flows.values()} == {"external"}
    attempts = len(there.received)
    assert attempts <= sum(flow.requests for flow in flows.values()) <= attempts + KILLS + 1


async def test_a_projects_log_goes_out_of_its_own_region_through_kills_and_so_does_its_file(
    mesh: RunningMesh,
) -> None:
    taker = Taker()
    async with receiver(before_the_secret_is_known) as there, httpx.AsyncClient(timeout=60) as http:
        owner = Owner(http, mesh.file.regions[AP].rest_url)
        await owner.sign_up("project-audit@example.org")
        await owner.ask("POST", "billing/plan", json={"org_id": owner.org_id, "plan": "pro"})
        named = {"org_id": owner.org_id, "name": "p", "region": AP}
        project_id = (await owner.ask("POST", "projects", json=named))["project"]["id"]
        in_project = {"project_id": project_id}
        made = await owner.ask("POST", "audit/webhooks", json={**in_project, "url": there.url})
        taker.secret, hook = made["secret"], f"audit/webhooks/{made['webhook']['id']}"
        there.behave = taker
        await owner.ask("PATCH", hook, params=in_project, json={"state": "active"})
        export = (await owner.ask("POST", "audit/exports", json=in_project))["export"]
        for _ in range(KILLS):
            await owner.ask("POST", f"projects/{project_id}/keys", json={"environment": "test"})
            await _kill(mesh, AP)
        await owner.ask("POST", f"projects/{project_id}/keys", json={"environment": "live"})

        async def all_came() -> bool:
            sent = [body["row"]["after"] for body in taker.bodies]
            return sent[-1:] == [{"environment": "live"}]

        await until(all_came, "every row has come")
        one = f"audit/exports/{export['id']}"

        async def ready() -> bool:
            return (await owner.ask("GET", one, params=in_project))["download_url"] is not None

        await until(ready, "the export is ready")
        fetched = await http.get((await owner.ask("GET", one, params=in_project))["download_url"])
        assert fetched.status_code == 200 and fetched.headers["x-sankofa-region"] == AP
    _whole_and_in_order(taker)
    assert {body["project_id"] for body in taker.bodies} == {project_id}
    assert {body["row"]["actor"]["email"] for body in taker.bodies} == {None}
    rows = list(csv.DictReader(io.StringIO(fetched.text, newline="")))
    assert "audit.webhook.created" in [row["action"] for row in rows] and "@" not in fetched.text
    for region, there_now in mesh.reread().regions.items():
        assert _files(there_now.data_dir, export["id"]) == ([export["id"]] if region == AP else [])
    judged = await audit(mesh.reread())
    assert judged.outcome is Outcome.PROVEN, judged.missing
    assert AP in {flow.caller for flow in judged.egress if flow.purpose == "egress/audit-webhook"}


async def before_the_secret_is_known(_: Received) -> bytes:
    return answer(503)


def _files(data_dir: str, name: str) -> list[str]:
    """Files of a region that begin with a name."""
    return [path.name for path in Path(data_dir).rglob(f"{name}*")]


async def _kill(mesh: RunningMesh, region: str) -> None:
    """Kills a region's cell, and waits for the next one."""
    before = mesh.reread().regions[region].pids["cell"]
    os.kill(before, signal.SIGKILL)

    async def started_again() -> bool:
        return mesh.reread().regions[region].pids["cell"] != before

    await until(started_again, "the cell is started again")


def _whole_and_in_order(taker: Taker) -> None:
    """No row was left out, and one that came again came under its id."""
    firsts = list(dict.fromkeys(body["row"]["seq"] for body in taker.bodies))
    assert firsts == sorted(firsts) == list(range(firsts[0], firsts[-1] + 1)), "in order, none left out"
    ids = {(body["delivery_id"], body["row"]["seq"]) for body in taker.bodies}
    assert len(ids) == len(firsts) and not taker.forged


async def _export(owner: Owner, http: httpx.AsyncClient) -> list[dict[str, str]]:
    """The log as a file, made in us-east-1 and fetched through the shim of another region."""
    in_org = {"org_id": owner.org_id}
    await owner.ask("POST", "billing/plan", json={**in_org, "plan": "pro"})
    export = (await owner.ask("POST", "audit/exports", json=in_org))["export"]
    one = f"audit/exports/{export['id']}"

    async def ready() -> bool:
        return (await owner.ask("GET", one, params=in_org))["download_url"] is not None

    await until(ready, "the export is ready")
    link = httpx.URL((await owner.ask("GET", one, params=in_org))["download_url"])
    fetched = await http.get(link)
    assert fetched.status_code == 200 and fetched.headers["x-sankofa-region"] == US
    elsewhere = await http.get(link.copy_with(port=httpx.URL(owner.url).port))
    assert elsewhere.headers["x-sankofa-region"] == AF and elsewhere.content == fetched.content
    return list(csv.DictReader(io.StringIO(fetched.text, newline="")))
