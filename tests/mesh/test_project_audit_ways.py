"""A project's audit log leaves from its own region: webhooks and exports, for its Admins, over the API."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf.message_factory import GetMessageClass

from mesh.context import act_as
from mesh.egress import EgressConfig
from mesh.exports import exporter
from mesh.plans import Plan
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from sankofa.project.v1 import export_pb2, webhook_pb2
from sankofa.residency.v1.ledger_pb2 import VERDICT_ALLOWED, Edge
from sankofa.residency.v1.options_pb2 import PLANE_EGRESS
from services.org.config import OrgConfig
from storage.records.audit.reading import Filter, Log
from storage.records.audit.table import PROJECT_COLUMNS
from storage.records.projects import Granted
from tests.support.audit_sending import Taker
from tests.support.cells import Cells, Owner, RunningCell, bearer, reason_of, until
from tests.support.nodes import EU, US
from tests.support.receiver import LOOPBACK, receiver
from tests.support.roles import put_member, put_project_role
from tests.support.shim import start_shim

pytestmark = [pytest.mark.disk, pytest.mark.network]

CONFIG = OrgConfig(webhook_look_s=0.1, export_look_s=0.5, heartbeat_s=0.1)
WEBHOOKS, EXPORTS = "/api/v1/audit/webhooks", "/api/v1/audit/exports"
WEBHOOK_RPCS = webhook_pb2.DESCRIPTOR.services_by_name["WebhookService"].methods
EXPORT_RPCS = export_pb2.DESCRIPTOR.services_by_name["AuditExportService"].methods
GONE = "The export is not there, or no more: order a new one"
ADDRESS = "https://hooks.example.com/"


@dataclass
class Project:
    """A project in us-east-1 of an organisation whose primary region is eu-west-1, at the former's shim."""

    cells: Cells
    owner: Owner
    project_id: str
    http: httpx.AsyncClient

    @property
    def scope(self) -> dict[str, str]:
        return {"project_id": self.project_id}

    @property
    def cell(self) -> RunningCell:
        return self.cells.of[US]

    async def ask(self, method: str, path: str, token: str = "", **more: Any) -> httpx.Response:
        headers = {} if "signature" in path else dict(bearer(token or self.owner.token))
        return await self.http.request(method, path, headers=headers, timeout=30, **more)

    async def upgrade(self, plan: Plan) -> None:
        """At the primary region, until the project's has heard of it."""
        act_as("usr_test")
        await self.cells.of[EU].records.orgs.set_plan(self.owner.org_id, plan)

        async def heard() -> bool:
            return await self.cell.records.projects.plan(self.project_id) == plan

        await until(heard)

    async def ready(self, export_id: str) -> dict[str, Any]:
        """The export, once its file is there."""
        one = f"{EXPORTS}/{export_id}"

        async def there() -> bool:
            return (await self.ask("GET", one, params=self.scope)).json()["download_url"] is not None

        await until(there)
        found: dict[str, Any] = (await self.ask("GET", one, params=self.scope)).json()
        return found

    async def log(self) -> list[tuple[str, str, str]]:
        """Actions, actors and their e-mails, oldest first."""
        rows = await self.cell.records.audit.page(Log.PROJECT, self.project_id, Filter(), 999)
        return [(row.action, row.actor_id, row.actor_email) for row in reversed(rows)]


@pytest.fixture
async def project(pki: Path, tmp_path: Path) -> AsyncIterator[Project]:
    """us-east-1 may call this machine; eu-west-1, which has the organisation, may not."""
    cells = Cells(pki, tmp_path, (EU, US), CONFIG)
    cells.of[US].egress = EgressConfig(allowed_networks=[LOOPBACK])
    async with cells, AsyncExitStack() as stack:
        owner = await cells.sign_up(EU)
        made = await cells.create(owner, US)
        internal = f"127.0.0.1:{cells.of[US].internal_port}"
        registry = f"127.0.0.1:{cells.registry.port}"
        directory = cells.of[US].directory
        shim = await start_shim(
            stack, pki, directory, region=US, cell_address=internal, registry_address=registry
        )
        yield Project(cells, owner, made.project.project_id, shim.http)


