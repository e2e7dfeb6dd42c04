"""The edge with the real Envoy, the real router and TLS upstreams that record every byte."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import json
import re
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from starlette.types import Receive, Scope, Send

from mesh.directory import KeyFact, OrgFact
from mesh.http import HttpListener
from sankofa.residency.v1.environment_pb2 import Environment
from services.router import build
from services.router.config import EdgeConfig
from services.router.edge import command, render_edge
from services.router.listener import listener_config
from tests.support.nodes import AF, EU, US, MemoryDirectory

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.network, pytest.mark.disk]

HOME, AWAY, FORGED = EU, US, AF
DEADLINE_S = 20.0
EVENT = b'{"event_name": "checkout_started", "distinct_id": "user_123"}'


def key_of(region: str) -> str:
    """The one live key of a region in this test."""
    return "sk_live_" + hashlib.sha256(region.encode()).hexdigest()[:32]


@dataclass
class LateDirectory(MemoryDirectory):
    """A directory whose catalogue may not have come yet."""

    has_come: bool = True

    def default_region(self) -> str | None:
        return HOME if self.has_come else None


def filled_directory() -> LateDirectory:
    """Knows one key, project and organisation of each region."""
    directory = LateDirectory()
    for region in (HOME, AWAY, FORGED):
        fact = KeyFact(f"key_{region}", f"proj_{region}", Environment.ENVIRONMENT_LIVE, region)
        directory.keys[hashlib.sha256(key_of(region).encode()).digest()] = fact
        directory.pins[f"proj_{region}"] = region
        directory.orgs[f"org_{region}"] = OrgFact(f"org_{region}", region, 1)
    return directory


@dataclass
class Seen:
    """One request as an upstream got it."""

    line: str
    headers: list[tuple[str, str]]
    peer: str
    body: bytes = b""


@dataclass
class Upstream:
    """A stand-in for a region's shim: records what arrives, answers 200."""

    region: str
    address: str = ""
    seen: list[Seen] = field(default_factory=list)
    bytes_received: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        certificate = writer.get_extra_info("peercert")
        peer = dict(certificate["subjectAltName"])["URI"]
        while head := await self._head(reader):
            line, *rest = head.decode("latin-1").strip().split("\r\n")
            request = Seen(line, [tuple(each.split(": ", 1)) for each in rest], peer)  # type: ignore[misc]
            self.seen.append(request)
            length = int(dict(request.headers).get("content-length", "0"))
            while len(request.body) < length:
                request.body += (piece := await reader.read(65536))
                self.bytes_received += len(piece)
            answer = json.dumps({"ok": True, "served_by": self.region}).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                b"x-sankofa-region: %s\r\ncontent-length: %d\r\n\r\n%s"
                % (self.region.encode(), len(answer), answer)
            )
            await writer.drain()
        writer.close()

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        self.bytes_received += len(head)
        return head


@dataclass
class Mesh:
    """A running edge and what is behind it."""

    url: str
    port: int
    upstreams: dict[str, Upstream]
    client: httpx.AsyncClient
    asked: list[Scope]
    forwards: Counter[str]
    directory: LateDirectory

    def received(self) -> dict[str, int]:
        """Bytes that each upstream has got so far."""
        return {region: upstream.bytes_received for region, upstream in self.upstreams.items()}


