"""Names that nobody has, and bodies that nobody sends, on the management and the query API."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from storage.analytics.engine import Engine
from tests.support.nodes import EU
from tests.support.region import Region, open_region

pytestmark = [pytest.mark.network, pytest.mark.disk, pytest.mark.asyncio(loop_scope="module")]

REFUSED = {400, 401, 403, 404, 413, 431}
ODD_IDS = ["a" * 600, "a" * 20_000, "%00", "%ff", "%ED%A0%80", "😀" * 200, "%2e%2e", "'", "\\", "%2F", "%25s"]
ODD_TEXTS = ["a" * 600, "a" * 60_000, "\0", "😀" * 600, "a\0b@x.org", "\u202e", "'; DROP TABLE orgs; --", " "]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def region(
    pki: Path, tmp_path_factory: pytest.TempPathFactory, engine: Engine
) -> AsyncIterator[Region]:
    """A region with an organisation."""
    folder = tmp_path_factory.mktemp("region")
    (folder / EU).mkdir()
    async with open_region(pki, folder, engine) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def project(region: Region) -> AsyncIterator[str]:
    """A project, which is as it was after the test."""
    body = {"org_id": region.org_id, "name": "Shop"}
    made = await region.shim.http.post("/api/v1/projects", headers=region.bearer, json=body, timeout=30)
    project_id = made.json()["project"]["id"]
    yield project_id
    path = f"/api/v1/projects/{project_id}"
    found = await region.shim.http.get(path, headers=region.bearer, timeout=30)
    assert found.json()["project"] == made.json()["project"]


async def _refused(region: Region, method: str, path: str, **sent: object) -> None:
    answer: httpx.Response = await region.shim.http.request(
        method,
        path,
        headers=region.bearer,
        timeout=30,
        **sent,  # type: ignore[arg-type]
    )
    assert answer.status_code in REFUSED, (
        method,
        path[:80],
        str(sent)[:80],
        answer.status_code,
        answer.text[:200],
    )
    assert answer.json()["ok"] is False and answer.headers["x-sankofa-region"] == EU


@pytest.mark.parametrize("odd", ODD_IDS, ids=lambda odd: odd[:8])
async def test_an_id_in_a_path_that_nobody_can_have_is_404(region: Region, project: str, odd: str) -> None:
    own = f"/api/v1/projects/{project}"
    for method, path in (
        ("GET", f"/api/v1/projects/{odd}"),
        ("GET", f"/api/v1/projects/{odd}/events"),
        ("POST", f"/api/v1/projects/{odd}/archive"),
        ("DELETE", f"{own}/keys/{odd}"),
        ("GET", f"{own}/people/{odd}"),
        ("GET", f"{own}/events?cursor={odd}"),
    ):
        await _refused(region, method, path)


@pytest.mark.parametrize("odd", ODD_TEXTS, ids=lambda odd: ascii(odd)[:8])
async def test_a_text_that_is_no_name_no_address_and_no_region_is_400(
    region: Region, project: str, odd: str
) -> None:
    own = f"/api/v1/projects/{project}"
    good = {"email": "b@example.org", "password": "12345678", "org_name": "x"}
    for method, path, body in (
        ("POST", "/api/v1/projects", {"org_id": region.org_id, "name": "x", "region": odd}),
        ("POST", "/api/v1/auth/signup", good | {"email": odd}),
        ("POST", "/api/v1/auth/signup", good | {"primary_region": odd}),
        ("POST", "/api/v1/auth/login", {"email": odd, "password": odd}),
        ("POST", f"{own}/keys", {"environment": odd}),
        ("PATCH", own, {"authorized_domains": [odd]}),
        ("PATCH", own, {"authorized_ips": [odd]}),
        ("PATCH", own, {odd: 1}),
        ("PATCH", own, {"region": odd}),
    ):
        await _refused(region, method, path, json=body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"\xff",
        b"[" * 10_000,
        b'{"a":' * 10_000,
        b'{"authorized_domains":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"authorized_domains":["\\ud800"]}',
        b'{"retention_days":1e400}',
        b'{"retention_days":99999999999999999999999}',
        b'{"retention_days":' + b"1" * 5000 + b"}",
        b"{" + b" " * 70_000 + b"}",
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_a_body_of_the_management_api_that_is_none_is_400(
    region: Region, project: str, body: bytes
) -> None:
    for method, path in (
        ("PATCH", f"/api/v1/projects/{project}"),
        ("POST", f"/api/v1/projects/{project}/keys"),
        ("POST", "/api/v1/projects"),
        ("POST", "/api/v1/auth/signup"),
        ("POST", "/api/v1/auth/login"),
    ):
        await _refused(region, method, path, content=body)


@pytest.mark.parametrize(
    "place",
    [b"[" * 10_000, b"[1e400,1]", b"{}", b"1", b"\xff", b'"\\ud800"', b"[99999999999999999999999]"],
    ids=repr,
)
async def test_a_cursor_that_we_did_not_make_is_400(region: Region, project: str, place: bytes) -> None:
    cursor = base64.urlsafe_b64encode(place).decode()
    for kind in ("events", "people"):
        await _refused(region, "GET", f"/api/v1/projects/{project}/{kind}?cursor={cursor}")


@pytest.mark.parametrize("token", ["a" * 9000, "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "\xe9", ".", ".."])
async def test_a_token_that_is_none_is_401(region: Region, project: str, token: str) -> None:
    headers = {b"authorization": f"Bearer {token}".encode("latin-1")}
    answer = await region.shim.http.get(f"/api/v1/projects/{project}", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "Invalid or expired token")
