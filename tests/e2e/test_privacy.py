"""What an organisation owns is in its primary region, and nowhere else: every file, row and metric is read.

Each value is planted once, through a shim of another region or the global URL, and then looked for twice:
while the organisation is where it began, and after it was moved. Passwords may be nowhere at all.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from cli.sweep import sweep
from storage.sweep import scan_files
from tests.support.mails import code_for
from tests.support.markers import new_marker
from tests.support.nodes import AF, EU, REGIONS, US
from tests.support.receiver import LOOPBACK, Received, answer, receiver
from tests.support.running import RunningMesh, fresh_mesh, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

DATABASE = {"records.db", "records.db-wal"}
KEPT_IN = {
    "org name": {"orgs", "org_audit"},
    "owner": {"accounts", "members", "org_audit"},
    "member": {"accounts", "members", "org_audit"},
    "invited": {"invitations", "org_audit"},
    "team": {"teams", "org_audit"},
    "webhook": {"audit_webhooks"},
    "agent": {"org_audit", "sessions"},
}
"""The tables in which each value may be: those of the primary region's records."""
MIRRORED = "analytics/sankofa.audit_rows"
"""What of the log is in them, is in that region's ClickHouse too."""
NOWHERE = ("password", "wrong password", "stranger", "invitation")
PROCESSES = 2 + 2 * len(REGIONS)
"""Registry, router, and two in each region: each has its metrics."""


@dataclass
class Found:
    """Where values are: by value, "region/store/place" of the sweeps, and files of the whole mesh."""

    rows: dict[str, set[str]] = field(default_factory=dict)
    files: dict[str, set[str]] = field(default_factory=dict)
    examined: set[str] = field(default_factory=set)
    metrics: list[str] = field(default_factory=list)