async def test_a_projects_rows_are_sent_from_its_own_region_with_ids_and_no_e_mails(project: Project) -> None:
    async with receiver() as there:
        created = await project.ask("POST", WEBHOOKS, json={**project.scope, "url": there.url})
        assert created.status_code == 201, created.text
        taker = there.behave = Taker(created.json()["secret"])
        one = f"{WEBHOOKS}/{created.json()['webhook']['id']}"
        # The first attempt may have come before the test knew the secret.
        await project.ask("PATCH", one, params=project.scope, json={"state": "active"})
        await until(lambda: taker.actions[-1:] == ["audit.webhook.changed"])
        # The organisation's region has no part in it.
        await project.cells.of[EU].stop()
        act_as("usr_here", "here@example.org")
        await project.cell.records.projects.archive(project.project_id, 1)
        await until(lambda: "project.archived" in taker.actions)
        listed = (await project.ask("GET", WEBHOOKS, params=project.scope)).json()["webhooks"]
        assert [each["url"] for each in listed] == [there.url]
        # While the receiver is there: an attempt that comes after it is counted, and received by nobody.
        await until(lambda: sent(project).requests == sent(project).answered == len(there.received))
        edge = sent(project)
        assert (edge.caller_region, edge.rpc) == (US, "egress/audit-webhook")
        assert edge.requests == edge.rows == len(there.received)
    assert not taker.forged
    assert {body["project_id"] for body in taker.bodies} == {project.project_id}
    assert not any("org_id" in body for body in taker.bodies)
    actors = [body["row"]["actor"] for body in taker.bodies]
    assert actors[0] == {"id": project.owner.user_id, "email": None}
    assert actors[-1] == {"id": "usr_here", "email": None}


def sent(project: Project) -> Edge:
    """What the project's region has counted of its way out."""
    edges = [edge for edge in project.cell.node.ledger.report().edges if edge.plane == PLANE_EGRESS]
    (edge,) = [edge for edge in edges if edge.verdict == VERDICT_ALLOWED]
    return edge


async def test_a_trial_dead_letters_a_replay_and_the_end_of_a_webhook(project: Project) -> None:
    async with receiver() as there:
        made = (await project.ask("POST", WEBHOOKS, json={**project.scope, "url": there.url})).json()
        one, scope = f"{WEBHOOKS}/{made['webhook']['id']}", {"params": project.scope}
        await project.ask("PATCH", one, **scope, json={"state": "paused"})
        tried = await project.ask("POST", f"{one}/test", **scope)
        assert tried.json() == {"ok": True, "delivered": True, "status": 200, "error": None}
    letters = await project.ask("GET", f"{one}/dead-letters", **scope)
    assert letters.json() == {"ok": True, "dead_letters": [], "next_cursor": None}
    replay = await project.ask("POST", f"{one}/replay", **scope, json={})
    assert (replay.status_code, replay.json()["replaying"]) == (202, 0)
    assert (await project.ask("DELETE", one, **scope)).status_code == 200
    gone = await project.ask("GET", one, **scope)
    assert (gone.status_code, gone.json()["error"]) == (404, "Webhook not found")
    told = [row for row in await project.log() if row[0].startswith("audit.webhook.")]
    ours = (project.owner.user_id, "")
    assert told == [
        ("audit.webhook.created", *ours),
        ("audit.webhook.changed", *ours),
        ("audit.webhook.replayed", *ours),
        ("audit.webhook.deleted", *ours),
    ]


async def test_an_address_inside_the_region_is_refused(project: Project) -> None:
    project.cell.egress = EgressConfig()
    for url in ("https://10.0.0.1/", "https://169.254.169.254/latest"):
        refused = await project.ask("POST", WEBHOOKS, json={**project.scope, "url": url})
        assert refused.status_code == 400 and "not public" in refused.json()["error"]


