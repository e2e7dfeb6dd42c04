"""The edge with the real Envoy, the real router and TLS upstreams that record every byte."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.support.edge import AWAY, DEADLINE_S, EVENT, FORGED, HOME, Mesh, key_of, running_mesh, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.network, pytest.mark.disk]


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
