"""The key that signs is exchanged, with two regions and their registry: no token is refused for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import jwt
import pytest
from sqlalchemy import update

from mesh.clock import wall_ms
from mesh.errors import Unauthenticated
from mesh.tokens import USER, verify
from sankofa.org.v1 import keys_pb2 as pb
from sankofa.org.v1 import org_pb2 as org
from sankofa.org.v1.keys_pb2_grpc import TokenKeyServiceStub
from sankofa.org.v1.session_pb2 import SignOutRequest
from services.org.config import OrgConfig
from storage.records.keys import KeyState
from storage.records.tables import token_keys
from tests.support.cells import HINTS, PASSWORD, Cells, Owner, RunningCell, bearer, reason_of, until
from tests.support.nodes import EU, US, make_node

pytestmark = [pytest.mark.disk, pytest.mark.network]

EMAIL = "ada@example.org"


@pytest.fixture
async def cells(pki: Path, tmp_path: Path) -> AsyncIterator[Cells]:
    made = Cells(pki, tmp_path, (EU, US), OrgConfig(heartbeat_s=0.1, key_look_s=0.05))
    async with made as running:
        yield running


@asynccontextmanager
async def operator(cells: Cells, role: str = "operator") -> AsyncIterator[TokenKeyServiceStub]:
    """The keys of eu-west-1, as somebody there calls its internal port."""
    cell = cells.of[EU]
    channel = make_node(cell.pki, region=EU, role=role).node.channel(EU, f"127.0.0.1:{cell.internal_port}")
    yield TokenKeyServiceStub(channel)
    await channel.close()


async def rotate(cells: Cells, *without: str) -> str:
    async with operator(cells) as stub:
        return str((await stub.RotateTokenKey(pb.RotateTokenKeyRequest(without=without))).kid)


async def listed(cells: Cells) -> list[pb.TokenKey]:
    async with operator(cells) as stub:
        return list((await stub.ListTokenKeys(pb.ListTokenKeysRequest())).keys)


async def states(cells: Cells) -> list[KeyState]:
    return [key.state for key in await cells.of[EU].records.keys.keys()]


def in_states(cells: Cells, *wanted: KeyState) -> Callable[[], Awaitable[bool]]:
    async def met() -> bool:
        return await states(cells) == [*wanted]

    return met


async def log_in(cells: Cells) -> str:
    request = org.LoginRequest(hint=HINTS.hint(EMAIL), email=EMAIL, password=PASSWORD)
    return str((await cells.of[EU].orgs().Login(request)).token)


def good_in(cell: RunningCell, token: str) -> bool:
    try:
        return bool(verify(token, directory=cell.directory, audience=USER))
    except Unauthenticated:
        return False


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def signed_up(cells: Cells) -> Owner:
    owner = await cells.sign_up(EU, EMAIL)
    await until(lambda: good_in(cells.of[US], owner.token))
    return owner


async def let_the_last_token_run_out(cells: Cells) -> None:
    """Its time is over, as the records have it."""
    async with cells.of[EU].records._database.write() as connection:
        over = update(token_keys).where(token_keys.c.verifies_until > 0)
        await connection.execute(over.values(verifies_until=wall_ms()))


async def test_people_log_in_and_are_let_in_everywhere_while_the_key_is_exchanged(cells: Cells) -> None:
    owner = await signed_up(cells)
    kids: list[str] = []

    async def traffic() -> None:
        """Every token is good in both regions the moment it is given: no directory is behind a signature."""
        while True:
            token = await log_in(cells)
            assert all(good_in(cell, token) and good_in(cell, owner.token) for cell in cells.of.values())
            request = org.ListProjectsRequest(org_id=owner.org_id)
            await cells.of[EU].orgs().ListProjects(request, metadata=bearer(token))
            kids.append(kid_of(token))
            # An account has a hundred sessions, and a further one ends the oldest.
            await cells.of[EU].sessions().SignOut(SignOutRequest(region=EU), metadata=bearer(token))

    people = asyncio.create_task(traffic())
    await until(lambda: kids)
    for _ in range(3):
        kid = await rotate(cells)
        await until(lambda kid=kid: people.done() or kids[-1] == kid)
        assert not people.done(), people.result()
    people.cancel()
    assert len(set(kids)) == 4
    assert await states(cells) == [KeyState.SIGNING, *[KeyState.VERIFYING] * 3]


async def test_a_retired_keys_tokens_are_refused_in_every_region_and_after_restarts(cells: Cells) -> None:
    owner = await signed_up(cells)
    kid = await rotate(cells)
    await until(in_states(cells, KeyState.SIGNING, KeyState.VERIFYING))
    young = await log_in(cells)
    assert kid_of(young) == kid
    for cell in cells.of.values():
        assert good_in(cell, owner.token) and good_in(cell, young)
    await let_the_last_token_run_out(cells)
    await until(lambda: not good_in(cells.of[EU], owner.token))
    await until(lambda: not good_in(cells.of[US], owner.token))
    projects = cells.of[US].orgs().ListOrgs(org.ListOrgsRequest(region=US), metadata=owner.metadata)
    assert await reason_of(projects) == "INVALID_TOKEN"
    await cells.of[US].restart(lose_directory=True)
    await cells.of[EU].restart(lose_directory=True)
    await until(lambda: good_in(cells.of[US], young) and good_in(cells.of[EU], young))
    assert not good_in(cells.of[EU], owner.token) and not good_in(cells.of[US], owner.token)
    retired = next(key for key in await listed(cells) if key.state == pb.TOKEN_KEY_STATE_RETIRED)
    assert not retired.behind and retired.kid == kid_of(owner.token)
    async with cells.of[EU].records._database.read() as connection:
        kept = await connection.execute(token_keys.select().where(token_keys.c.kid == retired.kid))
        assert kept.one().private_key == b""


async def test_a_registry_that_lost_its_store_hears_of_the_retired_key_again(cells: Cells) -> None:
    owner = await signed_up(cells)
    await rotate(cells)
    await until(in_states(cells, KeyState.SIGNING, KeyState.VERIFYING))
    await let_the_last_token_run_out(cells)
    await until(lambda: not good_in(cells.of[US], owner.token))
    await cells.registry.replace()
    await cells.of[US].restart(lose_directory=True)
    await until(lambda: cells.of[US].directory.jwt_key_retired(EU, kid_of(owner.token)))


async def test_no_key_signs_before_every_directory_has_it_and_a_restart_forgets_nothing(cells: Cells) -> None:
    owner = await signed_up(cells)
    port = cells.of[US].port
    await cells.of[US].stop()
    kid = await rotate(cells)
    assert await rotate(cells) == kid, "the same exchange is joined"
    await until(lambda: _behind(cells, kid, US))
    assert kid_of(await log_in(cells)) == kid_of(owner.token)
    await cells.of[EU].restart()
    assert await states(cells) == [KeyState.ANNOUNCED, KeyState.SIGNING]
    assert kid_of(await log_in(cells)) == kid_of(owner.token)
    cells.of[US].port = port
    await cells.of[US].start()
    await until(in_states(cells, KeyState.SIGNING, KeyState.VERIFYING))
    assert good_in(cells.of[US], await log_in(cells))
    await cells.of[EU].restart()
    await let_the_last_token_run_out(cells)
    await until(in_states(cells, KeyState.SIGNING, KeyState.RETIRED))


async def test_with_the_registry_away_no_key_signs_until_it_is_back(cells: Cells) -> None:
    await signed_up(cells)
    await cells.registry.stop()
    kid = await rotate(cells)
    await until(lambda: _behind(cells, kid, US))
    assert await states(cells) == [KeyState.ANNOUNCED, KeyState.SIGNING]
    await cells.registry.start()
    await until(in_states(cells, KeyState.SIGNING, KeyState.VERIFYING))


async def test_an_operator_need_not_wait_for_a_region_that_is_away(cells: Cells) -> None:
    await signed_up(cells)
    await cells.of[US].stop()
    await rotate(cells)
    await rotate(cells, US)
    await until(in_states(cells, KeyState.SIGNING, KeyState.VERIFYING))
    await cells.of[US].start()
    token = await log_in(cells)
    await until(lambda: good_in(cells.of[US], token))


async def test_only_an_operator_of_the_region_exchanges_or_sees_its_keys(cells: Cells) -> None:
    async with operator(cells, "rest") as stub:
        assert await reason_of(stub.RotateTokenKey(pb.RotateTokenKeyRequest())) == "ROLE_FORBIDDEN"
        assert await reason_of(stub.ListTokenKeys(pb.ListTokenKeysRequest())) == "ROLE_FORBIDDEN"
    async with operator(cells) as stub:
        unknown = stub.RotateTokenKey(pb.RotateTokenKeyRequest(without=["mars-1"]))
        assert await reason_of(unknown) == "INVALID_ARGUMENT"


async def _behind(cells: Cells, kid: str, region: str) -> bool:
    key = next(key for key in await listed(cells) if key.kid == kid)
    return [one.region for one in key.behind] == [region]