@dataclass
class Looked:
    """What was planted, and where it was before and after the organisation moved from EU to US."""

    mesh: RunningMesh
    planted: dict[str, str]
    before: Found
    after: Found


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    """A mesh of which every trace is kept, and that may call this machine."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SANKOFA_EGRESS_ALLOWED_NETWORKS", json.dumps([LOOPBACK]))
        with fresh_mesh(tmp_path_factory.mktemp("privacy")) as running:
            yield running


@pytest.fixture(scope="module")
async def looked(mesh: RunningMesh) -> AsyncIterator[Looked]:
    """Plants every value, looks for it, moves the organisation, uses it again and looks again."""
    planted = {name: new_marker() for name in (*KEPT_IN, *NOWHERE)}

    async def away(_: Received) -> bytes:
        return answer(503)

    async with receiver(away) as there, httpx.AsyncClient(timeout=60, trust_env=False) as http:
        owner = Person(mesh, http, planted)
        await owner.uses_all(f"http://127.0.0.1:{there.port}/{planted['webhook']}")
        await _mirrored(mesh, planted, EU)
        before = await _look(mesh, planted)
        await owner.moves_it(US)
        await owner.looks_at_it()
        await _mirrored(mesh, planted, US)
        after = await _look(mesh, planted)
        assert there.received, "the webhook was tried"
    yield Looked(mesh, planted, before, after)


class Person:
    """An Owner, and who works with them, at shims that are not of the organisation's region."""

    def __init__(self, mesh: RunningMesh, http: httpx.AsyncClient, planted: dict[str, str]) -> None:
        self._mesh, self._http, self._planted = mesh, http, planted
        self._headers = {"user-agent": f"Mozilla/5.0 {planted['agent']}"}
        self._org_id = self._project_id = ""

    @property
    def _plain(self) -> dict[str, str]:
        """With an agent that may be seen: a project's row of the log has its own, in the project's region."""
        return {**self._headers, "user-agent": "plain"}

    async def uses_all(self, hook: str) -> None:
        """Each value goes in where a client puts it, refusals included."""
        planted, far = self._planted, self._mesh.file.regions[AF].rest_url
        person = {"email": self._email("owner"), "password": planted["password"]}
        signed = await self._ask(
            far,
            "POST",
            "auth/signup",
            {**person, "org_name": f"Org {planted['org name']}", "primary_region": EU},
        )
        self._org_id = signed["orgs"][0]["id"]
        self._headers["authorization"] = f"Bearer {signed['token']}"
        in_org = f"?org_id={self._org_id}"
        project = {"org_id": self._org_id, "name": "Shop", "region": AF}
        made = await self._ask(far, "POST", "projects", project, headers=self._plain)
        self._project_id = made["project"]["id"]
        for url in (far, self._mesh.file.global_url):
            for email, password in (("owner", "wrong password"), ("stranger", "password")):
                body = {"email": self._email(email), "password": planted[password]}
                await self._ask(url, "POST", "auth/login", body, status=401)
        for name in ("member", "invited"):
            await self._ask(
                self._mesh.file.global_url, "POST", f"members/invite{in_org}", {"email": self._email(name)}
            )
        code = code_for(Path(self._mesh.file.regions[EU].data_dir), self._email("member"))
        accepted = {"token": code, "password": planted["password"]}
        await self._ask(far, "POST", "members/accept", accepted, headers={})
        wrong = {"token": f"{self._org_id}.{planted['invitation']}", "password": planted["password"]}
        await self._ask(far, "POST", "members/accept", wrong, headers={}, status=404)
        await self._ask(far, "POST", f"teams{in_org}", {"name": f"Team {planted['team']}"})
        await self._ask(far, "POST", "audit/webhooks", {"org_id": self._org_id, "url": hook})
        await self.looks_at_it()

        async def tried() -> bool:
            found = await self._ask(far, "GET", f"audit/webhooks{in_org}")
            return bool(found["webhooks"][0]["failures"])

        await until(tried, "the webhook fails")

    async def looks_at_it(self) -> None:
        """Log-ins and reads at every URL, answered with the values."""
        urls = [self._mesh.file.global_url, *(each.rest_url for each in self._mesh.file.regions.values())]
        in_org = f"?org_id={self._org_id}"
        for url in urls:
            for name in ("owner", "member"):
                body = {"email": self._email(name), "password": self._planted["password"]}
                signed = await self._ask(url, "POST", "auth/login", body)
                assert self._planted["org name"] in signed["orgs"][0]["name"]
            for path in ("members", "teams", "audit/webhooks", "audit"):
                await self._ask(url, "GET", path + in_org)
        far, path = self._mesh.file.regions[AF].rest_url, f"audit?project_id={self._project_id}"
        rows = await self._ask(far, "GET", path, headers=self._plain)
        assert self._email("owner") in {row["actor"]["email"] for row in rows["rows"]}

    async def moves_it(self, region: str) -> None:
        """Until nothing is left to do."""
        path = f"admin/regions/orgs/{self._org_id}/assign"
        await self._ask(self._mesh.file.global_url, "POST", path, {"region": region})

        async def moved() -> bool:
            found = await self._ask(self._mesh.file.regions[AF].rest_url, "GET", path)
            return bool(found["assignment"]["step"] == "done")

        await until(moved, f"the organisation is in {region}")

    def _email(self, name: str) -> str:
        return f"{self._planted[name]}@example.org"

    async def _ask(
        self,
        url: str,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        headers: dict[str, str] | None = None,
        status: int = 200,
    ) -> dict[str, Any]:
        sent = self._headers if headers is None else headers
        deadline = asyncio.get_running_loop().time() + 60
        while True:
            answered = await self._http.request(method, f"{url}/api/v1/{path}", json=body, headers=sent)
            if answered.status_code != 503 or asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(float(answered.headers["retry-after"]))
        assert answered.status_code in (status, status + 1), answered.text
        found: dict[str, Any] = answered.json()
        return found


async def _mirrored(mesh: RunningMesh, planted: dict[str, str], region: str) -> None:
    """Waits until a region's mirror of its log has every value that the log has."""
    for name, tables in KEPT_IN.items():

        async def there(name: str = name) -> bool:
            places = (await sweep(mesh.file, region, planted[name])).places
            return any(at.hits and f"{at.store}/{at.place}" == MIRRORED for at in places)

        if "org_audit" in tables:
            await until(there, f"{name} is mirrored in {region}")


