"""A primary region is reassigned under load, over HTTP: nothing is lost or counts twice, reads go on."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from cli.plans import run_set
from cli.sweep import sweep
from storage.sweep import scan_files
from tests.support.mails import code_for
from tests.support.markers import new_marker
from tests.support.nodes import AF, EU, US
from tests.support.org_load import Plan, Report
from tests.support.postgres import running_postgres
from tests.support.running import RunningMesh, fresh_mesh

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PASSWORD = "correct horse battery"
MOVE_S = 300.0
MEMBERS, GUESTS = 8, 12
BEFORE, AFTER = 40, 40
"""Writes before the organisation begins to move, and after it has."""


@pytest.fixture(scope="module", params=["embedded", pytest.param("postgres", marks=pytest.mark.postgres)])
def mesh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    """A mesh in which an organisation moves."""
    options = ["--trace-ratio", "0"]
    with ExitStack() as stack:
        if request.param == "postgres":
            server = stack.enter_context(running_postgres())
            options += ["--postgres", f"postgresql://sankofa:{server.password}@127.0.0.1:{server.port}"]
        yield stack.enter_context(fresh_mesh(tmp_path_factory.mktemp("moving"), *options))


@dataclass
class Team:
    """An organisation in EU with people in it, asked through the shim of a third region."""

    mesh: RunningMesh
    http: httpx.AsyncClient
    marker: str = field(default_factory=new_marker)
    guests: str = field(default_factory=new_marker)
    org_id: str = ""
    token: str = ""
    refresh_token: str = ""
    members: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)

    @property
    def email(self) -> str:
        """The Owner's."""
        return f"{self.marker}@example.org"

    async def gather(self) -> None:
        """Signs up, and fills the organisation: members, guests that are invited, a project."""
        person = {"email": self.email, "password": PASSWORD, "org_name": f"Org {self.marker}"}
        signed = await self.ask("POST", "auth/signup", {**person, "primary_region": EU})
        self.token, self.org_id = signed["token"], signed["orgs"][0]["id"]
        self.refresh_token = signed["refresh_token"]
        assert await run_set(self.mesh.data_dir, self.org_id, "enterprise") == 0
        await self.ask("POST", "projects", {"org_id": self.org_id, "name": "Shop", "region": AF})
        for number in range(MEMBERS + GUESTS):
            # A guest who is removed has an account that stays where it is: with another marker in its e-mail.
            email = f"{self.marker if number < MEMBERS else self.guests}-{number}@example.org"
            await self.ask("POST", f"members/invite?org_id={self.org_id}", {"email": email})
            code = code_for(Path(self.mesh.file.regions[EU].data_dir), email)
            if number >= MEMBERS:
                self.codes.append(code)
                continue
            accepted = await self.ask(
                "POST", "members/accept", {"token": code, "password": PASSWORD}, open=True
            )
            self.members.append(accepted["user_id"])

    def plan(self) -> Plan:
        """What is asked of it at once."""
        regions = (self.mesh.file.regions[region].rest_url for region in (EU, US, AF))
        return Plan(
            urls=[*regions, self.mesh.file.global_url],
            org_id=self.org_id,
            token=self.token,
            emails=[self.email, *(f"{self.marker}-{number}@example.org" for number in range(MEMBERS))],
            password=PASSWORD,
            members=self.members,
            invitations=self.codes,
        )

    async def moves(self, region: str) -> dict[str, Any]:
        """Until nothing is left to do."""
        path, began = f"admin/regions/orgs/{self.org_id}/assign", time.monotonic()
        found = await self.ask("POST", path, {"region": region})
        while found["assignment"]["step"] != "done":
            assert time.monotonic() - began < MOVE_S, found
            await asyncio.sleep(0.05)
            found = await self.ask("GET", path)
        return found

    async def rows(self) -> list[dict[str, Any]]:
        """The whole log of the organisation, oldest first."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = await self.ask("GET", f"audit?org_id={self.org_id}&limit=1000&cursor={cursor}")
            found += page["rows"]
            cursor = page["next_cursor"]
            if not cursor:
                return found[::-1]

    async def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, open: bool = False
    ) -> dict[str, Any]:
        """An answer, which is good at once."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token and not open else {}
        url = f"{self.mesh.file.regions[AF].rest_url}/api/v1/{path}"
        answered = await self.http.request(method, url, json=body, headers=headers)
        assert answered.is_success, f"{method} {path}: {answered.status_code} {answered.text}"
        found: dict[str, Any] = answered.json()
        return found


class Loading:
    """The load's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.writes = 0

    async def written(self, more: int) -> None:
        """Waits for so many more writes to be acknowledged."""
        wanted = self.writes + more
        while self.writes < wanted:
            self.writes = json.loads(await self._line())["writes"]

    async def report(self) -> Report:
        """Ends it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        while not (line := await self._line()).startswith(b'{"requests"'):
            continue
        assert await asyncio.wait_for(self._process.wait(), MOVE_S) == 0
        return msgspec.json.decode(line, type=Report)

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), MOVE_S)
        assert line, "the load has ended"
        return line


