"""Audit webhooks between two regions: their Owners' side of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mesh.context import act_as
from mesh.egress import EgressConfig
from sankofa.org.v1 import webhook_pb2 as pb
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.residency.v1.ledger_pb2 import VERDICT_ALLOWED, VERDICT_REFUSED
from sankofa.residency.v1.options_pb2 import PLANE_EGRESS
from services.org.config import OrgConfig
from tests.support.audit_sending import Taker, verified
from tests.support.cells import Cells, Owner, reason_of, until
from tests.support.nodes import EU, US
from tests.support.receiver import LOOPBACK, receiver
from tests.support.roles import put_member

pytestmark = [pytest.mark.disk, pytest.mark.network]

CONFIG = OrgConfig(webhook_look_s=0.02, export_look_s=0.02)
ACTIVE, PAUSED = pb.WebhookState.WEBHOOK_STATE_ACTIVE, pb.WebhookState.WEBHOOK_STATE_PAUSED


@pytest.fixture
async def cells(pki: Path, tmp_path: Path) -> AsyncIterator[Cells]:
    """eu-west-1 may call this machine; us-east-1, as it comes, may not."""
    made = Cells(pki, tmp_path, (EU, US), CONFIG)
    made.of[EU].egress = EgressConfig(allowed_networks=[LOOPBACK])
    async with made as running:
        yield running


async def create(cells: Cells, owner: Owner, url: str) -> pb.CreateWebhookResponse:
    request = pb.CreateWebhookRequest(org_id=owner.org_id, url=url)
    return await cells.of[owner.region].webhooks().CreateWebhook(request, metadata=owner.metadata)


async def ask(cells: Cells, owner: Owner, rpc: str, **fields: Any) -> Any:
    kind = getattr(pb, f"{rpc}Request")
    call = getattr(cells.of[owner.region].webhooks(), rpc)
    return await call(kind(org_id=owner.org_id, **fields), metadata=owner.metadata)


async def test_an_owner_s_webhook_is_sent_the_log_and_the_ledger_counts_it(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    async with receiver() as there:
        taker = Taker()
        there.behave = taker
        made = await create(cells, owner, there.url)
        taker.secret = made.secret
        hook = made.webhook
        assert made.secret.startswith("whsec_") and (hook.url, hook.state) == (there.url, ACTIVE)
        # The first attempt may have come before the test knew the secret.
        await ask(cells, owner, "UpdateWebhook", webhook_id=hook.webhook_id, state=ACTIVE)
        await until(lambda: taker.actions[-1:] == ["audit.webhook.changed"])

        async def seen() -> bool:
            got = await ask(cells, owner, "GetWebhook", webhook_id=hook.webhook_id)
            return got.webhook.waiting == 0 and got.webhook.delivered_at_unix_ms > 0

        await until(seen)
    listed = await ask(cells, owner, "ListWebhooks")
    assert [each.webhook_id for each in listed.webhooks] == [hook.webhook_id]
    counted = [edge for edge in cells.of[EU].node.ledger.report().edges if edge.plane == PLANE_EGRESS]
    assert {(edge.caller_region, edge.callee_region, edge.rpc, edge.verdict) for edge in counted} == {
        (EU, "external", "egress/audit-webhook", VERDICT_ALLOWED)
    }
    assert counted[0].requests == counted[0].rows == len(there.received) and counted[0].bytes > 0


async def test_a_trial_is_signed_holds_no_row_and_says_what_came_back(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    async with receiver() as there:
        made = await create(cells, owner, there.url)
        hook = {"webhook_id": made.webhook.webhook_id}
        await ask(cells, owner, "UpdateWebhook", **hook, state=PAUSED)
        outcome = await ask(cells, owner, "TestWebhook", **hook)
        assert (outcome.delivered, outcome.status, outcome.error) == (True, 200, "")
        assert verified(made.secret, there.received[-1]) and b"audit.test" in there.received[-1].body
        there.behave = Taker(made.secret, status=302)
        outcome = await ask(cells, owner, "TestWebhook", **hook)
        assert (outcome.delivered, outcome.status, outcome.error) == (False, 302, "it answered 302")
    outcome = await ask(cells, owner, "TestWebhook", **hook)
    assert (outcome.delivered, outcome.status) == (False, 0) and "no connection" in outcome.error


async def test_an_address_that_is_not_public_is_refused_when_it_is_set_and_counted(cells: Cells) -> None:
    owner = await cells.sign_up(US)
    async with receiver() as there:
        for url in (there.url, "https://localhost/", "https://[::1]/", "https://169.254.169.254/latest"):
            assert await reason_of(create(cells, owner, url)) == "EGRESS_REFUSED"
    for url in ("", "hooks.example.com", "ftp://hooks.example.com", "https://u:p@hooks.example.com/"):
        assert await reason_of(create(cells, owner, url)) == "INVALID_ARGUMENT"
    assert there.connections == 0 and not (await ask(cells, owner, "ListWebhooks")).webhooks
    (edge,) = [edge for edge in cells.of[US].node.ledger.report().edges if edge.plane == PLANE_EGRESS]
    assert (edge.verdict, edge.requests, edge.bytes) == (VERDICT_REFUSED, 4, 0)


async def test_only_an_owner_has_a_webhook_and_no_other_organisation_s(cells: Cells) -> None:
    owner, other = await cells.sign_up(EU), await cells.sign_up(EU, "bob@example.org")
    made = await create(cells, owner, "https://hooks.example.com/")
    hook = {"webhook_id": made.webhook.webhook_id}
    act_as("usr_test")
    records = cells.of[EU].records.orgs
    for role, expected in (
        (OrgRole.ORG_ROLE_UNSPECIFIED, "PERMISSION_DENIED"),
        (OrgRole.ORG_ROLE_ADMIN, "PERMISSION_DENIED"),
    ):
        await put_member(records, owner.org_id, other.user_id, role, EU)
        guest = Owner(other.token, other.user_id, owner.org_id, EU)
        assert await reason_of(create(cells, guest, "https://hooks.example.com/")) == expected
        for rpc in ("GetWebhook", "UpdateWebhook", "DeleteWebhook", "TestWebhook", "ReplayDeadLetters"):
            assert await reason_of(ask(cells, guest, rpc, **hook)) == expected
        assert await reason_of(ask(cells, guest, "ListDeadLetters", **hook, limit=1)) == expected
        assert await reason_of(ask(cells, guest, "ListWebhooks")) == expected
    for rpc in ("GetWebhook", "UpdateWebhook", "DeleteWebhook", "TestWebhook", "ReplayDeadLetters"):
        assert await reason_of(ask(cells, other, rpc, **hook)) == "WEBHOOK_NOT_FOUND"
    nobody = Owner("", "", owner.org_id, EU)
    assert await reason_of(ask(cells, nobody, "ListWebhooks")) in ("MISSING_TOKEN", "INVALID_TOKEN")


async def test_a_webhook_and_its_secret_outlive_a_restart_and_rest_sealed(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    async with receiver() as there:
        made = await create(cells, owner, there.url)
        taker = Taker(made.secret)
        there.behave = taker
        cell = cells.of[EU]
        await cell.restart()
        await until(lambda: cell.directory.org(owner.org_id))
        await ask(cells, owner, "UpdateWebhook", webhook_id=made.webhook.webhook_id, state=ACTIVE)
        await until(lambda: taker.actions[-1:] == ["audit.webhook.changed"])
    secret = made.secret.removeprefix("whsec_").encode()
    for path in cell.folder.rglob("*"):
        assert path.is_dir() or secret not in path.read_bytes(), path


async def test_parameters_that_can_t_be_meant_are_refused_with_what_to_do(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    made = await create(cells, owner, "https://hooks.example.com/")
    hook = {"webhook_id": made.webhook.webhook_id}
    for rpc, fields in (
        ("ListDeadLetters", {"limit": 0}),
        ("ListDeadLetters", {"limit": 1001}),
        ("ReplayDeadLetters", {"delivery_ids": ["dlv_other_1"]}),
        ("UpdateWebhook", {"state": 7}),
        ("UpdateWebhook", {"url": "nowhere"}),
    ):
        assert await reason_of(ask(cells, owner, rpc, **hook, **fields)) == "INVALID_ARGUMENT"
    assert (await ask(cells, owner, "ReplayDeadLetters", **hook)).replaying == 0
    await ask(cells, owner, "DeleteWebhook", **hook)
    assert await reason_of(ask(cells, owner, "DeleteWebhook", **hook)) == "WEBHOOK_NOT_FOUND"
