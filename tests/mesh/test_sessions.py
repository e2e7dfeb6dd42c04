"""Sessions between two regions and their registry: an end of one is an end everywhere, and stays one."""

from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncIterator
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import delete

from mesh.errors import RateLimited, Unauthenticated
from mesh.tokens import USER, verify
from sankofa.org.v1 import org_pb2 as org
from sankofa.org.v1 import session_pb2 as pb
from services.org.config import OrgConfig
from services.org.throttle import OF_AN_ACCOUNT
from storage.records.tables import refresh_secret
from tests.support.cells import HINTS, PASSWORD, Cells, Owner, RunningCell, bearer, reason_of, until
from tests.support.nodes import EU, US

pytestmark = [pytest.mark.disk, pytest.mark.network]

EMAIL = "ada@example.org"


@pytest.fixture
async def cells(pki: Path, tmp_path: Path) -> AsyncIterator[Cells]:
    async with Cells(pki, tmp_path, (EU, US), OrgConfig(heartbeat_s=0.1)) as running:
        yield running


def good_in(cell: RunningCell, token: str) -> bool:
    try:
        return bool(verify(token, directory=cell.directory, audience=USER))
    except Unauthenticated:
        return False


async def log_in(cells: Cells, *, password: str = PASSWORD) -> org.LoginResponse:
    request = org.LoginRequest(hint=HINTS.hint(EMAIL), email=EMAIL, password=password)
    answer: org.LoginResponse = await cells.of[EU].orgs().Login(request)
    return answer


async def sign_out(cells: Cells, token: str, *, everywhere: bool = False) -> None:
    request = pb.SignOutRequest(region=EU, everywhere=everywhere)
    await cells.of[EU].sessions().SignOut(request, metadata=bearer(token))


async def signed_up(cells: Cells) -> Owner:
    owner = await cells.sign_up(EU, EMAIL)
    await until(lambda: good_in(cells.of[US], owner.token))
    return owner


async def test_a_sign_out_is_refused_in_every_region_and_after_restarts(cells: Cells) -> None:
    owner = await signed_up(cells)
    stays = await log_in(cells)
    await sign_out(cells, owner.token)
    assert not good_in(cells.of[EU], owner.token)
    await until(lambda: not good_in(cells.of[US], owner.token))
    await cells.of[US].restart()
    await cells.of[EU].restart(lose_directory=True)
    assert not good_in(cells.of[US], owner.token) and not good_in(cells.of[EU], owner.token)
    await cells.of[US].restart(lose_directory=True)
    await until(lambda: good_in(cells.of[US], stays.token))
    assert not good_in(cells.of[US], owner.token)


async def test_with_the_registry_away_the_home_refuses_at_once_and_the_others_when_it_is_back(
    cells: Cells,
) -> None:
    owner = await signed_up(cells)
    await cells.registry.stop()
    await sign_out(cells, owner.token)
    assert not good_in(cells.of[EU], owner.token)
    await cells.of[EU].restart()
    assert not good_in(cells.of[EU], owner.token)
    await cells.registry.start()
    await until(lambda: not good_in(cells.of[US], owner.token))


async def test_a_registry_that_lost_its_store_hears_of_the_ends_again(cells: Cells) -> None:
    owner = await signed_up(cells)
    await sign_out(cells, owner.token)
    await until(lambda: not good_in(cells.of[US], owner.token))
    await cells.registry.replace()
    await cells.of[US].restart(lose_directory=True)
    await until(lambda: cells.of[US].directory.jwt_key(EU, kid_of(owner.token)) is not None)
    await until(lambda: cells.of[US].directory.session_ended(EU, sid_of(owner.token)))


async def test_a_password_change_ends_all_other_sessions_everywhere(cells: Cells) -> None:
    owner = await signed_up(cells)
    other = await log_in(cells)
    sessions = cells.of[EU].sessions()
    change = pb.ChangePasswordRequest(region=EU, old_password="wrong", new_password="battery staple")
    assert await reason_of(sessions.ChangePassword(change, metadata=owner.metadata)) == "LOGIN_FAILED"
    change.old_password = PASSWORD
    await sessions.ChangePassword(change, metadata=owner.metadata)
    await until(lambda: not good_in(cells.of[US], other.token))
    assert good_in(cells.of[EU], owner.token) and good_in(cells.of[US], owner.token)
    refresh = pb.RefreshRequest(region=EU, refresh_token=other.refresh_token)
    assert await reason_of(sessions.Refresh(refresh)) == "SESSION_ENDED"
    assert await reason_of(log_in(cells)) == "LOGIN_FAILED"
    assert (await log_in(cells, password="battery staple")).token


async def test_a_region_asks_only_the_home_about_sessions(cells: Cells) -> None:
    owner = await signed_up(cells)
    request = pb.ListSessionsRequest(region=US)
    listed = cells.of[US].sessions().ListSessions(request, metadata=owner.metadata)
    assert await reason_of(listed) == "INVALID_TOKEN"


async def test_failed_log_ins_are_told_when_to_come_again(cells: Cells) -> None:
    await signed_up(cells)
    for _ in range(OF_AN_ACCOUNT.burst):
        assert await reason_of(log_in(cells, password="wrong")) == "LOGIN_FAILED"
    with pytest.raises(RateLimited) as caught:
        await log_in(cells)
    assert 1 < caught.value.retry_after_s <= OF_AN_ACCOUNT.every_s


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def sid_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["sid"])


async def test_a_refresh_token_of_before_the_secret_of_its_own_is_good_after_the_upgrade(
    cells: Cells,
) -> None:
    """As it was made then: an HMAC under a key that HKDF derived from the token key."""
    owner = await signed_up(cells)
    said = f"rt.{EU}.{sid_of(owner.token)}.0"
    derive = HKDF(hashes.SHA256(), 32, salt=None, info=b"sankofa refresh tokens")
    key = derive.derive((await cells.of[EU].token_key()).private_bytes)
    mac = base64.urlsafe_b64encode(hmac.digest(key, said.encode(), "sha256")).decode().rstrip("=")
    async with cells.of[EU].records._database.write() as connection:
        await connection.execute(delete(refresh_secret))
    await cells.of[EU].restart()
    request = pb.RefreshRequest(region=EU, refresh_token=f"{said}.{mac}")
    tokens = await cells.of[EU].sessions().Refresh(request)
    assert good_in(cells.of[US], tokens.token)