async def test_a_projects_export_lies_in_its_region_and_names_nobody(project: Project) -> None:
    await project.upgrade("hobby")
    refused = await project.ask("POST", EXPORTS, json=project.scope)
    assert refused.status_code == 403 and "needs the Pro plan" in refused.json()["error"]
    await project.upgrade("pro")
    await project.ask("GET", "/api/v1/audit", params=project.scope)
    ordered = await project.ask("POST", EXPORTS, json=project.scope)
    assert ordered.status_code == 202, ordered.text
    got = await project.ready(ordered.json()["export"]["id"])
    link = httpx.URL(got["download_url"])
    assert link.params["project_id"] == project.project_id and "org_id" not in link.params
    fetched = await project.ask("GET", link.raw_path.decode())
    assert fetched.status_code == 200 and fetched.headers["x-sankofa-region"] == US
    head, *rows = csv.reader(io.StringIO(fetched.text, newline=""))
    assert tuple(head) == PROJECT_COLUMNS and "actor_email" not in head
    assert len(rows) == got["export"]["rows"] and len(fetched.content) == got["export"]["bytes"]
    actors = {row[head.index("actor_id")] for row in rows}
    assert actors == {project.owner.user_id} and "@" not in fetched.text
    assert "audit.read" in [row[head.index("action")] for row in rows]
    where = {region: sorted(cell.folder.rglob("exp_*")) for region, cell in project.cells.of.items()}
    assert where[EU] == [] and [path.name for path in where[US]] == [got["export"]["id"]]
    told = [row for row in await project.log() if "export" in row[0]]
    ours = (project.owner.user_id, "")
    assert told == [("audit.exported", *ours), ("audit.export.downloaded", *ours)]


async def test_a_smaller_plan_closes_the_gate_and_what_was_made_can_still_be_fetched(
    project: Project,
) -> None:
    await project.upgrade("growth")
    made = (await project.ask("POST", EXPORTS, json=project.scope)).json()["export"]["id"]
    await project.ready(made)
    await project.upgrade("hobby")
    refused = await project.ask("POST", EXPORTS, json=project.scope)
    assert (refused.status_code, "needs the Pro plan" in refused.json()["error"]) == (403, True)
    link = httpx.URL((await project.ready(made))["download_url"])
    assert (await project.ask("GET", link.raw_path.decode())).status_code == 200
    listed = (await project.ask("GET", EXPORTS, params=project.scope)).json()["exports"]
    assert [each["id"] for each in listed] == [made]


async def test_until_the_plan_is_known_an_order_may_succeed_later(project: Project) -> None:
    await project.upgrade("hobby")
    records = project.cell.records.projects
    await records.set_granted({project.project_id: Granted(audit_days=90, plan=None)})
    later = await project.ask("POST", EXPORTS, json=project.scope)
    assert later.status_code == 503 and later.headers["retry-after"]


