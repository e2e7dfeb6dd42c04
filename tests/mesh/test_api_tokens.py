"""API tokens over real shims: a project in eu-west-1 with two, its organisation in us-east-1 with another."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from mesh.api_tokens import new_secret
from mesh.clock import wall_ms
from mesh.context import act_as
from mesh.directory import ApiTokenFact
from mesh.secrets import hash_of
from mesh.tokens import USER
from sankofa.org.v1.member_pb2 import RemoveMemberRequest
from sankofa.org.v1.member_pb2_grpc import MemberServiceStub
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from services.org.config import OrgConfig
from services.rest.openapi import document
from services.rest.openapi.area import ANY_TOKEN
from storage.analytics.engine import Engine
from storage.records.audit.chain import AuditRow
from storage.records.audit.reading import Filter, Log
from tests.support.cells import Cells, Owner, RunningCell, until
from tests.support.nodes import EU, US
from tests.support.roles import put_member
from tests.support.shim import NOWHERE, start_shim

pytestmark = [pytest.mark.disk, pytest.mark.network]

ROLES = ("viewer", "editor", "admin")
BY_TOKEN = {
    **dict.fromkeys(
        ("getProject", "listEvents", "listEventNames", "countEvents", "listPeople", "getPerson"), "viewer"
    ),
    **dict.fromkeys(("changeProject", "erasePerson", "listAuditRows", "getAuditRow"), "admin"),
}
"""What an API token may ask for at all, and of which role it has to be."""

DAY_MS = 24 * 3600 * 1000


@dataclass
class Mesh:
    """Two regions. `near` are the shims of the project's region, `far` one of the organisation's."""

    cells: Cells
    stack: AsyncExitStack
    pki: Path
    owner: Owner
    project_id: str
    key: str
    near: list[httpx.AsyncClient]
    far: httpx.AsyncClient

    @property
    def cell(self) -> RunningCell:
        return self.cells.of[EU]

    async def ask(
        self, method: str, path: str, token: str, *, at: httpx.AsyncClient | None = None, **more: Any
    ) -> httpx.Response:
        """`path` below the project."""
        url = f"/api/v1/projects/{self.project_id}{path}"
        headers = {"authorization": f"Bearer {token}"}
        return await (at or self.near[0]).request(method, url, headers=headers, timeout=30, **more)

    async def mint(self, role: str = "viewer", **more: Any) -> dict[str, Any]:
        """A token, by the Owner."""
        body = {"name": "Nightly", "role": role, **more}
        answer = await self.ask("POST", "/tokens", self.owner.token, json=body)
        assert answer.status_code == 201, answer.text
        minted: dict[str, Any] = answer.json()["token"]
        return minted

    async def status(self, token: str, path: str = "/events") -> set[int]:
        """What both shims answer it."""
        return {(await self.ask("GET", path, token, at=shim)).status_code for shim in self.near}

    async def rows(self, **which: Any) -> list[AuditRow]:
        """Of the project's log, the oldest first."""
        found = await self.cell.records.audit.page(Log.PROJECT, self.project_id, Filter(**which), 100)
        return list(reversed(found))

    async def listed(self) -> dict[str, dict[str, Any]]:
        answer = await self.ask("GET", "/tokens", self.owner.token)
        return {each["id"]: each for each in answer.json()["tokens"]}


@pytest.fixture
async def mesh(pki: Path, tmp_path: Path, engine: Engine) -> AsyncIterator[Mesh]:
    cells = Cells(pki, tmp_path, (EU, US), OrgConfig(heartbeat_s=0.1))
    cells.of[EU].engine = engine
    async with cells, AsyncExitStack() as stack:
        owner = await cells.sign_up(US)
        made = await cells.create(owner, EU)
        shims = [await near(stack, pki, cells) for _ in range(2)]
        registry = f"127.0.0.1:{cells.registry.port}"
        far = await start_shim(
            stack,
            pki,
            cells.of[US].directory,
            region=US,
            cell_address=NOWHERE,
            registry_address=registry,
        )
        yield Mesh(cells, stack, pki, owner, made.project.project_id, made.live_key.secret, shims, far.http)


async def near(stack: AsyncExitStack, pki: Path, cells: Cells, **settings: Any) -> httpx.AsyncClient:
    """A shim of eu-west-1, which reads the directory that its cell writes."""
    cell = cells.of[EU]
    running = await start_shim(
        stack,
        pki,
        cell.directory,
        cell_address=f"127.0.0.1:{cell.internal_port}",
        registry_address=f"127.0.0.1:{cells.registry.port}",
        **settings,
    )
    return running.http