@asynccontextmanager
async def loading(plan: Plan) -> AsyncIterator[Loading]:
    """A load until its report; ended whatever happens."""
    command = (sys.executable, "-m", "tests.support.org_load")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=1 << 24)
    try:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(plan) + b"\n")
        yield Loading(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_nothing_is_lost_and_reads_go_on_while_an_organisation_moves(mesh: RunningMesh) -> None:
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        team = Team(mesh, http)
        await team.gather()
        assert await held(mesh, EU, team.marker), "it is planted where the organisation is"
        spent_s = cpu_seconds(mesh)
        async with loading(team.plan()) as load:
            await load.written(BEFORE)
            began = time.monotonic()
            moved = await team.moves(US)
            took_s = time.monotonic() - began
            await load.written(AFTER)
            report = await load.report()
        spent_s = cpu_seconds(mesh) - spent_s
        tell(report, moved["assignment"], took_s, spent_s)
        roles = {each["user_id"]: each["role"] for each in (await team.ask("GET", in_org(team)))["members"]}
        rows = await team.rows()
        login = {"email": team.email, "password": PASSWORD}
        again = await team.ask("POST", "auth/login", login, open=True)
        regions = await team.ask("GET", "admin/regions")
        body = {"refresh_token": team.refresh_token}
        team.token = (await team.ask("POST", "auth/refresh", body, open=True))["token"]
        signed_in = (await team.ask("GET", "auth/sessions"))["sessions"]
    assert_nothing_lost(report, roles, rows)
    assert set(report.statuses["read"]) == {200}, report.faults
    assert set(report.statuses["log-in"]) <= {200, 503} and report.statuses["log-in"][200] > 0, report.faults
    assert moved["primary_region"] == US and moved["assignment"]["accounts"] > MEMBERS
    assert regions["ok"], "by the token of before"
    assert again["user"]["home_region"] == US
    assert [each["current"] for each in signed_in].count(True) == 1, "the session of before goes on there"
    assert await held(mesh, US, team.marker)
    for region in (EU, AF, "ap-southeast-1"):
        assert await held(mesh, region, team.marker) == [], f"something of it is in {region}"


def in_org(team: Team) -> str:
    return f"members?org_id={team.org_id}"


def assert_nothing_lost(report: Report, roles: dict[str, str], rows: list[dict[str, Any]]) -> None:
    """Each acknowledged write is in the log once, each other at most once; and what they say is so."""
    told: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        told.setdefault(row["action"], []).append(row)
    changed = Counter(row["resource"]["id"] for row in told["member.role.updated"])
    assert changed == report.changes, "a change of a role is lost, or there twice"
    assert all(roles[user] == role for user, role in report.roles.items() if user in report.changes)
    invited = Counter(row["after"]["email"] for row in told["member.invited"])
    for email, status in report.invited.items():
        assert invited[email] == 1 if status == 201 else invited[email] <= 1, f"{email} was answered {status}"
    joined = Counter(row["resource"]["id"] for row in told["member.joined"])
    assert all(joined[user] == 1 for user in report.accepted.values())
    removed = Counter(row["resource"]["id"] for row in told.get("member.removed", ()))
    for user, status in report.removed.items():
        assert removed[user] == 1 if status == 200 else removed[user] <= 1, f"{user} was answered {status}"
        assert status != 200 or user not in roles
    writes = ("edit", "invite", "accept", "remove")
    assert {status for kind in writes for status in report.statuses.get(kind, {})} <= {200, 201, 503}
    assert all(report.statuses[kind] for kind in writes), "each kind was written"


def cpu_seconds(mesh: RunningMesh) -> float:
    """Of all its processes."""
    times = [process.cpu_times() for process in mesh.processes()]
    return sum(each.user + each.system for each in times)


def tell(report: Report, assignment: dict[str, Any], took_s: float, spent_s: float) -> None:
    """To be read: `pytest -s`."""
    sys.stdout.write(
        f"\nmoved in {took_s:.2f} s, not writable for {assignment['write_pause_ms']} ms "
        f"({report.longest_without_write_s:.2f} s seen by clients); {report.requests} requests in "
        f"{report.took_s:.1f} s: {report.requests / report.took_s:.0f} a second, "
        f"{1000 * spent_s / report.requests:.1f} ms of the mesh's CPU each; "
        f"answers {report.statuses}, ms (median, 99 %, longest) {report.latency_ms}\n"
        + "".join(f"{fault}\n" for fault in report.faults)
    )


async def test_the_command_moves_an_organisation_and_says_so(mesh: RunningMesh) -> None:
    email = "grace@example.org"
    person = {"email": email, "password": PASSWORD, "org_name": "Compilers", "primary_region": EU}
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        assert (await http.post(f"{mesh.file.global_url}/api/v1/auth/signup", json=person)).status_code == 201
    command = (sys.executable, "-m", "cli.main", "assign", "--data-dir", str(mesh.data_dir))
    for said in (
        r" is in us-east-1 now: \d+ rows and 1 accounts moved, not writable for \d+ ms",
        r"us-east-1",
    ):
        ran = await asyncio.create_subprocess_exec(
            *(*command, "--email", email, US),
            env={**os.environ, "SANKOFA_PASSWORD": PASSWORD},
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await asyncio.wait_for(ran.communicate(), MOVE_S)
        assert ran.returncode == 0 and re.search(said, out.decode()), out.decode()


async def held(mesh: RunningMesh, region: str, marker: str) -> list[str]:
    """Files of a region that have the marker's bytes anywhere, and tables of its stores that have it."""
    folder, needle = Path(mesh.file.regions[region].data_dir), marker.encode()
    files = [name for name, _, hit in scan_files(folder, needle, apart=[folder / "analytics"]) if hit]
    return files + [at.place for at in (await sweep(mesh.file, region, marker)).places if at.hits]