async def until(condition: Callable[[], object], what: str) -> None:
    """Waits for a condition, with a deadline."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110 - what is waited for is another process
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {DEADLINE_S} s: {what}") from None


@asynccontextmanager
async def running_upstream(region: str, pki: Path, *, certificate_of: str) -> AsyncIterator[Upstream]:
    upstream = Upstream(region)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / certificate_of / "rest.crt", pki / certificate_of / "rest.key")
    context.load_verify_locations(pki / "trust" / f"{HOME}.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(upstream.handle, "127.0.0.1", 0, ssl=context)
    upstream.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()


@asynccontextmanager
async def running_router(
    directory: LateDirectory, pki: Path, asked: list[Scope], forwards: Counter[str]
) -> AsyncIterator[str]:
    app = build(directory=directory, home_region=HOME, on_forward=lambda region: forwards.update([region]))

    async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asked.append(scope)
        await app(scope, receive, send)

    config = listener_config(app, pki_dir=pki, region=HOME)
    config.app = recorded
    server = HttpListener(config, "127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.drain(1.0)


@asynccontextmanager
async def running_envoy(config: EdgeConfig, folder: Path) -> AsyncIterator[int]:
    """Envoy on free ports; yields the port of the global URL."""
    (folder / "envoy.yaml").write_text(render_edge(config))
    admin = folder / "admin"
    arguments = [*command(folder / "envoy.yaml"), "--admin-address-path", str(admin)]
    with (folder / "envoy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*arguments, stdout=log, stderr=log)
    try:
        await until(
            lambda: process.returncode is not None or (admin.exists() and admin.read_text()), "Envoy starts"
        )
        assert process.returncode is None, (folder / "envoy.log").read_text()
        async with httpx.AsyncClient(base_url=f"http://{admin.read_text()}", trust_env=False) as client:
            async with asyncio.timeout(DEADLINE_S):
                while (await client.get("/ready")).status_code != 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            listeners = (await client.get("/listeners", params={"format": "json"})).json()
        yield listeners["listener_statuses"][0]["local_address"]["socket_address"]["port_value"]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def running_mesh(folder: Path, pki: Path, *, with_router: bool = True) -> AsyncIterator[Mesh]:
    directory = filled_directory()
    asked: list[Scope] = []
    forwards: Counter[str] = Counter()
    async with (
        running_upstream(HOME, pki, certificate_of=HOME) as home,
        running_upstream(AWAY, pki, certificate_of=AWAY) as away,
        running_upstream(FORGED, pki, certificate_of=AWAY) as forged,
        running_router(directory, pki, asked, forwards) as router,
    ):
        config = EdgeConfig(
            region=HOME,
            pki_dir=str(pki),
            address="127.0.0.1:0",
            router_address=router if with_router else "127.0.0.1:1",
            upstreams={each.region: each.address for each in (home, away, forged)},
        )
        async with running_envoy(config, folder) as port:
            url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=url, timeout=DEADLINE_S, trust_env=False) as client:
                upstreams = {each.region: each for each in (home, away, forged)}
                yield Mesh(url, port, upstreams, client, asked, forwards, directory)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory, pki: Path) -> AsyncIterator[Mesh]:
    async with running_mesh(tmp_path_factory.mktemp("edge"), pki) as running:
        yield running


def assert_answered_at_the_edge(answer: httpx.Response, status: int, text: str) -> None:
    """The public error shape, with the edge's region and one request id."""
    assert answer.status_code == status, answer.text
    assert answer.json() == {"ok": False, "error": text, "request_id": answer.headers["x-request-id"]}
    assert answer.headers.get_list("x-sankofa-region") == [HOME]
    assert answer.headers["content-type"] == "application/json"
    assert "server" not in answer.headers


