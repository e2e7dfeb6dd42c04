"""Sessions: which token is good once, what ends a session, and how long an end is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh.config import ConfigError, load
from mesh.context import Origin, came_from
from mesh.errors import NotFound, RateLimited, SankofaError, Unauthenticated
from mesh.signing import RowSigner
from mesh.tokens import LEEWAY, LONGEST_LIFETIME, USER, TokenKey, verify
from sankofa.registry.v1.registry_pb2 import Row, SignedRow
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.config import OrgConfig
from services.org.sessions.core import GRACE, MOST_SESSIONS, Sessions
from services.org.sessions.tokens import RefreshTokens
from services.org.signing import TokenSigner
from services.org.throttle import OF_AN_ACCOUNT, OF_AN_ADDRESS, LoginThrottle
from storage.records.orgs import Account, OrgRecord
from storage.records.records import Records
from tests.support.nodes import EU, MemoryDirectory

LIFETIME, IDLE = timedelta(minutes=15), timedelta(days=30)


class Directory(MemoryDirectory):
    """Takes ends of sessions."""

    async def put_own_rows(self, rows: Sequence[SignedRow]) -> None:
        self.ended |= {(signed.row.region, signed.row.session_end.session_id) for signed in rows}

    async def apply(self, rows: Sequence[SignedRow]) -> int:
        raise NotImplementedError


class Publisher:
    """Counts how often there is something to publish."""

    woken = 0

    async def put(self, rows: Sequence[Row]) -> None:
        raise NotImplementedError

    def wake(self) -> None:
        self.woken += 1

    async def flush(self, timeout: timedelta) -> bool:
        return True


@dataclass
class World:
    """Sessions on a clock that the test moves."""

    records: Records
    key: TokenKey = field(default_factory=TokenKey.generate)
    secret: bytes = b"r" * 32
    directory: Directory = field(default_factory=Directory)
    publisher: Publisher = field(default_factory=Publisher)
    now_ms: int = 1_800_000_000_000

    def sessions(self) -> Sessions:
        """As after a start."""
        self.directory.jwt_keys[EU, self.key.kid] = self.key.public_bytes
        return Sessions(
            region=EU,
            records=self.records.sessions,
            directory=self.directory,
            publisher=self.publisher,
            signer=RowSigner(region=EU, key=Ed25519PrivateKey.generate(), certificate_der=b"x"),
            tokens=TokenSigner(region=EU, records=self.records.keys, longest=LIFETIME),
            refresh_secret=self.secret,
            token_lifetime=LIFETIME,
            idle=IDLE,
            clock_ms=lambda: self.now_ms,
        )

    def pass_time(self, time: timedelta) -> None:
        self.now_ms += int(time.total_seconds() * 1000)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    records = await Records.open("sqlite+aiosqlite:///:memory:", region=EU)
    for user in ("usr_ada", "usr_bob"):
        account = Account(user, f"{user}@example.org", f"{user}@example.org", "argon2", 1)
        await records.orgs.sign_up(account, OrgRecord(f"org_{user}", "Org", "hobby", 1, 1), f"hint {user}")
    world = World(records)
    await records.keys.begin(world.key, LIFETIME)
    yield world
    await records.close()


def reason_of(caught: pytest.ExceptionInfo[SankofaError]) -> str:
    return ErrorReason.Name(caught.value.reason).removeprefix("ERROR_REASON_")


async def test_each_refresh_token_works_once_and_names_its_home(world: World) -> None:
    sessions = world.sessions()
    tokens = [await sessions.begin("usr_ada")]
    for _ in range(3):
        world.pass_time(timedelta(minutes=10))
        tokens.append(await sessions.refresh(tokens[-1].refresh))
    assert len({each.refresh for each in tokens}) == 4
    assert {each.refresh.split(".")[1] for each in tokens} == {EU}
    sids = {str(jwt.decode(each.access, options={"verify_signature": False})["sid"]) for each in tokens}
    assert len(sids) == 1
    with pytest.raises(Unauthenticated) as caught:
        await sessions.refresh(tokens[1].refresh)
    assert reason_of(caught) == "SESSION_ENDED"
    with pytest.raises(Unauthenticated) as caught:
        await sessions.refresh(tokens[3].refresh)
    assert reason_of(caught) == "SESSION_ENDED"
    with pytest.raises(Unauthenticated) as caught:
        verify(tokens[3].access, directory=world.directory, audience=USER)
    assert reason_of(caught) == "SESSION_ENDED"


async def test_a_lost_answer_is_given_again_while_its_successor_is_not_used(world: World) -> None:
    sessions = world.sessions()
    first = await sessions.begin("usr_ada")
    second = await sessions.refresh(first.refresh)
    world.pass_time(GRACE)
    assert (await sessions.refresh(first.refresh)).refresh == second.refresh
    third = await sessions.refresh(second.refresh)
    assert third.refresh != second.refresh
    with pytest.raises(Unauthenticated):
        await sessions.refresh(first.refresh)
    with pytest.raises(Unauthenticated):
        await sessions.refresh(third.refresh)


async def test_a_lost_answer_is_not_given_again_after_its_grace(world: World) -> None:
    sessions = world.sessions()
    first = await sessions.begin("usr_ada")
    second = await sessions.refresh(first.refresh)
    world.pass_time(GRACE + timedelta(milliseconds=1))
    for token in (first, second):
        with pytest.raises(Unauthenticated):
            await sessions.refresh(token.refresh)


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token.replace(".0.", ".1."),
        lambda token: token.replace(EU, "us-east-1"),
        lambda token: "",
        lambda token: "rt.eu-west-1.ses_1.0",
        lambda token: "rt.é.ses_1.0.x",
        lambda token: token * 20,
        lambda token: token.rpartition(".")[0] + "." + RefreshTokens(EU, b"x" * 32).make("s", 0),
    ],
)
async def test_a_forged_refresh_token_opens_nothing_and_ends_nothing(world: World, forge: object) -> None:
    sessions = world.sessions()
    first = await sessions.begin("usr_ada")
    with pytest.raises(Unauthenticated) as caught:
        await sessions.refresh(forge(first.refresh))  # type: ignore[operator]
    assert reason_of(caught) == "INVALID_TOKEN"
    assert await sessions.refresh(first.refresh)


async def test_a_session_that_is_not_refreshed_ends_by_itself(world: World) -> None:
    sessions = world.sessions()
    first = await sessions.begin("usr_ada")
    world.pass_time(IDLE - timedelta(seconds=1))
    second = await sessions.refresh(first.refresh)
    world.pass_time(IDLE)
    with pytest.raises(Unauthenticated):
        await sessions.refresh(second.refresh)
    assert await world.records.sessions.of("usr_ada", world.now_ms) == []


async def test_a_sign_out_ends_this_session_or_all_of_the_account_and_nobody_elses(world: World) -> None:
    sessions = world.sessions()
    ada, also_ada, third_ada, bob = [
        await sessions.begin(user) for user in ("usr_ada", "usr_ada", "usr_ada", "usr_bob")
    ]
    await sessions.sign_out(ada.access, everywhere=False)
    assert world.publisher.woken == 1
    with pytest.raises(Unauthenticated):
        verify(ada.access, directory=world.directory, audience=USER)
    assert verify(also_ada.access, directory=world.directory, audience=USER)
    await sessions.sign_out(also_ada.access, everywhere=True)
    for tokens in (ada, also_ada, third_ada):
        with pytest.raises(Unauthenticated):
            verify(tokens.access, directory=world.directory, audience=USER)
        with pytest.raises(Unauthenticated):
            await sessions.refresh(tokens.refresh)
    assert await sessions.refresh(bob.refresh)


async def test_sessions_are_listed_with_where_they_were_last_used(world: World) -> None:
    sessions = world.sessions()
    came_from(Origin("req_1", "203.0.113.7", "curl/8"))
    first = await sessions.begin("usr_ada")
    world.pass_time(timedelta(minutes=1))
    came_from(Origin("req_2", "198.51.100.9", "Mozilla"))
    second = await sessions.begin("usr_ada")
    caller, listed = await sessions.list(second.access)
    assert [(each.address, each.user_agent) for each in listed] == [
        ("198.51.100.9", "Mozilla"),
        ("203.0.113.7", "curl/8"),
    ]
    assert listed[0].session_id == caller.session_id
    await sessions.end(second.access, listed[1].session_id)
    with pytest.raises(Unauthenticated):
        verify(first.access, directory=world.directory, audience=USER)
    _, listed = await sessions.list(second.access)
    assert len(listed) == 1


async def test_nobody_ends_the_session_of_somebody_else(world: World) -> None:
    sessions = world.sessions()
    ada, bob = await sessions.begin("usr_ada"), await sessions.begin("usr_bob")
    with pytest.raises(NotFound) as caught:
        await sessions.end(bob.access, sessions.caller(ada.access).session_id)
    assert reason_of(caught) == "SESSION_NOT_FOUND"
    assert verify(ada.access, directory=world.directory, audience=USER)


async def test_an_account_has_so_many_sessions_and_a_further_one_ends_the_oldest(world: World) -> None:
    sessions = world.sessions()
    oldest = await sessions.begin("usr_ada")
    world.pass_time(timedelta(seconds=1))
    for _ in range(MOST_SESSIONS):
        await sessions.begin("usr_ada")
    assert len(await world.records.sessions.of("usr_ada", world.now_ms)) == MOST_SESSIONS
    with pytest.raises(Unauthenticated):
        await sessions.refresh(oldest.refresh)


@pytest.mark.parametrize("everywhere", [False, True])
async def test_an_end_is_told_again_after_a_restart_until_no_token_of_it_can_live_in_any_region(
    world: World, everywhere: bool
) -> None:
    """Of an account it ends single sign-ons, too: another region may issue those for longer than this one."""
    sessions = world.sessions()
    tokens = await sessions.begin("usr_ada")
    ended_at_ms = world.now_ms
    await sessions.sign_out(tokens.access, everywhere=everywhere)
    told = set(world.directory.ended)
    assert len(told) == 1 + everywhere
    pending = [
        each.row for each in await world.records.outbox.pending(None, 99) if "session" in str(each.row)
    ]
    last_ms = ended_at_ms + (LONGEST_LIFETIME + LEEWAY).total_seconds() * 1000
    assert [row.session_end.forget_after_unix_ms > last_ms for row in pending] == [True] * len(told)
    for passed, still in ((LONGEST_LIFETIME + LEEWAY, told), (timedelta(minutes=2), set())):
        world.pass_time(passed)
        world.directory = Directory()
        await world.sessions().announce()
        assert world.directory.ended == still
    await world.sessions().begin("usr_ada")
    assert [e for e in await world.records.outbox.pending(None, 99) if "session" in str(e.row)] == []


@pytest.mark.parametrize("lifetime_s", [0, LONGEST_LIFETIME.total_seconds() + 1])
def test_no_region_issues_tokens_for_longer_than_an_end_is_kept(lifetime_s: float) -> None:
    longest = {"token_lifetime_s": LONGEST_LIFETIME.total_seconds()}
    assert load(OrgConfig, section="org", overrides=longest).token_lifetime == LONGEST_LIFETIME
    with pytest.raises(ConfigError, match="token_lifetime_s"):
        load(OrgConfig, section="org", overrides={"token_lifetime_s": lifetime_s})


async def test_failures_of_an_account_are_bounded_and_come_back_with_time(world: World) -> None:
    now_s = [1000.0]
    throttle = LoginThrottle(clock_s=lambda: now_s[0])
    for _ in range(OF_AN_ACCOUNT.burst):
        fail(throttle, "ada")
    with pytest.raises(RateLimited) as caught, throttle.attempt("ada"):
        raise AssertionError("it was let in")
    assert caught.value.retry_after_s == OF_AN_ACCOUNT.every_s
    with throttle.attempt("bob"):
        pass
    now_s[0] += OF_AN_ACCOUNT.every_s
    with throttle.attempt("ada"):
        pass
    fail(throttle, "ada")
    with pytest.raises(RateLimited), throttle.attempt("ada"):
        raise AssertionError("it was let in")


async def test_failures_from_an_address_are_bounded_whatever_account_is_tried(world: World) -> None:
    throttle = LoginThrottle(clock_s=lambda: 0.0)
    came_from(Origin("", "203.0.113.7", ""))
    for number in range(OF_AN_ADDRESS.burst):
        fail(throttle, f"account {number}")
    with pytest.raises(RateLimited), throttle.attempt("one more"):
        raise AssertionError("it was let in")
    came_from(Origin("", "203.0.113.8", ""))
    with throttle.attempt("one more"):
        pass


async def test_what_is_no_failure_of_the_person_is_not_counted(world: World) -> None:
    throttle = LoginThrottle(clock_s=lambda: 0.0)
    for _ in range(3 * OF_AN_ACCOUNT.burst):
        with pytest.raises(OSError), throttle.attempt("ada"):
            raise OSError
        with throttle.attempt("ada"):
            pass


def fail(throttle: LoginThrottle, account: str) -> None:
    with pytest.raises(Unauthenticated), throttle.attempt(account):
        raise Unauthenticated
