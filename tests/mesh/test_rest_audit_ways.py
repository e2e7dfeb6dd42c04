"""Audit webhooks and exports over the public API, from an Owner's first request to the receiver's check."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mesh.context import act_as
from mesh.egress import EgressConfig
from storage.analytics.engine import Engine
from tests.support.audit_sending import Taker
from tests.support.cells import until
from tests.support.nodes import EU
from tests.support.receiver import LOOPBACK, receiver
from tests.support.region import Region, open_region

pytestmark = [pytest.mark.network, pytest.mark.disk]

WEBHOOKS, EXPORTS = "/api/v1/audit/webhooks", "/api/v1/audit/exports"


@pytest.fixture
async def region(pki: Path, tmp_path: Path, engine: Engine) -> AsyncIterator[Region]:
    (tmp_path / EU).mkdir()
    async with open_region(pki, tmp_path, engine, egress=EgressConfig(allowed_networks=[LOOPBACK])) as opened:
        yield opened


@pytest.fixture
def in_org(region: Region) -> dict[str, str]:
    return {"org_id": region.org_id}


async def ask(region: Region, method: str, path: str, **more: Any) -> httpx.Response:
    return await region.shim.http.request(method, path, headers=region.bearer, timeout=30, **more)


async def test_a_webhook_from_its_making_to_its_end(region: Region, in_org: dict[str, str]) -> None:
    async with receiver() as there:
        created = await ask(region, "POST", WEBHOOKS, json={**in_org, "url": there.url})
        assert created.status_code == 201
        hook, taker = created.json()["webhook"], Taker(created.json()["secret"])
        one = f"{WEBHOOKS}/{hook['id']}"
        there.behave = taker
        paused = await ask(region, "PATCH", one, params=in_org, json={"state": "paused"})
        assert paused.json()["webhook"]["state"] == "paused"
        tried = await ask(region, "POST", f"{one}/test", params=in_org)
        assert tried.json() == {"ok": True, "delivered": True, "status": 200, "error": None}
        await ask(region, "PATCH", one, params=in_org, json={"state": "active"})
        await until(lambda: any(body["type"] == "audit.row" for body in taker.bodies))
        assert not taker.forged

        async def caught_up() -> bool:
            found = (await ask(region, "GET", one, params=in_org)).json()["webhook"]
            return found["waiting"] == 0 and found["delivered_at"] is not None

        await until(caught_up)
        listed = (await ask(region, "GET", WEBHOOKS, params=in_org)).json()["webhooks"]
        assert [each["id"] for each in listed] == [hook["id"]] and "secret" not in str(listed)
        letters = await ask(region, "GET", f"{one}/dead-letters", params=in_org)
        assert letters.json() == {"ok": True, "dead_letters": [], "next_cursor": None}
        replay = await ask(region, "POST", f"{one}/replay", params=in_org, json={})
        assert (replay.status_code, replay.json()["replaying"]) == (202, 0)
        assert (await ask(region, "DELETE", one, params=in_org)).json() == {"ok": True}
        gone = await ask(region, "GET", one, params=in_org)
        assert (gone.status_code, gone.json()["error"]) == (404, "Webhook not found")


@pytest.mark.parametrize(
    ("method", "path", "sent", "says"),
    [
        ("GET", WEBHOOKS, {"params": {}}, "exactly one of org_id and project_id"),
        ("PATCH", f"{WEBHOOKS}/whk_1", {"json": {}}, "url and state can be changed"),
        ("PATCH", f"{WEBHOOKS}/whk_1", {"json": {"state": "off"}}, "Invalid request body"),
        ("GET", f"{WEBHOOKS}/whk_1/dead-letters", {"params": {"cursor": "x"}}, "next_cursor"),
        ("GET", f"{WEBHOOKS}/whk_1/dead-letters", {"params": {"limit": "0"}}, "limit is 1 to 1000"),
        ("POST", WEBHOOKS, {"json": {"url": "https://10.0.0.1/"}}, "not public"),
        ("POST", WEBHOOKS, {"json": {"url": "https://u:p@example.com/"}}, "user or a password"),
        ("POST", EXPORTS, {"json": {"since": "yesterday"}}, "RFC 3339"),
        ("POST", EXPORTS, {"json": {"since": "1970-01-01T00:00:00Z"}}, "after 1970"),
    ],
)
async def test_what_can_t_be_meant_is_400_and_says_what_to_do(
    region: Region, in_org: dict[str, str], method: str, path: str, sent: dict[str, Any], says: str
) -> None:
    if sent.get("params") != {}:
        if method == "POST":
            sent = {"json": {**in_org, **sent["json"]}}
        else:
            sent = {**sent, "params": {**in_org, **sent.get("params", {})}}
    answered = await ask(region, method, path, **sent)
    assert answered.status_code == 400 and says in answered.json()["error"], answered.text


async def test_an_export_from_its_order_to_its_file(region: Region, in_org: dict[str, str]) -> None:
    refused = await ask(region, "POST", EXPORTS, json=in_org)
    assert (refused.status_code, "needs the Pro plan" in refused.json()["error"]) == (403, True)
    act_as("usr_test")
    await region.cells.of[EU].records.orgs.set_plan(region.org_id, "pro")
    await ask(region, "POST", WEBHOOKS, json={**in_org, "url": "https://hooks.example.com/"})
    ordered = await ask(region, "POST", EXPORTS, json={**in_org, "since": "2026-01-01T00:00:00Z"})
    assert ordered.status_code == 202
    export = ordered.json()["export"]
    assert export["since"] == "2026-01-01T00:00:00.000Z"
    one = f"{EXPORTS}/{export['id']}"

    async def ready() -> bool:
        return bool((await ask(region, "GET", one, params=in_org)).json()["download_url"])

    await until(ready)
    got = (await ask(region, "GET", one, params=in_org)).json()
    assert got["export"]["state"] == "ready" and got["export"]["deleted_at"] > got["export"]["ready_at"]
    link = httpx.URL(got["download_url"])
    fetched = await region.shim.http.get(link.raw_path.decode())  # no token: the link is the credential
    assert fetched.status_code == 200 and fetched.headers["x-sankofa-region"] == EU
    assert fetched.headers["content-type"] == "text/csv; charset=utf-8"
    assert export["id"] in fetched.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(fetched.text, newline="")))
    assert "audit.webhook.created" in [row["action"] for row in rows]
    assert len(rows) == got["export"]["rows"] and len(fetched.content) == got["export"]["bytes"]
    listed = (await ask(region, "GET", EXPORTS, params=in_org)).json()["exports"]
    assert [each["id"] for each in listed] == [export["id"]]


@pytest.mark.parametrize("changed", [{"signature": "0" * 64}, {"org_id": "org_x"}, {"expires": "soon"}, {}])
async def test_a_link_that_is_not_whole_is_403(
    region: Region, in_org: dict[str, str], changed: dict[str, str]
) -> None:
    link = {**in_org, "user": "usr_1", "expires": "9999999999999", "signature": "00", **changed}
    refused = await region.shim.http.get(f"{EXPORTS}/exp_1/download", params=link if changed else {})
    assert refused.status_code == 403 and "read the export" in refused.json()["error"]
