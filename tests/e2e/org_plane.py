"""An Owner signs in at every URL of a mesh, and asks everything there that the document has a GET for."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from cli.client import PublicClient
from cli.operator import operator_node
from cli.seed import set_plan
from mesh.clock import wall_ms
from sankofa.residency.v1.ledger_pb2 import Edge, ListEdgesRequest, ListEdgesResponse
from sankofa.residency.v1.ledger_pb2_grpc import AuditServiceStub
from sankofa.residency.v1.options_pb2 import PLANE_ORG
from services.rest.openapi import document
from services.rest.sso import COOKIE
from tests.support.nodes import AF, US
from tests.support.running import RunningMesh, until

PRIMARY, PINNED = US, AF
"""Where the organisation is, and its project."""
GLOBAL_URL = "global"
PERSON = {"distinct_id": "user_1", "properties": {"plan": "pro"}, "timestamp": "2026-05-09T14:00:00Z"}
OWNER = {"email": "everywhere@example.com", "password": "correct horse battery"}
Edges = Counter[tuple[str, str, str, int]]
"""Requests by caller region, callee region, rpc and side of the ORG plane."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A GET of the document."""

    name: str
    path: str
    parameters: tuple[dict[str, Any], ...]

    @property
    def of_project(self) -> bool:
        """Answered by the project's region, at its own URL and the global one only."""
        return "{project_id}" in self.path


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: what was asked, at which URL, in which trace; who answered, and what."""

    operation: str
    of_project: bool
    at: str
    trace_id: str
    region: str
    status: int
    body: Any


def operations() -> Iterator[Operation]:
    """Every GET of the document that an Owner, or a link of theirs, can ask; not health, and not itself."""
    whole = document()
    shared = whole["components"]["parameters"]
    for path, item in whole["paths"].items():
        get = item.get("get")
        if get is None or not (get.get("parameters") or item.get("parameters") or get["security"]):
            continue
        if get["security"] and "bearer" not in get["security"][0]:
            continue
        found = [*item.get("parameters", ()), *get.get("parameters", ())]
        named = [shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one for one in found]
        yield Operation(get["operationId"], path, tuple(named))


class OrgPlane:
    """Makes an organisation with something to read in every place, then reads all of it at every URL."""

    def __init__(self, mesh: RunningMesh) -> None:
        self.mesh = mesh
        self.asked: list[Asked] = []
        self.edges: Edges = Counter()
        self._made: dict[str, str] = {}
        self._urls = {GLOBAL_URL: mesh.file.global_url} | {
            region: where.rest_url for region, where in mesh.file.regions.items()
        }

    async def run(self) -> None:
        """All of it; `edges` is what the ledger counted meanwhile."""
        async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
            await self._make(http)
            before = await self._counted()
            tokens = {at: await self._log_in(http, at) for at in self._urls}
            for operation in operations():
                for at in self._urls:
                    if not operation.of_project or at in (GLOBAL_URL, PINNED):
                        await self._ask(http, operation, at, tokens[at])
            self.edges = await self._counted() - before

    async def _make(self, http: httpx.AsyncClient) -> None:
        async with PublicClient(self._urls[PRIMARY]) as client:
            signed = await client.sign_up(**OWNER, org_name="Everywhere", region=PRIMARY)
        org_id, bearer = signed["orgs"][0]["id"], {"authorization": f"Bearer {signed['token']}"}
        await set_plan(self.mesh.file, PRIMARY, org_id, "enterprise")

        async def post(path: str, **body: Any) -> dict[str, Any]:
            url = f"{self._urls[PRIMARY]}/api/v1/{path}"
            answer = await http.post(url, headers=bearer, params={"org_id": org_id}, json=body)
            assert answer.is_success, answer.text
            made: dict[str, Any] = answer.json()
            return made

        project = await post("projects", org_id=org_id, name="Shop", region=PINNED)
        key = {"x-api-key": project["keys"]["live"]["secret"]}
        await post("members/invite", email="invited@example.com")
        await post("teams", name="Analysts")
        hook = await post("audit/webhooks", org_id=org_id, url="http://127.0.0.1:1/")
        # Paused, so that no attempt changes what is told of it between one URL and the next.
        set_at = f"{self._urls[PRIMARY]}/api/v1/audit/webhooks/{hook['webhook']['id']}"
        paused = await http.patch(set_at, headers=bearer, params={"org_id": org_id}, json={"state": "paused"})
        assert paused.is_success, paused.text
        export = await post("audit/exports", org_id=org_id)
        place = f"{self._urls[PRIMARY]}/api/v1/audit/exports/{export['export']['id']}"

        async def done() -> bool:
            read = (await http.get(place, headers=bearer, params={"org_id": org_id})).json()
            link = read["download_url"] or ""
            self._made |= dict(parse_qsl(urlsplit(link).query))
            return bool(link)

        await until(done, "the export is done")
        rows = await http.get(
            f"{self._urls[PRIMARY]}/api/v1/audit", headers=bearer, params={"org_id": org_id}
        )
        self._made |= {
            "org_id": org_id,
            "project_id": project["project"]["id"],
            "webhook_id": hook["webhook"]["id"],
            "export_id": export["export"]["id"],
            "audit_id": rows.json()["rows"][-1]["id"],
            "state": f"{org_id}.{secrets.token_urlsafe(32)}",
            "browser": secrets.token_urlsafe(32),
            "distinct_id": PERSON["distinct_id"],
            # Reading the log is a row of it: what comes now is not looked at.
            "until": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }

        await until(partial(self._stored, http, key), "a person is stored")

        async def told() -> bool:
            """Every region knows the organisation, and the project's its Owner's role, and the person."""
            found = [
                await http.get(f"{self._urls[at]}/api/v1/{path}", headers=bearer)
                for at, path in (
                    *((at, f"projects?org_id={org_id}") for at in self._urls),
                    (PINNED, f"projects/{self._made['project_id']}/people/{PERSON['distinct_id']}"),
                )
            ]
            return all(answer.is_success for answer in found)

        await until(told, "every region knows the organisation")

    async def _stored(self, http: httpx.AsyncClient, key: dict[str, str]) -> bool:
        """The key of a new project may still be on its way."""
        answer = await http.post(f"{self._urls[PINNED]}/api/v1/people", headers=key, json=PERSON)
        return answer.status_code == 200

    async def _log_in(self, http: httpx.AsyncClient, at: str) -> str:
        trace_id, headers = _traced()
        answer = await http.post(f"{self._urls[at]}/api/v1/auth/login", json=OWNER, headers=headers)
        body = answer.json()
        token: str = body.pop("token")
        self._keep("login", False, at, trace_id, answer, {**body, "refresh_token": ""})
        return token

    async def _ask(self, http: httpx.AsyncClient, operation: Operation, at: str, token: str) -> None:
        trace_id, headers = _traced()
        wanted = [
            one
            for one in operation.parameters
            if one.get("required") or one["name"] == "until" or one["name"] == "org_id"
        ]
        given = {one["name"]: self._made.get(one["name"], "unknown") for one in wanted}
        path = operation.path.format_map({**self._made, **given})
        query = {one["name"]: given[one["name"]] for one in wanted if one["in"] == "query"}
        headers |= {"authorization": f"Bearer {token}", "cookie": f"{COOKIE}={self._made['browser']}"}
        answer = await http.get(f"{self._urls[at]}{path}", params=query, headers=headers)
        body = answer.json() if "json" in answer.headers["content-type"] else answer.text
        self._keep(operation.name, operation.of_project, at, trace_id, answer, body)

    def _keep(
        self, name: str, of_project: bool, at: str, trace_id: str, answer: httpx.Response, body: Any
    ) -> None:
        region = answer.headers["x-sankofa-region"]
        self.asked.append(
            Asked(name, of_project, at, trace_id, region, answer.status_code, _comparable(body))
        )

    async def _counted(self) -> Edges:
        """What every process has counted by now: each has reported since."""
        now, counted = wall_ms(), Counter()

        async def reported() -> bool:
            answers = await self._read()
            open_ones = [one for answer in answers for one in answer.witnesses if not one.closed]
            counted.clear()
            for edge in (edge for answer in answers for edge in answer.edges):
                _add(counted, edge)
            return all(one.reported_at_unix_ms > now for one in open_ones)

        await until(reported, "every process has reported its counts")
        return counted

    async def _read(self) -> list[ListEdgesResponse]:
        answers = []
        with operator_node(self.mesh.file) as node:
            for region, where in self.mesh.file.regions.items():
                channel = node.channel(region, where.federated)
                answers.append(await AuditServiceStub(channel).ListEdges(ListEdgesRequest(region=region)))
                await channel.close()
        return answers


def _add(counted: Edges, edge: Edge) -> None:
    if edge.plane == PLANE_ORG:
        counted[edge.caller_region, edge.callee_region, edge.rpc, edge.side] += edge.requests


def _traced() -> tuple[str, dict[str, str]]:
    trace_id = secrets.token_hex(16)
    return trace_id, {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}


def _comparable(value: Any) -> Any:
    """Without what differs from one reader, or one reading, to the next."""
    if isinstance(value, dict):
        return {
            name: "" if name in ("request_id", "current", "download_url") else _comparable(one)
            for name, one in value.items()
        }
    return [_comparable(one) for one in value] if isinstance(value, list) else value
