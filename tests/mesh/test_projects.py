"""Projects and keys of a region, with its registry there, away and replaced."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import jwt
import pytest

from mesh.clock import wall_ms
from mesh.context import act_as
from mesh.tokens import PROVISION, USER
from sankofa.ingest.v1 import project_pb2 as pb
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from sankofa.residency.v1.environment_pb2 import Environment
from services.org.config import OrgConfig
from storage.directory.reader import LEASE_MS
from tests.support.cells import HINTS, Cells, Owner, RunningCell, bearer, reason_of, until
from tests.support.nodes import EU, US
from tests.support.roles import put_member, put_project_role

pytestmark = [pytest.mark.disk, pytest.mark.network]


@pytest.fixture
async def cells(pki: Path, tmp_path: Path) -> AsyncIterator[Cells]:
    async with Cells(pki, tmp_path, (EU, US), OrgConfig(heartbeat_s=0.1)) as running:
        yield running


def hash_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def opens(cell: RunningCell, key: pb.MintedKey) -> bool:
    return cell.directory.key(hash_of(key.secret)) is not None


async def in_registry(cells: Cells) -> dict[str, bool]:
    """Key id → revoked, as the registry has it."""
    changes = await cells.registry.store.changes(0, None, 1000)
    rows = [signed.row for _, signed in changes if signed.row.WhichOneof("fact") == "api_key"]
    return {row.api_key.key_id: row.api_key.revoked for row in rows}


async def test_a_project_is_created_in_another_region_and_its_keys_open_there_only(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    made = await cells.create(owner, US)
    project_id = made.project.project_id
    assert made.live_key.secret.startswith("sk_live_") and made.test_key.secret.startswith("sk_test_")
    assert (made.project.region, made.project.name, made.project.org_id) == (US, "Shop", owner.org_id)
    for key, environment in ((made.live_key, 1), (made.test_key, 2)):
        fact = cells.of[US].directory.key(hash_of(key.secret))
        assert fact is not None
        assert (fact.project_id, fact.environment, fact.region) == (project_id, environment, US)
        assert not opens(cells.of[EU], key)
    assert await in_registry(cells) == {made.live_key.key_id: False, made.test_key.key_id: False}
    got = (
        await cells.of[US]
        .projects()
        .GetProject(pb.GetProjectRequest(project_id=project_id), metadata=owner.metadata)
    )
    assert got.project == made.project
    assert await cells.of[EU].records.projects.all() == []


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_a_secret_is_stored_nowhere(cells: Cells, tmp_path: Path) -> None:
    made = await cells.create(await cells.sign_up(EU), US)
    for cell in cells.of.values():
        await cell.stop()
    contents = all_bytes(tmp_path)
    assert made.live_key.key_id.encode() in contents
    assert made.live_key.secret.encode() not in contents


async def test_a_repeated_ticket_replaces_the_keys_of_the_first_try(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    ticket = (await cells.authorise(owner, US)).ticket
    request = pb.ProvisionRequest(region=US, ticket=ticket)
    first = await cells.of[US].projects().Provision(request)
    second = await cells.of[US].projects().Provision(request)
    assert first.project.project_id == second.project.project_id
    assert not opens(cells.of[US], first.live_key) and opens(cells.of[US], second.live_key)


async def test_a_ticket_that_is_forged_expired_or_of_another_region_creates_nothing(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    good = (await cells.authorise(owner, US)).ticket
    claims = jwt.decode(good, options={"verify_signature": False})
    keys = {region: await cells.of[region].token_key() for region in (EU, US)}
    minute = timedelta(minutes=1)
    tickets = {
        "not a token": "x",
        "a user's token": owner.token,
        "for users": keys[EU].sign(claims, issuer=EU, audience=USER, lifetime=minute),
        "expired": keys[EU].sign(claims, issuer=EU, audience=PROVISION, lifetime=-minute),
        "for another region": keys[EU].sign(
            claims | {"region": EU}, issuer=EU, audience=PROVISION, lifetime=minute
        ),
        "not by the primary": keys[US].sign(claims, issuer=US, audience=PROVISION, lifetime=minute),
        "altered": good[:-20] + "A" * 20,
    }
    for what, ticket in tickets.items():
        call = cells.of[US].projects().Provision(pb.ProvisionRequest(region=US, ticket=ticket))
        assert await reason_of(call) == "TICKET_INVALID", what
    assert await cells.of[US].records.projects.all() == []


async def test_a_revoked_key_stays_revoked_after_a_restart_without_the_registry(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    made = await cells.create(owner, US)
    cell = cells.of[US]
    await cells.registry.stop()
    request = pb.RevokeKeyRequest(project_id=made.project.project_id, key_id=made.live_key.key_id)
    for _ in range(2):
        await cell.projects().RevokeKey(request, metadata=owner.metadata)
    assert not opens(cell, made.live_key) and opens(cell, made.test_key)
    for lose_directory in (False, True):
        await cell.restart(lose_directory=lose_directory)
        assert not opens(cell, made.live_key) and opens(cell, made.test_key)

    await cells.registry.start()

    async def told() -> bool:
        return (await in_registry(cells))[made.live_key.key_id]

    await until(told)
    assert not opens(cell, made.live_key)


async def test_a_new_registry_is_told_everything_again(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    made = await cells.create(owner, US)
    request = pb.RevokeKeyRequest(project_id=made.project.project_id, key_id=made.live_key.key_id)
    await cells.of[US].projects().RevokeKey(request, metadata=owner.metadata)
    await cells.registry.replace()

    async def told() -> bool:
        kinds = {
            signed.row.WhichOneof("fact") for _, signed in await cells.registry.store.changes(0, None, 99)
        }
        return kinds == {"signer", "jwt_key", "org", "pin", "api_key"} and len(await in_registry(cells)) == 2

    await until(told)
    assert (await in_registry(cells))[made.live_key.key_id]
    found = await cells.registry.store.find_login_hint(HINTS.hint("ada@example.org"))
    assert found is not None and found[0].row.region == EU
    for cell in cells.of.values():
        await until(lambda cell=cell: cell.directory.org(owner.org_id))


async def test_an_archived_project_takes_no_key_and_opens_to_none(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    made = await cells.create(owner, US)
    stub, project_id = cells.of[US].projects(), made.project.project_id
    for _ in range(2):
        archived = await stub.ArchiveProject(
            pb.ArchiveProjectRequest(project_id=project_id), metadata=owner.metadata
        )
        assert archived.project.state == pb.ProjectState.PROJECT_STATE_ARCHIVED
        assert all(key.revoked for key in archived.project.keys)
    assert not opens(cells.of[US], made.live_key) and not opens(cells.of[US], made.test_key)
    assert await reason_of(mint(cells, project_id, owner.token)) == "PROJECT_ARCHIVED"


def mint(cells: Cells, project_id: str, token: str, environment: Environment = 1):  # type: ignore[no-untyped-def]
    request = pb.MintKeyRequest(project_id=project_id, environment=environment)
    return cells.of[US].projects().MintKey(request, metadata=bearer(token))


async def test_viewers_read_admins_mint_strangers_do_neither(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    project_id = (await cells.create(owner, US)).project.project_id
    minted = (await mint(cells, project_id, owner.token)).key
    assert opens(cells.of[US], minted)
    assert await reason_of(mint(cells, project_id, owner.token, 0)) == "INVALID_ARGUMENT"

    records = cells.of[EU].records.orgs
    act_as("usr_test")
    await put_member(records, owner.org_id, "usr_viewer", OrgRole.ORG_ROLE_MEMBER, US)
    await put_project_role(records, project_id, "usr_viewer", ProjectRole.PROJECT_ROLE_VIEWER)
    await until(lambda: cells.of[US].directory.access("usr_viewer", project_id))
    viewer, stranger = await token(cells, US, "usr_viewer"), await token(cells, EU, "usr_stranger")
    forged = await token(cells, US, owner.user_id)
    get = pb.GetProjectRequest(project_id=project_id)
    stub = cells.of[US].projects()
    assert (await stub.GetProject(get, metadata=bearer(viewer))).project.project_id == project_id
    assert await reason_of(mint(cells, project_id, viewer)) == "PERMISSION_DENIED"
    lists = pb.SetAllowListsRequest(project_id=project_id, authorized_ips=pb.AllowList())
    assert await reason_of(stub.SetAllowLists(lists, metadata=bearer(viewer))) == "PERMISSION_DENIED"
    assert await reason_of(stub.GetProject(get, metadata=bearer(stranger))) == "PERMISSION_DENIED"
    assert await reason_of(stub.GetProject(get, metadata=bearer(forged))) == "INVALID_TOKEN"
    assert await reason_of(stub.GetProject(get)) == "MISSING_TOKEN"


async def token(cells: Cells, issuer: str, user_id: str) -> str:
    key = await cells.of[issuer].token_key()
    return key.sign({"sub": user_id}, issuer=issuer, audience=USER, lifetime=timedelta(minutes=1))


async def test_past_the_lease_reads_go_on_and_mutations_wait(cells: Cells) -> None:
    owner: Owner = await cells.sign_up(EU)
    made = await cells.create(owner, US)
    cell, project_id = cells.of[US], made.project.project_id
    await cells.of[EU].stop()
    cell.clock_ms = lambda: wall_ms() + LEASE_MS + 1_000
    get = pb.GetProjectRequest(project_id=project_id)
    assert (await cell.projects().GetProject(get, metadata=owner.metadata)).project.keys
    assert await reason_of(mint(cells, project_id, owner.token)) == "ACCESS_STALE"
    cell.clock_ms = wall_ms
    assert (await mint(cells, project_id, owner.token)).key.secret
