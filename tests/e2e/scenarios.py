"""What test_trace_shape asks of a mesh, each with a trace of its own."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from cli.client import PublicClient
from mesh.errors import CrossingRefused
from mesh.identity import Credentials
from mesh.ledger import Ledger
from mesh.node import Node
from mesh.telemetry import export_spans, tracer_provider
from sankofa.query.v1.query_pb2 import CountEventsRequest, Scope
from sankofa.query.v1.query_pb2_grpc import QueryServiceStub
from sankofa.residency.v1.environment_pb2 import ENVIRONMENT_LIVE
from tests.support.nodes import EU, US
from tests.support.running import RunningMesh

EVENT = {"event_name": "shaped", "distinct_id": "user_1"}


class Scenarios:
    """Sends one request for each scenario, with a sampled traceparent of its own."""

    def __init__(self, mesh: RunningMesh) -> None:
        self.mesh = mesh
        self.traces: dict[str, str] = {}

    async def run(self) -> None:
        """All of them, on one mesh."""
        eu, us = (self.mesh.project(region) for region in (EU, US))
        key, token = {"x-api-key": us.keys["live"]}, await self._token()
        batch = {"operations": [{"type": "track", "payload": EVENT}] * 3}
        project = {"org_id": us.org_id, "name": "Shaped", "region": US}
        account = {"email": "shape@example.com", "password": "long enough", "org_name": "Shapes"}
        spare = await self._send(
            "", "POST", f"/api/v1/projects/{us.id}/keys", at=US, headers=token, json={"environment": "test"}
        )
        revoked = f"/api/v1/projects/{us.id}/keys/{spare['key']['id']}"
        await self._send("track, regional URL", "POST", "/api/v1/track", at=US, headers=key, json=EVENT)
        await self._send("track, global URL", "POST", "/api/v1/track", headers=key, json=EVENT)
        await self._send("batch", "POST", "/api/v1/batch", at=US, headers=key, json=batch)
        await self._send("query events", "GET", f"/api/v1/projects/{us.id}/events", at=US, headers=token)
        await self._send(
            "query events of another region",
            "GET",
            f"/api/v1/projects/{us.id}/events",
            at=EU,
            headers=token,
            status=404,
        )
        await self._send(
            "sign up", "POST", "/api/v1/auth/signup", at=EU, json={**account, "primary_region": US}
        )
        await self._send(
            "log in from another region",
            "POST",
            "/api/v1/auth/login",
            at=EU,
            json={"email": account["email"], "password": account["password"]},
        )
        await self._send(
            "create a project in another region than the organisation's",
            "POST",
            "/api/v1/projects",
            at=US,
            headers=token,
            json=project,
        )
        await self._send("revoke a key", "DELETE", revoked, at=US, headers=token)
        await self._refused("DATA call into another region, refused at home", US, us.id)
        await self._refused("DATA call for another region's project, refused by the server", EU, us.id)
        assert eu.org_id == us.org_id

    async def _token(self) -> dict[str, str]:
        owner = self.mesh.demo.orgs[0].owner
        async with PublicClient(self.mesh.file.global_url) as client:
            account = await client.log_in(email=owner.email, password=owner.password)
        return {"authorization": f"Bearer {account['token']}"}

    async def _send(
        self, name: str, method: str, path: str, *, at: str = "", status: int = 0, **more: Any
    ) -> Any:
        url = self.mesh.file.regions[at].rest_url if at else self.mesh.file.global_url
        headers = {**more.pop("headers", {}), "traceparent": self._new(name)}
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
            answer = await client.request(method, path, headers=headers, **more)
        assert answer.status_code == (status or answer.status_code) and (status or answer.is_success), (
            answer.text
        )
        return answer.json()

    async def _refused(self, name: str, region: str, project_id: str) -> None:
        """From an operator's process in eu-west-1, whose spans go where that region's go."""
        context = SpanContext(
            int(self._new(name).split("-")[1], 16), 1, is_remote=True, trace_flags=TraceFlags(1)
        )
        request = CountEventsRequest(scope=Scope(project_id=project_id, environment=ENVIRONMENT_LIVE))
        async with AsyncExitStack() as stack:
            node = _operator(self.mesh, stack)
            with trace.use_span(NonRecordingSpan(context)), pytest.raises(CrossingRefused):
                channel = node.channel(region, self.mesh.file.regions[region].internal)
                stack.push_async_callback(channel.close)
                await QueryServiceStub(channel).CountEvents(request)

    def _new(self, name: str) -> str:
        self.traces[name] = secrets.token_hex(16)
        return f"00-{self.traces[name]}-{secrets.token_hex(8)}-01"


def _operator(mesh: RunningMesh, stack: AsyncExitStack) -> Node:
    credentials = Credentials.load(mesh.pki_dir, region=EU, role="operator")
    ledger = Ledger(Path(mesh.file.regions[EU].data_dir) / "ledger", credentials.identity)
    stack.callback(ledger.close)
    provider = tracer_provider(credentials.identity, instance_id=ledger.instance_id, ratio=1.0)
    node = Node(
        credentials=credentials, directory=None, ledger=ledger, tracer=provider.get_tracer("sankofa.tests")
    )
    way_out = node.channel(EU, mesh.file.regions[EU].internal)
    stack.push_async_callback(way_out.close)
    export_spans(provider, way_out)
    stack.push_async_callback(asyncio.to_thread, provider.shutdown)
    return node