async def test_a_token_from_its_minting_to_its_end(mesh: Mesh) -> None:
    minted = await mesh.mint(expires_in_days=30)
    assert re.fullmatch(r"sat_[0-9A-Za-z]{40}", minted["secret"])
    assert (minted["name"], minted["role"], minted["last_used_at"]) == ("Nightly", "viewer", None)
    assert await mesh.status(minted["secret"]) == {200}
    assert (await mesh.ask("GET", "", minted["secret"])).json()["project"]["id"] == mesh.project_id
    (listed,) = (await mesh.listed()).values()
    assert "secret" not in listed
    assert listed["created_by"] == {"id": mesh.owner.user_id, "email": "ada@example.org"}
    for _ in range(2):
        answer = await mesh.ask("DELETE", f"/tokens/{minted['id']}", mesh.owner.token)
        assert (answer.status_code, answer.json()) == (200, {"ok": True})
        assert await mesh.status(minted["secret"]) == {401}
    (listed,) = (await mesh.listed()).values()
    assert listed["revoked_at"] is not None
    answer = await mesh.ask("DELETE", "/tokens/tok_nobody_s", mesh.owner.token)
    assert (answer.status_code, answer.json()["error"]) == (404, "API token not found")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"name": "", "role": "viewer"}, "name must have 1 to 200 printable characters"),
        ({"name": "a\x00b", "role": "viewer"}, "printable"),
        ({"role": "viewer"}, "Invalid request body"),
        ({"name": "CI", "role": "owner"}, "Invalid request body"),
        ({"name": "CI", "role": "viewer", "expires_in_days": 366}, "expires_in_days is 1 to 365"),
        ({"name": "CI", "role": "viewer", "expires_in_days": 0}, "expires_in_days is 1 to 365"),
        ({"name": "CI", "role": "viewer", "expires_in_days": -(1 << 40)}, "expires_in_days is 1 to 365"),
        ({"name": "CI", "role": "viewer", "expires_in_days": None}, "Invalid request body"),
    ],
)
async def test_what_can_t_be_meant_mints_nothing(mesh: Mesh, body: dict[str, Any], says: str) -> None:
    answer = await mesh.ask("POST", "/tokens", mesh.owner.token, json=body)
    assert answer.status_code == 400 and says in answer.json()["error"], answer.text
    assert await mesh.listed() == {}


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation, of those that take a bearer token."""
    return [
        (method.upper(), path, operation)
        for path, item in document()["paths"].items()
        for method, operation in item.items()
        if method != "parameters" and {"bearer": []} in operation["security"]
    ]


def test_the_document_says_for_which_operations_an_api_token_is_good() -> None:
    assert {each["operationId"] for _, _, each in operations() if each["security"] == ANY_TOKEN} == {
        *BY_TOKEN
    }
    assert len(operations()) > 50


async def test_every_operation_is_open_to_the_roles_that_the_table_says_and_to_no_others(mesh: Mesh) -> None:
    """All of the public API is called with a token of each role, on the project and on all around it."""
    person = {"x-api-key": mesh.key}
    for distinct_id in ROLES:
        body = {"distinct_id": distinct_id, "properties": {"plan": "pro"}}
        assert (await mesh.near[0].post("/api/v1/people", headers=person, json=body)).status_code == 200
    audit_id = (await mesh.rows())[0].audit_id
    tokens = {role: (await mesh.mint(role))["secret"] for role in ROLES}

    async def call(method: str, path: str, operation: dict[str, Any], role: str) -> httpx.Response:
        known = {"project_id": mesh.project_id, "org_id": mesh.owner.org_id, "audit_id": audit_id}
        url = re.sub(r"\{(\w+)\}", lambda name: known.get(name[1], role), path)
        name = operation["operationId"]
        query = {"project_id": mesh.project_id} if "Audit" in name else {"org_id": mesh.owner.org_id}
        sent = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        if name == "changeProject":
            sent = {"authorized_ips": ["192.0.2.0/24"]}
        headers = {"authorization": f"Bearer {tokens[role]}"}
        return await mesh.near[0].request(method, url, headers=headers, params=query, json=sent, timeout=30)

    async def answered() -> dict[str, list[int]]:
        return {
            each["operationId"]: [(await call(method, path, each, role)).status_code for role in ROLES]
            for method, path, each in operations()
        }

    wrong = {}
    for name, statuses in (await answered()).items():
        least = ROLES.index(BY_TOKEN[name]) if name in BY_TOKEN else len(ROLES)
        good = [status in (200, 202) for status in statuses]
        if good != [at >= least for at in range(len(ROLES))] or {*statuses} - {200, 202, 403}:
            wrong[name] = statuses
    assert wrong == {}
    assert len(await mesh.listed()) == len(ROLES)


async def test_retention_is_the_organisation_s_and_no_token_s(mesh: Mesh) -> None:
    secret = (await mesh.mint("admin"))["secret"]
    answer = await mesh.ask("PATCH", "", secret, json={"retention_days": 5})
    assert answer.status_code == 403
    assert answer.json()["error"] == "Permission denied: an API token may not do this, sign in instead"


async def test_what_a_token_does_is_told_under_its_own_id(mesh: Mesh) -> None:
    minted = await mesh.mint("admin")
    actor = f"token/{minted['id']}"
    changed = await mesh.ask("PATCH", "", minted["secret"], json={"authorized_domains": ["example.org"]})
    assert changed.status_code == 200
    assert (await mesh.ask("DELETE", "/people/somebody", minted["secret"])).status_code == 202
    url, headers = "/api/v1/audit", {"authorization": f"Bearer {minted['secret']}"}
    read = await mesh.near[0].get(url, headers=headers, params={"project_id": mesh.project_id}, timeout=30)
    told = {row["action"]: row["actor"] for row in read.json()["rows"]}
    assert told["project.allow_lists.updated"] == {"id": actor, "email": None}
    assert told["api_token.created"] == {"id": mesh.owner.user_id, "email": None}, "a token asks no region"
    done = [row for row in await mesh.rows() if row.actor_id == actor]
    assert [row.action for row in done][:2] == ["project.allow_lists.updated", "person.erasure.ordered"]
    assert {row.actor_email for row in await mesh.rows()} == {""}
    own = {"authorization": f"Bearer {mesh.owner.token}"}
    query = {"project_id": mesh.project_id, "actor_id": actor}
    found = await mesh.near[0].get(url, headers=own, params=query, timeout=30)
    assert {row["actor"]["id"] for row in found.json()["rows"]} == {actor}


async def test_only_admins_of_the_project_mint_list_and_revoke_and_no_token_does(mesh: Mesh) -> None:
    minted = await mesh.mint("admin")
    body = {"name": "More", "role": "viewer"}
    for token, status in ((minted["secret"], 403), ("not.a.token", 401)):
        for method, path in (("POST", ""), ("GET", ""), ("DELETE", f"/{minted['id']}")):
            answer = await mesh.ask(method, f"/tokens{path}", token, json=body)
            assert answer.status_code == status, answer.text
    assert len(await mesh.listed()) == 1


async def test_a_token_is_good_for_its_own_project_and_in_its_own_region_alone(mesh: Mesh) -> None:
    minted = await mesh.mint("admin")
    other = (await mesh.cells.create(mesh.owner, EU)).project.project_id
    theirs = await mesh.near[0].get(
        f"/api/v1/projects/{other}/events", headers={"authorization": f"Bearer {minted['secret']}"}
    )
    assert theirs.status_code == 403
    for secret in (minted["secret"], new_secret()):
        there = await mesh.ask("GET", "/events", secret, at=mesh.far)
        assert (there.status_code, there.json()["error"]) == (404, "Project not found")
    assert await mesh.status(new_secret()) == {401}
    assert mesh.cells.of[US].directory.api_token(hash_of(minted["secret"])) is None


async def test_with_every_other_region_away_tokens_work_and_a_revoked_one_stays_so(mesh: Mesh) -> None:
    kept, revoked = await mesh.mint("admin"), await mesh.mint("admin")
    assert await mesh.status(kept["secret"]) == {200}
    await mesh.cells.of[US].stop()
    await mesh.cells.registry.stop()
    answer = await mesh.ask("DELETE", f"/tokens/{revoked['id']}", mesh.owner.token)
    assert answer.status_code == 200
    mesh.cell.clock_ms = lambda: wall_ms() + DAY_MS
    lists = {"authorized_domains": ["example.org"]}
    assert (await mesh.ask("PATCH", "", kept["secret"], json=lists)).status_code == 200
    owners = await mesh.ask("PATCH", "", mesh.owner.token, json=lists)
    assert owners.status_code == 503, (
        "past the lease of the organisation's word nobody of it changes anything"
    )
    mesh.cell.clock_ms = wall_ms
    killed_before = ApiTokenFact(
        revoked["id"], mesh.project_id, ProjectRole.PROJECT_ROLE_ADMIN, wall_ms() + DAY_MS
    )
    await mesh.cell.directory.put_api_tokens({hash_of(revoked["secret"]): killed_before}, [])
    for lose_directory in (False, True):
        await mesh.cell.restart(lose_directory=lose_directory)
        shim = await near(mesh.stack, mesh.pki, mesh.cells)
        for minted, status in ((kept, 200), (revoked, 401)):
            assert (await mesh.ask("GET", "/events", minted["secret"], at=shim)).status_code == status
    await mesh.cells.registry.start()
    await mesh.cells.of[US].start()


async def test_a_token_ends_with_its_time_and_with_its_project(mesh: Mesh) -> None:
    short, long = await mesh.mint(expires_in_days=1), await mesh.mint(expires_in_days=365)
    mesh.cell.clock_ms = lambda: wall_ms() + DAY_MS
    assert await mesh.status(short["secret"]) == {401}
    assert await mesh.status(long["secret"]) == {200}
    mesh.cell.clock_ms = wall_ms
    await until(lambda: mesh.cell.directory.access_fresh(US))  # a lease may have been written a day ahead
    assert (await mesh.ask("POST", "/archive", mesh.owner.token)).status_code == 200
    assert await mesh.status(long["secret"]) == {401}
    assert [row.action for row in await mesh.rows(resource_type="api_token")] == [
        "api_token.created",
        "api_token.created",
        "api_token.revoked",
        "api_token.revoked",
    ]
    answer = await mesh.ask("POST", "/tokens", mesh.owner.token, json={"name": "CI", "role": "viewer"})
    assert (answer.status_code, answer.json()["error"]) == (409, "The project is archived")


async def test_a_token_goes_on_without_its_minter(mesh: Mesh) -> None:
    """It is the project's. The list still says whose it was."""
    there, org_id = mesh.cells.of[US], mesh.owner.org_id
    act_as("usr_test")
    await put_member(there.records.orgs, org_id, "usr_minter", OrgRole.ORG_ROLE_ADMIN, US)
    await until(lambda: mesh.cell.directory.access("usr_minter", mesh.project_id))
    key = await there.token_key()
    minter = key.sign({"sub": "usr_minter"}, issuer=US, audience=USER, lifetime=timedelta(hours=1))
    answer = await mesh.ask("POST", "/tokens", minter, json={"name": "CI", "role": "admin"})
    minted = answer.json()["token"]
    request = RemoveMemberRequest(org_id=org_id, user_id="usr_minter")
    stub = MemberServiceStub(there.channel())  # type: ignore[no-untyped-call]
    await stub.RemoveMember(request, metadata=mesh.owner.metadata)
    await until(lambda: mesh.cell.directory.access("usr_minter", mesh.project_id) is None)
    assert await mesh.status(minter) == {403}
    assert await mesh.status(minted["secret"]) == {200}
    listed = (await mesh.listed())[minted["id"]]
    assert (listed["created_by"]["id"], listed["revoked_at"]) == ("usr_minter", None)


