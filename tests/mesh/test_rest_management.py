"""Management over real HTTP: who is asked, in which order, with which token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvloop

from mesh.context import current
from mesh.directory import OrgFact, RegionFact
from mesh.errors import Unauthenticated, Unavailable
from mesh.regions import GLOBAL
from mesh.server import MeshServer
from mesh.signing import RowSigner
from sankofa.ingest.v1 import project_pb2, project_pb2_grpc
from sankofa.org.v1 import org_pb2, org_pb2_grpc
from sankofa.registry.v1 import registry_pb2, registry_pb2_grpc
from sankofa.registry.v1.registry_pb2 import LoginHint, Row
from sankofa.residency.v1.environment_pb2 import Environment
from sankofa.residency.v1.error_pb2 import ErrorReason
from tests.support.nodes import AF, EU, US, MemoryDirectory, make_node
from tests.support.shim import BEARER, NOWHERE, Running, known_here, service, start_shim, until

pytestmark = [pytest.mark.network, pytest.mark.disk]

TOKEN = {"authorization": f"Bearer {BEARER}"}
NEW = {"org_id": "org_us", "name": "New", "region": US}


@dataclass
class Elsewhere(
    org_pb2_grpc.OrgServiceServicer,
    project_pb2_grpc.ProjectServiceServicer,
    registry_pb2_grpc.RegistryServiceServicer,
):
    """The federated port of us-east-1, and the registry: remembers what it is asked, and with which token."""

    asked: list[tuple[str, str | None]] = field(default_factory=list)
    hints: dict[str, registry_pb2.FindLoginHintResponse] = field(default_factory=dict)
    away: bool = False

    def _ask(self, rpc: str) -> None:
        self.asked.append((rpc, current().token))

    async def FindLoginHint(
        self, request: registry_pb2.FindLoginHintRequest, context: Any
    ) -> registry_pb2.FindLoginHintResponse:
        return self.hints.get(request.hint, registry_pb2.FindLoginHintResponse())

    async def Login(self, request: org_pb2.LoginRequest, context: Any) -> org_pb2.LoginResponse:
        self._ask("Login")
        if not request.email:
            raise Unauthenticated(ErrorReason.ERROR_REASON_LOGIN_FAILED)
        user = org_pb2.User(user_id="usr_1", email=request.email, home_region=US)
        return org_pb2.LoginResponse(token="tok", refresh_token="next", user=user)

    async def AuthorizeCreate(
        self, request: org_pb2.AuthorizeCreateRequest, context: Any
    ) -> org_pb2.AuthorizeCreateResponse:
        self._ask(f"AuthorizeCreate {request.name} {request.region}")
        return org_pb2.AuthorizeCreateResponse(project_id="proj_new", ticket="ticket")

    async def Provision(
        self, request: project_pb2.ProvisionRequest, context: Any
    ) -> project_pb2.ProvisionResponse:
        self._ask(f"Provision {request.ticket}")
        live, test = Environment.ENVIRONMENT_LIVE, Environment.ENVIRONMENT_TEST
        return project_pb2.ProvisionResponse(
            project=project_pb2.Project(project_id="proj_new", org_id="org_us", name="New", region=US),
            live_key=project_pb2.MintedKey(key_id="key_l", environment=live, secret="sk_live_new"),
            test_key=project_pb2.MintedKey(key_id="key_t", environment=test, secret="sk_test_new"),
        )

    async def CompleteCreate(
        self, request: org_pb2.CompleteCreateRequest, context: Any
    ) -> org_pb2.CompleteCreateResponse:
        self._ask(f"CompleteCreate {request.project_id}")
        if self.away:
            raise Unavailable()
        return org_pb2.CompleteCreateResponse()


class Late(dict[str, OrgFact]):
    """Organisations whose rows are still on their way: says whether one was looked for in vain."""

    missed = False

    def get(self, key: str, default: Any = None) -> Any:
        self.missed = self.missed or key not in self
        return super().get(key, default)


@dataclass
class Mesh(Running):
    """A shim of eu-west-1, the registry, and us-east-1 with an organisation that is about to exist."""

    elsewhere: Elsewhere
    directory: MemoryDirectory


@pytest.fixture
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """The loop that the server runs on."""
    return uvloop.EventLoopPolicy()


@pytest.fixture
async def mesh(pki: Path) -> AsyncIterator[Mesh]:
    """us-east-1 and the registry on real ports, and a shim that knows them."""
    async with AsyncExitStack() as stack:
        directory, elsewhere = known_here(), Elsewhere()
        org = org_pb2_grpc.add_OrgServiceServicer_to_server
        project = project_pb2_grpc.add_ProjectServiceServicer_to_server
        registry = registry_pb2_grpc.add_RegistryServiceServicer_to_server
        services = [
            service(org, elsewhere, org_pb2, "OrgService"),
            service(project, elsewhere, project_pb2, "ProjectService"),
        ]
        address = await _federated(stack, pki, US, "cell", services)
        directory.catalogue[US] = RegionFact(US, "US East", "open", "http://us", address)
        directory.catalogue[AF] = RegionFact(AF, "Africa", "roadmap", "", "")
        rows = [service(registry, elsewhere, registry_pb2, "RegistryService")]
        where = await _federated(stack, pki, GLOBAL, "registry", rows)
        running = await start_shim(stack, pki, directory, cell_address=NOWHERE, registry_address=where)
        yield Mesh(**vars(running), elsewhere=elsewhere, directory=directory)


async def _federated(stack: AsyncExitStack, pki: Path, region: str, role: str, services: Any) -> str:
    node = make_node(pki, region=region, role=role).node
    server = MeshServer(
        credentials=node.credentials,
        hop_of=node.arrival,
        services=services,
        internal=None,
        federated="127.0.0.1:0",
    )
    await server.start()
    stack.push_async_callback(server.drain, 0)
    return f"127.0.0.1:{server.federated_port}"


async def test_a_project_is_created_by_ticket_and_its_secrets_come_straight_from_its_region(
    mesh: Mesh,
) -> None:
    late = mesh.directory.orgs = Late()
    creating = asyncio.create_task(mesh.http.post("/api/v1/projects", headers=TOKEN, json=NEW))
    await until(lambda: late.missed)
    late["org_us"] = OrgFact("org_us", US, 1)
    answer = await creating
    assert answer.status_code == 201
    assert answer.json()["project"]["region"] == US
    assert {name: key["secret"] for name, key in answer.json()["keys"].items()} == {
        "live": "sk_live_new",
        "test": "sk_test_new",
    }
    steps = [
        (f"AuthorizeCreate New {US}", BEARER),
        ("Provision ticket", None),
        ("CompleteCreate proj_new", BEARER),
    ]
    assert mesh.elsewhere.asked == steps


async def test_a_project_whose_organisation_can_not_be_told_is_still_shown_with_its_keys(mesh: Mesh) -> None:
    mesh.elsewhere.away = True
    mesh.directory.orgs["org_us"] = OrgFact("org_us", US, 1)
    answer = await mesh.http.post("/api/v1/projects", headers=TOKEN, json=NEW)
    assert (answer.status_code, answer.json()["keys"]["live"]["secret"]) == (201, "sk_live_new")


@pytest.mark.parametrize(
    ("region", "status", "text"), [(AF, 409, "Region not open yet"), ("mars-1", 400, "Unknown region")]
)
async def test_a_region_that_is_not_open_takes_no_project(
    mesh: Mesh, region: str, status: int, text: str
) -> None:
    mesh.directory.orgs["org_us"] = OrgFact("org_us", US, 1)
    answer = await mesh.http.post("/api/v1/projects", headers=TOKEN, json=NEW | {"region": region})
    assert (answer.status_code, answer.json()["error"]) == (status, text)
    assert not mesh.elsewhere.asked


async def test_a_login_is_judged_by_the_accounts_home_region(mesh: Mesh) -> None:
    mesh.elsewhere.hints["ada@example.com"] = vouched(mesh.pki, US, "ada@example.com")
    body = {"email": "Ada@example.com", "password": "secret"}
    answer = await mesh.http.post("/api/v1/auth/login", json=body)
    assert answer.json() == {
        "ok": True,
        "token": "tok",
        "refresh_token": "next",
        "user": {"id": "usr_1", "email": "Ada@example.com", "home_region": US},
        "orgs": [],
    }
    assert mesh.elsewhere.asked == [("Login", None)]


def vouched(pki: Path, region: str, hint: str) -> registry_pb2.FindLoginHintResponse:
    """A hint's row, signed by a region."""
    signer = RowSigner.load(pki, region)
    row = signer.sign(Row(region=region, login_hint=LoginHint(hint=hint)))
    return registry_pb2.FindLoginHintResponse(row=row, signer=signer.signer_row())


