"""What is billed after kills is what is stored: every event once, however often its client sent it."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from cli.client import PublicClient
from tests.support.load import token_of
from tests.support.nodes import EU, US
from tests.support.running import RunningMesh, fresh_mesh, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CLIENTS = 4


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    """A mesh whose cells are killed."""
    with fresh_mesh(tmp_path_factory.mktemp("billed")) as running:
        yield running


async def kill_and_wait(mesh: RunningMesh, region: str) -> None:
    """kill -9 of a cell, and wait until another one is there."""
    old = mesh.reread().regions[region].pids["cell"]
    os.kill(old, signal.SIGKILL)

    async def replaced() -> bool:
        return mesh.reread().regions[region].pids["cell"] not in (0, old)

    await until(replaced, f"the cell of {region} is started again")


async def post_stubbornly(url: str, key: str, body: dict[str, Any], **headers: str) -> None:
    """The same request until it is acknowledged, as an SDK does."""
    async with httpx.AsyncClient(base_url=url, timeout=5, trust_env=False) as client:
        while True:
            try:
                answer = await client.post("/api/v1/batch", json=body, headers={"x-api-key": key, **headers})
                if answer.status_code == 200:
                    return
                assert answer.status_code == 503, answer.text
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.05)


async def test_the_bill_is_exact_after_the_cells_of_both_regions_were_killed_under_load(
    mesh: RunningMesh,
) -> None:
    """Half of the requests name their events, half have a key; each is sent until it is acknowledged."""
    project, url = mesh.project(US), mesh.file.regions[US].rest_url
    numbers, stop, sent = itertools.count(), asyncio.Event(), 0

    async def client() -> None:
        nonlocal sent
        while not stop.is_set():
            number = next(numbers)
            named = number % 2
            events = [
                {"event_name": "load", "distinct_id": "user_1"}
                | ({"event_id": f"{number}-{at}"} if named else {})
                for at in range(7)
            ]
            body = {"operations": [{"type": "track", "payload": event} for event in events]}
            headers = {} if named else {"idempotency-key": f"request-{number}"}
            await post_stubbornly(url, project.keys["live"], body, **headers)
            sent += len(events)

    async def has_sent(more: int) -> None:
        wanted = sent + more

        async def enough() -> bool:
            return sent >= wanted

        await until(enough, f"{more} more events")

    async with asyncio.TaskGroup() as clients:
        for _ in range(CLIENTS):
            clients.create_task(client())
        try:
            for region in (US, US, EU, US):
                await has_sent(300)
                await kill_and_wait(mesh, region)
            await has_sent(300)
        finally:
            stop.set()

    token = await token_of(mesh, mesh.reread().regions[EU].rest_url)
    org_id = mesh.demo.orgs[0].id

    async def billed() -> bool:
        where = mesh.reread().regions[EU].rest_url
        async with httpx.AsyncClient(base_url=where, timeout=10, trust_env=False) as http:
            answer = await http.get(
                "/api/v1/billing",
                params={"org_id": org_id},
                headers={"authorization": f"Bearer {token}"},
            )
        if answer.status_code != 200:
            return False
        (period,) = answer.json()["periods"]
        found = {each["project_id"]: each["events"] for each in period["projects"]}
        return found == {project.id: sent} and period["events"] == sent

    async def stored() -> bool:
        async with PublicClient(mesh.reread().regions[US].rest_url) as http:
            return bool((await http.query(token, project.id, "events/counts"))["events"] == sent)

    await until(stored, f"{sent} events are stored")
    await until(billed, f"{sent} events are billed")


async def test_an_operator_sets_a_plan_wherever_the_organisation_is(mesh: RunningMesh) -> None:
    org_id = mesh.demo.orgs[0].id

    def set_plan(name: str, plan: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-m", "cli.main", "plan", "set", name, plan)
        return subprocess.run(
            [*command, "--data-dir", str(mesh.data_dir)], capture_output=True, text=True, timeout=60
        )

    for plan in ("growth", "enterprise"):
        done = await asyncio.to_thread(set_plan, org_id, plan)
        assert (done.returncode, done.stdout) == (0, f"{org_id} is on the {plan} plan\n"), done.stderr
    nobody = await asyncio.to_thread(set_plan, "org_nobody", "pro")
    assert nobody.returncode == 1
    assert "no region of this mesh is the primary one of org_nobody" in nobody.stderr
