"""How often accounts may be looked up: who floods, from a region or an address, keeps nobody else out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from services.org.config import OrgConfig
from tests.support.cells import HINTS, PASSWORD, Cells
from tests.support.nodes import EU, US
from tests.support.shim import Running, start_shim

pytestmark = [pytest.mark.disk, pytest.mark.network]

ADA, BOB = "ada@example.org", "bob@example.org"


@asynccontextmanager
async def shims(
    pki: Path, folder: Path, *, per_address: int = 0, **limits: int
) -> AsyncIterator[dict[str, Running]]:
    """Two regions with a shim each, ADA in the first and BOB in the second; `limits` are the registry's."""
    cells = Cells(pki, folder, (EU, US), OrgConfig())
    cells.registry.limits = limits
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(cells)
        await cells.sign_up(EU, ADA)
        await cells.sign_up(US, BOB)
        yield {
            region: await start_shim(
                stack,
                pki,
                cell.directory,
                cell_address="127.0.0.1:1",
                registry_address=f"127.0.0.1:{cells.registry.port}",
                hint_of=HINTS.hint,
                region=region,
                lookups_per_minute=per_address,
            )
            for region, cell in cells.of.items()
        }


async def log_in(shim: Running, email: str, *, http: httpx.AsyncClient | None = None) -> httpx.Response:
    body = {"email": email, "password": PASSWORD}
    return await (http or shim.http).post("/api/v1/auth/login", json=body, timeout=30)


def assert_slower(answer: httpx.Response) -> None:
    assert answer.status_code == 429
    assert "log in again" in answer.json()["error"]
    assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_a_region_that_floods_keeps_no_other_region_out(pki: Path, tmp_path: Path) -> None:
    async with shims(pki, tmp_path, lookups_per_minute=4) as running:
        tried = [await log_in(running[US], f"nobody{number}@example.org") for number in range(5)]
        assert [answer.status_code for answer in tried] == [401, 401, 401, 401, 429]
        assert_slower(tried[-1])
        assert_slower(await log_in(running[US], BOB))
        for email in (ADA, BOB):
            assert (await log_in(running[EU], email)).status_code == 200


async def test_an_account_that_is_asked_for_too_often_costs_no_other_account(
    pki: Path, tmp_path: Path
) -> None:
    async with shims(pki, tmp_path, lookups_per_minute=5, lookups_of_one_per_minute=2) as running:
        tried = [await log_in(running[US], ADA) for _ in range(9)]
        assert [answer.status_code for answer in tried] == [200, 200, *[429] * 7]
        assert_slower(tried[-1])
        assert (await log_in(running[US], BOB)).status_code == 200
        assert (await log_in(running[EU], ADA)).status_code == 200


async def test_an_address_that_floods_keeps_no_other_address_of_its_region_out(
    pki: Path, tmp_path: Path
) -> None:
    """The shim refuses it before the registry is asked: what the region has there is not used up."""
    async with shims(pki, tmp_path, per_address=3, lookups_per_minute=5) as running:
        tried = [await log_in(running[US], f"nobody{number}@example.org") for number in range(8)]
        assert [answer.status_code for answer in tried] == [401] * 3 + [429] * 5
        assert_slower(tried[-1])
        body = {"email": BOB, "password": PASSWORD, "org_name": "Again", "primary_region": US}
        assert_slower(await running[US].http.post("/api/v1/auth/signup", json=body))
        elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx.AsyncClient(transport=elsewhere, base_url=running[US].http.base_url) as other:
            assert (await log_in(running[US], BOB, http=other)).status_code == 200