async def test_a_password_goes_nowhere_on_the_word_of_the_registry_alone(mesh: Mesh) -> None:
    honest, other = (vouched(mesh.pki, US, hint) for hint in ("ada@example.com", "eve@example.com"))
    moved = vouched(mesh.pki, EU, "ada@example.com")
    moved.row.row.region = US
    unsigned = registry_pb2.FindLoginHintResponse(row=honest.row)
    unsigned.row.signature = b""
    for lie in (other, moved, unsigned):
        mesh.elsewhere.hints["ada@example.com"] = lie
        answer = await mesh.http.post(
            "/api/v1/auth/login", json={"email": "ada@example.com", "password": "x"}
        )
        assert answer.status_code == 503
    assert not mesh.elsewhere.asked


async def test_an_unknown_account_is_refused_in_the_words_of_a_wrong_password(mesh: Mesh) -> None:
    """And after as much work: a region judges it, without being told the e-mail."""
    del mesh.directory.catalogue[EU]
    answer = await mesh.http.post("/api/v1/auth/login", json={"email": "eve@example.com", "password": "x"})
    assert (answer.status_code, answer.json()["error"]) == (401, "Wrong e-mail or password")
    assert mesh.elsewhere.asked == [("Login", None)]


async def test_with_the_registry_away_a_login_is_503(pki: Path) -> None:
    async with AsyncExitStack() as stack:
        running = await start_shim(stack, pki, known_here(), cell_address=NOWHERE)
        answer = await running.http.post("/api/v1/auth/login", json={"email": "ada", "password": "x"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_with_the_cell_away_events_are_503_and_the_shim_is_not_ready(mesh: Mesh) -> None:
    assert (await mesh.track()).status_code == 503
    answer = await mesh.http.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (await mesh.http.get("/healthz")).status_code == 200
