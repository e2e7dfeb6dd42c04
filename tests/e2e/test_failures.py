"""What dies, stops or goes away, and what the others do about it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from cli.client import PublicClient
from tests.support.load import Load, assert_exactly_once, token_of
from tests.support.nodes import AF, EU, US
from tests.support.running import RunningMesh, fresh_mesh, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    """A mesh whose processes are killed."""
    with fresh_mesh(tmp_path_factory.mktemp("failing")) as running:
        yield running


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process that is there and does not answer."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def kill_and_wait(mesh: RunningMesh, region: str, role: str) -> None:
    """kill -9, and wait until another one is there."""
    processes = mesh.reread()
    pids = processes.regions[region].pids if region else processes.pids
    old = pids[role]
    os.kill(old, signal.SIGKILL)

    async def replaced() -> bool:
        now = mesh.reread()
        return (now.regions[region].pids if region else now.pids)[role] not in (0, old)

    await until(replaced, f"{role} is started again")


async def track(url: str, key: str) -> int:
    """Status of one event; 0 where nobody answered."""
    event = {"event_name": "probe", "distinct_id": "user_probe"}
    async with httpx.AsyncClient(base_url=url, timeout=3, trust_env=False) as client:
        try:
            answer = await client.post("/api/v1/track", json=event, headers={"x-api-key": key})
        except httpx.HTTPError:
            return 0
    return answer.status_code


async def works_again(url: str, key: str) -> None:
    async def works() -> bool:
        return await track(url, key) == 200

    await until(works, f"{url} takes events again")


@pytest.mark.parametrize("role", ["cell", "rest"])
async def test_every_acknowledged_event_survives_a_kill_exactly_once(mesh: RunningMesh, role: str) -> None:
    project = mesh.project(US)
    load = Load(mesh.file.regions[US].rest_url, project)
    async with load.running():
        for _ in range(2):
            await load.has_acknowledged(200)
            await kill_and_wait(mesh, US, role)
        await load.has_acknowledged(200)
    await assert_exactly_once(mesh, load)


@pytest.mark.parametrize("role", ["registry", "router", "edge"])
async def test_a_kill_outside_the_region_loses_nothing_either(mesh: RunningMesh, role: str) -> None:
    load = Load(mesh.file.global_url, mesh.project(EU))
    async with load.running():
        await load.has_acknowledged(200)
        await kill_and_wait(mesh, "", role)
        await load.has_acknowledged(200)
    await assert_exactly_once(mesh, load)


async def test_ingestion_queries_and_the_global_url_go_on_without_the_registry(mesh: RunningMesh) -> None:
    project, where = mesh.project(AF), mesh.file.regions[AF]
    token = await token_of(mesh, mesh.file.regions[EU].rest_url)
    with frozen(mesh.reread().pids["registry"]):
        assert await track(where.rest_url, project.keys["live"]) == 200
        assert await track(mesh.file.global_url, project.keys["live"]) == 200
        async with PublicClient(where.rest_url) as client:
            assert (await client.query(token, project.id, "events/counts"))["ok"]


async def test_a_revoked_key_stays_revoked_without_the_registry_and_after_a_kill(mesh: RunningMesh) -> None:
    url, project = mesh.file.regions[AF].rest_url, mesh.project(AF)
    token = await token_of(mesh, mesh.file.regions[EU].rest_url)
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as client:
        keys = f"/api/v1/projects/{project.id}/keys"
        minted = (await client.post(keys, json={"environment": "test"}, headers=headers)).json()["key"]
        assert await track(url, minted["secret"]) == 200
        with frozen(mesh.reread().pids["registry"]):
            revoked = await client.delete(f"{keys}/{minted['id']}", headers=headers)
            assert revoked.status_code == 200, revoked.text

            async def refused() -> bool:
                return await track(url, minted["secret"]) == 403

            await until(refused, "the key is refused")
            await kill_and_wait(mesh, AF, "cell")
            await kill_and_wait(mesh, AF, "rest")
            await works_again(url, project.keys["live"])
            assert await track(url, minted["secret"]) == 403

    async def refused_at_the_edge() -> bool:
        return await track(mesh.file.global_url, minted["secret"]) == 403

    await until(refused_at_the_edge, "the key is refused at the edge once the registry is back")


async def test_a_stopped_cell_is_not_noticed_by_the_other_regions(mesh: RunningMesh) -> None:
    with frozen(mesh.reread().regions[US].pids["cell"]):
        statuses = await asyncio.gather(
            *(
                track(url, mesh.project(region).keys["live"])
                for region in (EU, AF)
                for url in (mesh.file.regions[region].rest_url, mesh.file.global_url)
            )
        )
        assert statuses == [200] * 4
        assert residency_audit(mesh).returncode == 2, "a cell that does not answer leaves it UNPROVEN"
    await works_again(mesh.file.regions[US].rest_url, mesh.project(US).keys["live"])


async def test_after_all_these_kills_the_audit_still_has_every_count(mesh: RunningMesh) -> None:
    answer = residency_audit(mesh)
    assert answer.returncode == 0, answer.stdout
    assert "PROVEN" in answer.stdout


def residency_audit(mesh: RunningMesh) -> subprocess.CompletedProcess[str]:
    """`residency audit` on a running mesh."""
    command = (sys.executable, "-m", "cli.main", "audit", "--data-dir", str(mesh.data_dir))
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


async def test_no_orphan_when_up_is_killed_and_a_restart_finds_everything(tmp_path: Path) -> None:
    with fresh_mesh(tmp_path) as first:
        project = first.project(EU)
        load = Load(first.file.regions[EU].rest_url, project)
        async with load.running():
            await load.has_acknowledged(200)
        family = first.processes()
        os.kill(first.up.pid, signal.SIGKILL)
        _, left = psutil.wait_procs(family, timeout=30)
        assert left == []
    with fresh_mesh(tmp_path) as second:
        assert second.project(EU) == project
        await assert_exactly_once(second, load)
        assert await track(second.file.global_url, project.keys["live"]) == 200