async def test_an_order_outlives_a_restart_of_the_projects_region_and_leftovers_are_swept(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    await project.upgrade("pro")
    with monkeypatch.context() as cut:
        cut.setattr(exporter.Exporter, "_make", _cut_off)
        made = (await project.ask("POST", EXPORTS, json=project.scope)).json()["export"]["id"]
        await project.cell.stop()
        files = project.cell.folder / "project-blobs"
        files.mkdir(exist_ok=True)
        (files / f"{made}.part").write_text("half")
    await project.cell.start()
    exports = project.cell.records.project_deliveries.exports

    async def ready() -> bool:
        found = await exports.one(project.project_id, made)
        return found is not None and found.state == "ready"

    await until(ready)
    await until(lambda: [path.name for path in files.iterdir()] == [made])


async def _cut_off(*_: object) -> None:
    """An exporter that was killed before it had made anything."""


async def test_only_an_admin_of_the_project_sends_it_out_and_a_link_ends_with_the_role(
    project: Project,
) -> None:
    await project.upgrade("pro")
    made = (await project.ask("POST", EXPORTS, json=project.scope)).json()["export"]["id"]
    link = httpx.URL((await project.ready(made))["download_url"])
    other = await project.cells.sign_up(EU, "bob@example.org")
    stranger = [
        await project.ask("POST", WEBHOOKS, other.token, json={**project.scope, "url": ADDRESS}),
        await project.ask("GET", WEBHOOKS, other.token, params=project.scope),
        await project.ask("POST", EXPORTS, other.token, json=project.scope),
        await project.ask("GET", f"{EXPORTS}/{made}", other.token, params=project.scope),
    ]
    assert [answer.status_code for answer in stranger] == [403] * 4
    changed = link.copy_set_param("user", other.user_id)
    assert (await project.ask("GET", changed.raw_path.decode())).status_code == 403
    act_as("usr_test")
    orgs = project.cells.of[EU].records.orgs
    await put_member(orgs, project.owner.org_id, other.user_id, OrgRole.ORG_ROLE_OWNER, EU)
    await put_member(orgs, project.owner.org_id, project.owner.user_id, OrgRole.ORG_ROLE_MEMBER, EU)

    async def no_admin_any_more() -> bool:
        fetched = await project.ask("GET", link.raw_path.decode())
        return fetched.status_code == 403 and "Permission denied" in fetched.json()["error"]

    await until(no_admin_any_more)
    refused = await project.ask("POST", WEBHOOKS, json={**project.scope, "url": ADDRESS})
    assert refused.status_code == 403


async def test_no_rpc_about_what_goes_out_is_for_who_has_no_role_or_may_only_look(project: Project) -> None:
    eve = await project.cells.sign_up(EU, "eve@example.org")
    channel = project.cell.internal_channel()

    async def refusals() -> dict[str, str]:
        found = {}
        for method in (*WEBHOOK_RPCS, *(rpc for rpc in EXPORT_RPCS if rpc.name != "Download")):
            kind, answer = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
            call = channel.unary_unary(  # type: ignore[attr-defined]
                f"/{method.containing_service.full_name}/{method.name}",
                request_serializer=kind.SerializeToString,
                response_deserializer=answer.FromString,
            )
            request = kind(project_id=project.project_id)
            found[method.name] = await reason_of(call(request, metadata=eve.metadata))
        return found

    assert set((await refusals()).values()) == {"PERMISSION_DENIED"}
    act_as("usr_test")
    primary = project.cells.of[EU].records
    await put_member(primary.orgs, project.owner.org_id, eve.user_id, OrgRole.ORG_ROLE_MEMBER, EU)
    editor = ProjectRole.PROJECT_ROLE_EDITOR
    await put_project_role(primary.orgs, project.project_id, eve.user_id, editor)
    await until(lambda: project.cell.directory.access(eve.user_id, project.project_id))
    assert set((await refusals()).values()) == {"PERMISSION_DENIED"}


async def test_a_link_of_one_project_opens_nothing_of_another_nor_of_the_organisation(
    project: Project,
) -> None:
    await project.upgrade("pro")
    made = (await project.ask("POST", EXPORTS, json=project.scope)).json()["export"]["id"]
    link = httpx.URL((await project.ready(made))["download_url"])
    spare = (await project.cells.create(project.owner, US)).project.project_id
    for scope in ({"project_id": spare}, {"org_id": project.owner.org_id}, {"project_id": "proj_none"}):
        params = {name: value for name, value in link.params.items() if name != "project_id"} | scope
        path = link.copy_with(params=params).raw_path.decode()
        assert (await project.ask("GET", path)).status_code == 403
    elsewhere = await project.ask("GET", f"{EXPORTS}/{made}", params={"project_id": spare})
    assert (elsewhere.status_code, elsewhere.json()["error"]) == (404, GONE)


@pytest.mark.parametrize("named", [{}, {"org_id": "org_1", "project_id": "proj_1"}])
async def test_exactly_one_log_is_named(project: Project, named: dict[str, str]) -> None:
    answers = [
        await project.ask("GET", WEBHOOKS, params=named),
        await project.ask("POST", WEBHOOKS, json={**named, "url": ADDRESS}),
        await project.ask("GET", EXPORTS, params=named),
        await project.ask("POST", EXPORTS, json=named),
    ]
    for answer in answers:
        assert (answer.status_code, "exactly one of" in answer.json()["error"]) == (400, True)


async def test_a_project_of_another_region_is_not_found(project: Project) -> None:
    abroad = (await project.cells.create(project.owner, EU)).project.project_id
    await until(lambda: project.cell.directory.org(project.owner.org_id))
    for answer in (
        await project.ask("GET", WEBHOOKS, params={"project_id": abroad}),
        await project.ask("POST", EXPORTS, json={"project_id": abroad}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (404, "Project not found")
