"""`residency keys` on a mesh of real processes: log-ins and queries go on while the key is exchanged."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from mesh.regions import DEFAULT_REGION
from tests.support.running import RunningMesh, fresh_mesh, until

pytestmark = [pytest.mark.e2e, pytest.mark.disk, pytest.mark.network]

ELSEWHERE = "af-south-1"


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    with fresh_mesh(tmp_path_factory.mktemp("keys")) as running:
        yield running


async def residency(mesh: RunningMesh, *words: str) -> str:
    """What the command says."""
    command = (sys.executable, "-m", "cli.main", "keys", *words, "--data-dir", str(mesh.data_dir))
    pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    process = await asyncio.create_subprocess_exec(*command, cwd=mesh.scratch, **pipes)
    out, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, err.decode()
    return out.decode()


async def listed(mesh: RunningMesh) -> list[dict[str, Any]]:
    lines = await residency(mesh, "list", "--region", DEFAULT_REGION, "-o", "json")
    return [json.loads(line) for line in lines.splitlines()]


async def log_in(mesh: RunningMesh, http: httpx.AsyncClient) -> str:
    owner = mesh.demo.orgs[0].owner
    body = {"email": owner.email, "password": owner.password}
    answer = await http.post(f"{mesh.file.global_url}/api/v1/auth/login", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


async def events(mesh: RunningMesh, http: httpx.AsyncClient, token: str) -> httpx.Response:
    """A query in another region than the one that signed the token."""
    project = mesh.project(ELSEWHERE)
    url = f"{mesh.file.regions[ELSEWHERE].rest_url}/api/v1/projects/{project.id}/events"
    return await http.get(url, headers={"authorization": f"Bearer {token}"})


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def test_log_ins_and_queries_go_on_in_all_regions_while_the_key_is_exchanged(mesh: RunningMesh) -> None:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        before, kids = await log_in(mesh, http), list[str]()

        async def people() -> None:
            while True:
                token = await log_in(mesh, http)
                for each in (token, before):
                    answer = await events(mesh, http, each)
                    assert answer.status_code == 200, answer.text
                kids.append(kid_of(token))

        going = asyncio.create_task(people())
        said = await residency(mesh, "rotate", "--region", DEFAULT_REGION)
        kid = said.split()[0]

        async def changed() -> bool:
            return going.done() or kid in kids

        await until(changed, "somebody has a token of the new key")
        assert not going.done(), going.result()
        going.cancel()
        assert set(kids) <= {kid_of(before), kid}
    keys = await listed(mesh)
    assert [(key["state"], key["behind"]) for key in keys] == [("signing", {}), ("verifying", {})]
    assert keys[0]["key"] == kid and keys[1]["verifies_until"]
    assert ELSEWHERE in await residency(mesh, "list")


async def test_a_cell_that_is_killed_at_once_goes_on_with_the_exchange(mesh: RunningMesh) -> None:
    was = {key["key"] for key in await listed(mesh)}
    rotating = asyncio.create_task(residency(mesh, "rotate", "--region", DEFAULT_REGION))

    async def announced() -> bool:
        return {key["key"] for key in await listed(mesh)} != was

    await until(announced, "another key is announced")
    pid = mesh.reread().regions[DEFAULT_REGION].pids["cell"]
    os.kill(pid, signal.SIGKILL)
    await asyncio.gather(rotating, return_exceptions=True)

    async def back() -> bool:
        return mesh.reread().regions[DEFAULT_REGION].pids.get("cell", pid) != pid

    await until(back, "the cell runs again")
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:

        async def signs() -> bool:
            try:
                token = await log_in(mesh, http)
                return kid_of(token) not in was and (await events(mesh, http, token)).status_code == 200
            except (AssertionError, httpx.TransportError):
                return False

        await until(signs, "the new key signs")
    assert [key["state"] for key in await listed(mesh)] == ["signing", "verifying", "verifying"]