async def _look(mesh: RunningMesh, planted: dict[str, str]) -> Found:
    """Files of the analytics stores are compressed: their tables are asked, by each region's own sweep."""
    found = Found()
    apart = [Path(region.data_dir) / "analytics" for region in mesh.file.regions.values()]
    for name, marker in planted.items():
        found.rows[name] = set()
        found.files[name] = set()
        for region in REGIONS:
            places = (await sweep(mesh.file, region, marker)).places
            found.rows[name] |= {f"{region}/{at.store}/{at.place}" for at in places if at.hits}
            found.examined |= {f"{region}/{at.place}" for at in places if at.examined}
        for folder in (mesh.data_dir, mesh.scratch):
            for file, _, hit in await asyncio.to_thread(_scan, folder, marker, apart):
                found.examined.add(file)
                found.files[name] |= {file} if hit else set()
        if marker in (mesh.data_dir.parent / "stderr").read_text():
            found.files[name].add("stderr")
    found.metrics = await _metrics(mesh)
    return found


def _scan(folder: Path, marker: str, apart: list[Path]) -> list[tuple[str, int, int]]:
    return list(scan_files(folder, marker.encode(), apart=apart))


async def _metrics(mesh: RunningMesh) -> list[str]:
    """The metrics of every process: whatever port of the mesh answers with some."""
    ports = {
        listening.laddr.port
        for process in mesh.processes()
        for listening in process.net_connections("tcp4")
        if listening.status == psutil.CONN_LISTEN
    }
    async with httpx.AsyncClient(timeout=5, trust_env=False) as http:

        async def ask(port: int) -> str:
            try:
                answered = await http.get(f"http://127.0.0.1:{port}/metrics")
            except httpx.HTTPError:
                return ""  # it speaks gRPC
            return answered.text if "sankofa_ledger" in answered.text else ""

        return [text for text in await asyncio.gather(*map(ask, sorted(ports))) if text]


@pytest.mark.parametrize("name", KEPT_IN)
def test_a_value_is_in_the_records_of_the_primary_region_and_the_mirror_of_its_log_only(
    looked: Looked, name: str
) -> None:
    for found, region in ((looked.before, EU), (looked.after, US)):
        tables = {place for place in found.rows[name] if "/files/" not in place}
        assert tables, f"{name} is not in {region}: the search is blind"
        mirror = {f"{region}/{MIRRORED}"} if "org_audit" in KEPT_IN[name] else set()
        assert tables == {f"{region}/records/{table}" for table in KEPT_IN[name]} | mirror


@pytest.mark.parametrize("name", KEPT_IN)
def test_no_file_but_the_records_and_the_mails_of_the_primary_region_holds_a_value(
    looked: Looked, name: str
) -> None:
    for found, region in ((looked.before, EU), (looked.after, US)):
        home = f"regions/{region}/"
        files = {file.removeprefix(home) for file in found.files[name]}
        assert files & DATABASE, f"{name} is not in {region}: the search is blind"
        beside = {file for file in files - DATABASE if not file.startswith("outbox/")}
        assert beside == set()


def test_mails_are_in_the_region_that_sent_them_and_go_when_their_organisation_goes(looked: Looked) -> None:
    def mails(found: Found) -> set[str]:
        files = found.files["member"] | found.files["invited"]
        return {file.rpartition("/outbox/")[0] for file in files if "/outbox/" in file}

    assert mails(looked.before) == {f"regions/{EU}"}
    assert mails(looked.after) == set()


def test_nothing_is_left_in_the_old_region_free_pages_and_journals_included(looked: Looked) -> None:
    left = {
        place
        for name in looked.planted
        for place in looked.after.rows[name] | looked.after.files[name]
        if EU in place.split("/")
    }
    assert left == set()
    assert {f"regions/{EU}/{file}" for file in (*DATABASE, "records.db-shm")} <= looked.after.examined


@pytest.mark.parametrize("name", NOWHERE)
def test_what_is_only_asked_with_is_kept_nowhere(looked: Looked, name: str) -> None:
    for found in (looked.before, looked.after):
        assert found.rows[name] | found.files[name] == set()


def test_spans_ledgers_logs_the_registry_and_keys_were_looked_into(looked: Looked) -> None:
    for found in (looked.before, looked.after):
        for region in REGIONS:
            assert {f"{region}/sankofa.otel_traces", f"{region}/sankofa.ledger"} <= found.examined
        folders = {file.split("/")[0] for file in found.examined}
        assert folders >= {"logs", "registry", "router", "pki", "mesh.json", "regions"}


def test_no_metric_of_any_process_names_a_value(looked: Looked) -> None:
    for found in (looked.before, looked.after):
        assert len(found.metrics) >= PROCESSES
        held = [name for text in found.metrics for name, marker in looked.planted.items() if marker in text]
        assert held == []