async def raw(port: int, data: bytes) -> bytes:
    """Everything the edge answers to some bytes until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await writer.drain()
    async with asyncio.timeout(DEADLINE_S):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("region", [HOME, AWAY])
async def test_a_key_takes_the_request_to_its_region(mesh: Mesh, region: str) -> None:
    before = mesh.forwards[region]
    headers = {"x-api-key": key_of(region), "x-forwarded-for": "203.0.113.9"}
    answer = await mesh.client.post("/api/v1/track?debug=1", content=EVENT, headers=headers)
    assert answer.json() == {"ok": True, "served_by": region}
    assert answer.headers.get_list("x-sankofa-region") == [region]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "server" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("x-envoy")]
    seen = mesh.upstreams[region].seen[-1]
    sent = dict(seen.headers)
    assert seen.line == "POST /api/v1/track?debug=1 HTTP/1.1"
    assert seen.body == EVENT
    assert seen.peer == f"spiffe://{HOME}.sankofa/edge"
    assert sent["x-api-key"] == key_of(region)
    # Envoy names its own address for a client on loopback.
    assert ipaddress.ip_address(sent["x-forwarded-for"])
    assert sent["x-forwarded-for"] != "203.0.113.9"
    assert not [name for name in sent if name.startswith(("x-route-", "x-envoy-"))]
    assert mesh.forwards[region] == before + 1


@pytest.mark.parametrize(
    ("method", "path", "region"),
    [
        ("GET", f"/api/v1/projects/proj_{AWAY}/events?limit=5", AWAY),
        ("GET", f"/api/v1/projects/proj_{AWAY}/people/a%2Fb%20c", AWAY),
        ("GET", f"/api/v1/projects/%70roj_{AWAY}", AWAY),
        ("GET", f"/api/v1/admin/regions/orgs/org_{AWAY}", AWAY),
        ("GET", "/api/v1/admin/regions", HOME),
        ("GET", "/api/v1/projects", HOME),
        ("POST", "/api/v1/auth/login", HOME),
        ("GET", "/healthz", HOME),
        ("GET", "/openapi.json", HOME),
        ("OPTIONS", "/api/v1/track", HOME),
    ],
)
async def test_a_path_takes_the_request_to_the_region_of_what_it_names(
    mesh: Mesh, method: str, path: str, region: str
) -> None:
    answer = await mesh.client.request(method, path)
    assert answer.json()["served_by"] == region
    assert mesh.upstreams[region].seen[-1].line == f"{method} {path} HTTP/1.1"


@pytest.mark.parametrize(
    ("keys", "status", "text"),
    [
        ([], 401, "Missing API key"),
        ([""], 401, "Missing API key"),
        (["sk_live_" + "0" * 32], 403, "Invalid API Key"),
        ([key_of(HOME), key_of(HOME)], 403, "Invalid API Key"),
        ([key_of(HOME), key_of(AWAY)], 403, "Invalid API Key"),
        ([f"{key_of(HOME)},{key_of(AWAY)}"], 403, "Invalid API Key"),
    ],
    ids=["missing", "empty", "unknown", "the same twice", "two", "joined"],
)
@pytest.mark.parametrize("path", ["/api/v1/track", "/api/v1/batch", "/api/v1/people/", "/api%2Fv1/alias"])
async def test_a_bad_key_is_answered_at_the_edge_and_the_body_goes_nowhere(
    mesh: Mesh, keys: list[str], status: int, text: str, path: str
) -> None:
    before = mesh.received()
    answer = await mesh.client.post(path, content=EVENT, headers=[("x-api-key", key) for key in keys])
    assert_answered_at_the_edge(answer, status, text)
    assert mesh.received() == before


async def test_a_refusal_can_be_read_by_any_page(mesh: Mesh) -> None:
    answer = await mesh.client.post(
        "/api/v1/track", content=EVENT, headers={"origin": "https://shop.example"}
    )
    assert_answered_at_the_edge(answer, 401, "Missing API key")
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_refused_client_is_never_told_to_send_its_body(mesh: Mesh) -> None:
    before = mesh.received()
    answer = await raw(
        mesh.port,
        b"POST /api/v1/track HTTP/1.1\r\nhost: x\r\nx-api-key: nope\r\nexpect: 100-continue\r\n"
        b"connection: close\r\ncontent-length: 1000000\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert mesh.received() == before


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/api/v1/projects/proj_unknown/events", "Project not found"),
        ("/api/v1/admin/regions/orgs/org_unknown", "Organisation not found"),
    ],
)
async def test_what_no_region_has_is_not_found_at_the_edge(mesh: Mesh, path: str, text: str) -> None:
    assert_answered_at_the_edge(await mesh.client.get(path), 404, text)


@pytest.mark.parametrize("name", ["x-route-region", "X-Route-Region"])
async def test_a_client_can_not_choose_the_region(mesh: Mesh, name: str) -> None:
    headers = {"x-api-key": key_of(AWAY), name: HOME, "x-route-path": f"/api/v1/projects/proj_{HOME}"}
    answer = await mesh.client.post("/api/v1/track", content=EVENT, headers=headers)
    assert answer.json()["served_by"] == AWAY
    headers["x-api-key"] = "unknown"
    refused = await mesh.client.post("/api/v1/track", content=EVENT, headers=headers)
    assert_answered_at_the_edge(refused, 403, "Invalid API Key")


async def test_the_router_is_told_the_key_the_method_and_the_path_without_query(mesh: Mesh) -> None:
    headers = {
        "x-api-key": key_of(AWAY),
        "authorization": "Bearer secret",
        "cookie": "secret",
        "user-agent": "secret",
        "referer": "secret",
        "origin": "secret",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }
    await mesh.client.post("/api/v1/track?distinct_id=secret", content=b"secret", headers=headers)
    asked = mesh.asked[-1]
    assert asked["method"] == "POST"
    assert asked["raw_path"] + asked["query_string"] == b"/route"
    sent = {name.decode(): value.decode() for name, value in asked["headers"]}
    assert sent["x-api-key"] == key_of(AWAY)
    assert sent["x-route-path"] == "/api/v1/track"
    assert sent["content-length"] == "0"
    envoys_own = {"content-length", "host", "x-envoy-internal", "x-envoy-expected-rq-timeout-ms"}
    assert set(sent) - envoys_own == {"x-api-key", "x-route-path"}
    assert "secret" not in repr(sent)


@pytest.mark.parametrize("valid", ["req_1", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "a" * 128])
async def test_a_valid_request_id_is_kept(mesh: Mesh, valid: str) -> None:
    headers = {"x-request-id": valid, "x-api-key": key_of(AWAY)}
    forwarded = await mesh.client.post("/api/v1/track", content=EVENT, headers=headers)
    assert forwarded.headers.get_list("x-request-id") == [valid]
    assert dict(mesh.upstreams[AWAY].seen[-1].headers)["x-request-id"] == valid
    refused = await mesh.client.post("/api/v1/track", content=EVENT, headers={"x-request-id": valid})
    assert refused.json()["request_id"] == valid
    assert refused.headers.get_list("x-request-id") == [valid]


@pytest.mark.parametrize("ids", [["a b"], ['"}'], ["a" * 129], [""], ["a", "b"], []])
async def test_any_other_request_id_is_replaced(mesh: Mesh, ids: list[str]) -> None:
    headers = [("x-request-id", each) for each in ids] + [("x-api-key", key_of(AWAY))]
    answer = await mesh.client.post("/api/v1/track", content=EVENT, headers=headers)
    (made,) = answer.headers.get_list("x-request-id")
    assert re.fullmatch(r"[0-9a-f-]{36}", made)
    arrived = [value for name, value in mesh.upstreams[AWAY].seen[-1].headers if name == "x-request-id"]
    assert arrived == [made]


async def test_the_body_is_passed_on_while_it_arrives(mesh: Mesh) -> None:
    half = b"x" * 200_000
    reader, writer = await asyncio.open_connection("127.0.0.1", mesh.port)
    head = f"POST /api/v1/batch HTTP/1.1\r\nhost: x\r\nx-api-key: {key_of(AWAY)}\r\n"
    writer.write(f"{head}content-length: {2 * len(half)}\r\n\r\n".encode() + half)
    upstream = mesh.upstreams[AWAY]
    start = len(upstream.seen)
    await until(
        lambda: len(upstream.seen) > start and len(upstream.seen[-1].body) == len(half), "half a body arrives"
    )
    writer.write(half)
    async with asyncio.timeout(DEADLINE_S):
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_an_upstream_with_the_certificate_of_another_region_gets_nothing(mesh: Mesh) -> None:
    answer = await mesh.client.post("/api/v1/track", content=EVENT, headers={"x-api-key": key_of(FORGED)})
    assert_answered_at_the_edge(answer, 503, "Service temporarily unavailable")
    assert answer.headers["retry-after"] == "1"
    assert mesh.upstreams[FORGED].bytes_received == 0


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx: %s\r\n\r\n" % (b"a" * 40_000),
        b"POST /api/v1/track HTTP/1.1\r\nhost: x\r\ncontent-length: nonsense\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n",
    ],
    ids=["no host", "headers too large", "bad length", "connect"],
)
async def test_what_envoy_refuses_itself_has_our_shape(mesh: Mesh, request_bytes: bytes) -> None:
    before = mesh.received()
    answer = await raw(mesh.port, request_bytes)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1.1 4\d\d ", head), answer
    assert b"x-sankofa-region: " + HOME.encode() in head
    assert (b"x-request-id: " + json.loads(body)["request_id"].encode()) in head
    assert json.loads(body)["ok"] is False
    assert mesh.received() == before


async def test_an_edge_that_knows_nothing_yet_does_not_call_a_key_unknown(mesh: Mesh) -> None:
    mesh.directory.has_come = False
    try:
        headers = {"x-api-key": key_of(HOME)}
        answer = await mesh.client.post("/api/v1/track", content=EVENT, headers=headers)
    finally:
        mesh.directory.has_come = True
    assert_answered_at_the_edge(answer, 503, "Service temporarily unavailable")


async def test_without_its_router_the_edge_is_closed(tmp_path: Path, pki: Path) -> None:
    async with running_mesh(tmp_path, pki, with_router=False) as mesh:
        for path in ("/api/v1/track", f"/api/v1/projects/proj_{HOME}", "/healthz"):
            headers = {"x-api-key": key_of(HOME), "x-route-region": HOME}
            answer = await mesh.client.post(path, content=EVENT, headers=headers)
            assert_answered_at_the_edge(answer, 503, "Service temporarily unavailable")
            assert answer.headers["retry-after"] == "1"
        assert set(mesh.received().values()) == {0}
