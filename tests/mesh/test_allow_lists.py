"""Allow-lists of a project: set over REST in its own region, and held to by its REST processes at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from sankofa.ingest.v1 import project_pb2 as pb
from services.org.config import OrgConfig
from storage.analytics.engine import Engine
from tests.support.cells import Cells, Owner, RunningCell
from tests.support.nodes import EU, US
from tests.support.shim import start_shim

pytestmark = [pytest.mark.disk, pytest.mark.network]

EVENT = {"event_name": "tap", "distinct_id": "user_1"}
PAGE, OTHER_PAGE = {"origin": "https://shop.example.com"}, {"origin": "https://elsewhere.example"}


@dataclass
class Shop:
    """A project of eu-west-1, whose organisation is in us-east-1, and the REST process in front of it."""

    cell: RunningCell
    owner: Owner
    made: pb.ProvisionResponse
    http: httpx.AsyncClient

    async def change(self, body: Any, token: str = "") -> httpx.Response:
        path = f"/api/v1/projects/{self.made.project.project_id}"
        headers = {"authorization": f"Bearer {token or self.owner.token}"}
        return await self.http.patch(path, headers=headers, json=body)

    async def track(self, **headers: str) -> tuple[int, str]:
        answer = await self.http.post(
            "/api/v1/track", headers={"x-api-key": self.made.live_key.secret, **headers}, json=EVENT
        )
        return answer.status_code, answer.json().get("error", "")


@pytest.fixture
async def shop(pki: Path, tmp_path: Path, engine: Engine) -> AsyncIterator[Shop]:
    running = Cells(pki, tmp_path, (EU, US), OrgConfig(heartbeat_s=0.1))
    running.of[EU].engine = engine
    async with running as cells, AsyncExitStack() as stack:
        cell = cells.of[EU]
        owner = await cells.sign_up(US)
        made = await cells.create(owner, EU)
        internal, registry = f"127.0.0.1:{cell.internal_port}", f"127.0.0.1:{cells.registry.port}"
        shim = await start_shim(stack, pki, cell.directory, cell_address=internal, registry_address=registry)
        yield Shop(cell, owner, made, shim.http)


async def test_only_the_domains_of_the_list_may_send_from_a_page_and_servers_as_before(shop: Shop) -> None:
    assert await shop.track(**OTHER_PAGE) == (200, "")
    changed = await shop.change({"authorized_domains": ["Shop.example.com", "*.example.org"]})
    assert changed.status_code == 200, changed.text
    project = changed.json()["project"]
    assert project["authorized_domains"] == ["*.example.org", "shop.example.com"]
    assert project["authorized_ips"] == []
    assert await shop.track(**PAGE) == (200, "")
    assert await shop.track(**OTHER_PAGE) == (403, "Unauthorized Origin")
    assert await shop.track() == (200, "")
    assert (await shop.change({"authorized_domains": []})).status_code == 200
    assert await shop.track(**OTHER_PAGE) == (200, "")


async def test_only_the_addresses_of_the_list_may_send_without_a_page_whatever_they_say_of_themselves(
    shop: Shop,
) -> None:
    assert (await shop.change({"authorized_ips": ["192.0.2.0/24"]})).status_code == 200
    assert await shop.track() == (403, "Unauthorized IP Address")
    assert await shop.track(**{"x-forwarded-for": "192.0.2.1"}) == (403, "Unauthorized IP Address")
    assert await shop.track(**PAGE) == (200, "")
    assert (await shop.change({"authorized_ips": ["192.0.2.0/24", "127.0.0.1"]})).status_code == 200
    assert await shop.track() == (200, "")


async def test_a_list_that_is_not_sent_stays_and_both_survive_a_restart_without_a_directory(
    shop: Shop,
) -> None:
    await shop.change({"authorized_domains": ["shop.example.com"]})
    await shop.change({"authorized_ips": ["192.0.2.1"]})
    await shop.cell.restart(lose_directory=True)
    fact = shop.cell.directory.project(shop.made.project.project_id)
    assert fact is not None and fact.allow_lists is not None
    assert (fact.allow_lists.domains, fact.allow_lists.networks) == (("shop.example.com",), ("192.0.2.1",))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            {"authorized_domains": ["https://x.example"]},
            "Invalid argument: 'https://x.example' is no host name",
        ),
        ({"authorized_ips": ["home"]}, "Invalid argument: 'home' is no IP address or network"),
        ({"authorized_ips": "127.0.0.1"}, "Invalid request body"),
        (
            {"authorized_ips": [], "retention_days": 7},
            "Invalid argument: retention_days is another region's to set: send it by itself",
        ),
    ],
)
async def test_what_is_no_list_is_refused_and_changes_nothing(shop: Shop, body: Any, text: str) -> None:
    refused = await shop.change(body)
    assert (refused.status_code, refused.json()["error"]) == (400, text)
    assert await shop.track(**OTHER_PAGE) == await shop.track() == (200, "")