async def test_uses_are_listed_and_are_not_written_with_each_request(mesh: Mesh) -> None:
    minted, idle = await mesh.mint(), await mesh.mint()
    for _ in range(5):
        assert await mesh.status(minted["secret"]) == {200}

    async def told() -> bool:
        return (await mesh.listed())[minted["id"]]["last_used_at"] is not None

    await until(told)
    first = (await mesh.listed())[minted["id"]]["last_used_at"]
    assert await mesh.status(minted["secret"]) == {200}
    listed = await mesh.listed()
    assert (listed[minted["id"]]["last_used_at"], listed[idle["id"]]["last_used_at"]) == (first, None)


async def test_a_token_has_the_rate_of_a_key_in_all_rest_processes_together(mesh: Mesh) -> None:
    minted, other = await mesh.mint(), await mesh.mint()
    shims = [await near(mesh.stack, mesh.pki, mesh.cells, rate_limit_per_minute=10) for _ in range(2)]

    async def asked(secret: str) -> list[httpx.Response]:
        return await asyncio.gather(
            *(mesh.ask("GET", "/events/names", secret, at=shims[number % 2]) for number in range(12))
        )

    answers = await asked(minted["secret"])
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 2
    late = next(answer for answer in answers if answer.status_code == 429)
    assert 1 <= int(late.headers["retry-after"]) <= 60
    assert (await mesh.ask("GET", "/events/names", other["secret"], at=shims[0])).status_code == 200
    assert (await mesh.ask("GET", "/events/names", mesh.owner.token, at=shims[0])).status_code == 200


async def test_a_secret_is_stored_nowhere_and_its_hash_in_its_region_alone(
    mesh: Mesh, tmp_path: Path
) -> None:
    minted = await mesh.mint(name="Nightly-7f3a-report")
    assert await mesh.status(minted["secret"]) == {200}
    await mesh.near[0].get("/api/v1/members", headers={"authorization": f"Bearer {minted['secret']}"})
    await mesh.stack.aclose()
    for cell in mesh.cells.of.values():
        await cell.stop()
    await mesh.cells.registry.stop()

    def holding(needle: bytes) -> set[str]:
        files = [path for path in tmp_path.rglob("*") if path.is_file() and needle in path.read_bytes()]
        return {path.relative_to(tmp_path).parts[0] for path in files}

    assert holding(minted["secret"].encode()) == set()
    for kept in (hash_of(minted["secret"]), minted["id"].encode(), b"Nightly-7f3a-report"):
        assert holding(kept) == {EU}
    await mesh.cells.registry.start()
    for cell in mesh.cells.of.values():
        await cell.start()
