"""Second factors: which code is good, once; who may set, renew and disable one; what a guesser is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from mesh.errors import Conflict, NotFound, RateLimited, SankofaError, Unauthenticated, Unavailable
from mesh.hints import LoginHints
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.passwords import Passwords
from services.org.second_factor.codes import RECOVERY_CODES, STEP_S, base32, step_of
from services.org.second_factor.core import ENROLMENT, Begun, SecondFactors
from services.org.second_factor.proving import Proving
from services.org.second_factor.sealing import Sealing
from services.org.sessions.core import Caller
from services.org.throttle import OF_AN_ACCOUNT, LoginThrottle
from storage.records.orgs import Account, OrgRecord
from storage.records.records import Records
from storage.records.second_factors import MOST_WRONG_CODES
from tests.support.authenticator import App
from tests.support.nodes import EU

RFC_SECRET = b"12345678901234567890"
PASSWORD, USER, HINTS = "correct horse", "usr_ada", LoginHints(b"k" * 32)
PASSWORDS = Passwords(hasher=PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@dataclass
class World:
    """One account, and a clock that the test moves. A token is the id of its user."""

    records: Records
    sealing: Sealing = field(default_factory=lambda: Sealing(b"k" * 32))
    throttle: LoginThrottle = field(default_factory=lambda: LoginThrottle(clock_s=lambda: 0.0))
    now_ms: int = 1_800_000_000_000

    @property
    def step(self) -> int:
        return self.now_ms // 1000 // STEP_S

    def pass_time(self, time: timedelta) -> None:
        self.now_ms += int(time.total_seconds() * 1000)

    @property
    def proving(self) -> Proving:
        return Proving(
            records=self.records.second_factors,
            sealing=self.sealing,
            throttle=self.throttle,
            clock_ms=lambda: self.now_ms,
        )

    @property
    def factors(self) -> SecondFactors:
        return SecondFactors(
            records=self.records.second_factors,
            accounts=self.records.orgs,
            caller_of=lambda token: Caller(str(token), ""),
            proving=self.proving,
            sealing=self.sealing,
            passwords=PASSWORDS,
            throttle=self.throttle,
            hints=HINTS,
            clock_ms=lambda: self.now_ms,
        )

    async def enrolled(self) -> tuple[App, list[str]]:
        """With the code of a step before all that the tests use."""
        begun = await self.factors.begin(USER, PASSWORD)
        app = App(begun.secret)
        codes = await self.factors.confirm(USER, app.at(self.step - 1))
        return app, codes

    async def log_in(self, code: str) -> None:
        """As far as it is about the second factor."""
        await self.proving.require(USER, code, "hint")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    records = await Records.open("sqlite+aiosqlite:///:memory:", region=EU)
    for user in (USER, "usr_bob"):
        account = Account(
            user, f"{user}@example.org", f"{user}@example.org", await PASSWORDS.hash(PASSWORD), 1
        )
        await records.orgs.sign_up(account, OrgRecord(f"org_{user}", "Org", "hobby", 1, 1), f"hint {user}")
    yield World(records)
    await records.close()


async def refusal(call: object) -> str:
    with pytest.raises(SankofaError) as refused:
        await call  # type: ignore[misc]
    return ErrorReason.Name(refused.value.reason).removeprefix("ERROR_REASON_")


@pytest.mark.parametrize(
    ("at_s", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_rfc_6238_appendix_b(at_s: int, code: str) -> None:
    assert step_of(RFC_SECRET, code, at_s * 1000) == at_s // STEP_S
    assert App(base32(RFC_SECRET)).at(at_s // STEP_S) == code


@pytest.mark.parametrize(("away", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_a_step_before_or_after(away: int, good: bool) -> None:
    step = 60_000_000
    code = App(base32(RFC_SECRET)).at(step + away)
    for within_s in (0, STEP_S - 1):
        found = step_of(RFC_SECRET, code, (step * STEP_S + within_s) * 1000)
        assert found == (step + away if good else None)


@pytest.mark.parametrize("code", ["", "28708", "2870822", "２８７０８２", "28708é", "-87082"])
def test_what_is_no_code_is_none_of_a_step(code: str) -> None:
    assert step_of(RFC_SECRET, code, 59_000) is None


async def test_a_log_in_needs_a_code_once_it_is_confirmed_and_not_before(world: World) -> None:
    await world.log_in("")
    begun = await world.factors.begin(USER, PASSWORD)
    await world.log_in("")
    assert (await world.factors.status(USER)).enabled_at_ms is None
    app = App.of(begun.uri)
    assert app.secret == begun.secret and "usr_ada%40example.org" in begun.uri
    codes = await world.factors.confirm(USER, app.at(world.step))
    assert len(set(codes)) == RECOVERY_CODES and all(len(code) == 19 for code in codes)
    assert await refusal(world.log_in("")) == "SECOND_FACTOR_REQUIRED"
    status = await world.factors.status(USER)
    assert (status.enabled_at_ms, status.recovery_codes_left) == (world.now_ms, RECOVERY_CODES)
    await world.proving.require("usr_bob", "", "hint")


async def test_each_code_is_good_once_and_so_are_those_before_it(world: World) -> None:
    app, _ = await world.enrolled()
    assert await refusal(world.log_in(app.at(world.step - 1))) == "SECOND_FACTOR_WRONG", "it confirmed"
    await world.log_in(f" {app.at(world.step + 1)[:3]} {app.at(world.step + 1)[3:]} ")
    for step in (world.step - 1, world.step, world.step + 1):
        assert await refusal(world.log_in(app.at(step))) == "SECOND_FACTOR_WRONG"
    world.pass_time(timedelta(seconds=STEP_S))
    assert await refusal(world.log_in(app.at(world.step))) == "SECOND_FACTOR_WRONG"
    await world.log_in(app.at(world.step + 1))


async def test_a_recovery_code_works_once_however_it_is_written(world: World) -> None:
    _, codes = await world.enrolled()
    await world.log_in(codes[0])
    assert await refusal(world.log_in(codes[0])) == "SECOND_FACTOR_WRONG"
    await world.log_in(codes[1].replace("-", "").upper())
    assert (await world.factors.status(USER)).recovery_codes_left == RECOVERY_CODES - 2
    assert await refusal(world.log_in("aaaa-aaaa-aaaa-aaaa")) == "SECOND_FACTOR_WRONG"


async def test_other_recovery_codes_end_those_before(world: World) -> None:
    app, codes = await world.enrolled()
    assert await refusal(world.factors.renew_recovery_codes(USER, "wrong", codes[0])) == "LOGIN_FAILED"
    assert await refusal(world.factors.renew_recovery_codes(USER, PASSWORD, "")) == "SECOND_FACTOR_REQUIRED"
    others = await world.factors.renew_recovery_codes(USER, PASSWORD, app.at(world.step))
    assert len(set(codes) | set(others)) == 2 * RECOVERY_CODES
    assert await refusal(world.log_in(codes[0])) == "SECOND_FACTOR_WRONG"
    await world.log_in(others[0])


async def test_who_disables_it_shows_password_and_code(world: World) -> None:
    app, codes = await world.enrolled()
    assert await refusal(world.factors.disable(USER, "wrong", app.at(world.step))) == "LOGIN_FAILED"
    assert await refusal(world.factors.disable(USER, PASSWORD, "")) == "SECOND_FACTOR_REQUIRED"
    assert await refusal(world.factors.disable(USER, PASSWORD, "000")) == "SECOND_FACTOR_WRONG"
    await world.log_in(app.at(world.step))  # what a wrong password came with was not used up
    await world.factors.disable(USER, PASSWORD, codes[0])
    await world.log_in("")
    assert await refusal(world.factors.disable(USER, PASSWORD, codes[1])) == "SECOND_FACTOR_NOT_SET"
    other, _ = await world.enrolled()
    assert other.secret != app.secret
    assert await refusal(world.log_in(codes[1])) == "SECOND_FACTOR_WRONG"


async def test_a_secret_is_for_who_knows_the_password_and_never_for_a_set_factor(world: World) -> None:
    with pytest.raises(Unauthenticated):
        await world.factors.begin(USER, "wrong")
    with pytest.raises(Unauthenticated):
        await world.factors.begin("usr_nobody", PASSWORD)
    with pytest.raises(NotFound):
        await world.factors.confirm(USER, "000000")
    app, _ = await world.enrolled()
    with pytest.raises(Conflict):
        await world.factors.begin(USER, PASSWORD)
    with pytest.raises(Conflict):
        await world.factors.confirm(USER, app.at(world.step))


async def test_an_enrolment_is_confirmed_by_the_newest_secret_and_in_time(world: World) -> None:
    first: Begun = await world.factors.begin(USER, PASSWORD)
    second = await world.factors.begin(USER, PASSWORD)
    confirm = world.factors.confirm
    assert await refusal(confirm(USER, App(first.secret).at(world.step))) == "SECOND_FACTOR_WRONG"
    world.pass_time(ENROLMENT + timedelta(milliseconds=1))
    assert await refusal(confirm(USER, App(second.secret).at(world.step))) == "SECOND_FACTOR_NOT_SET"
    await world.log_in("")
    await world.enrolled()


async def test_wrong_codes_and_wrong_passwords_are_one_allowance(world: World) -> None:
    app, codes = await world.enrolled()
    hint = HINTS.hint("usr_ada@example.org")
    for _ in range(3 * OF_AN_ACCOUNT.burst):
        with pytest.raises(Unauthenticated):
            await world.proving.require(USER, "", hint)  # how a log-in begins costs nothing
    for number in range(OF_AN_ACCOUNT.burst):
        with pytest.raises(Unauthenticated):
            if number % 2:
                await world.proving.require(USER, "no code", hint)
            else:
                await world.factors.disable(USER, "wrong", codes[0])
    with pytest.raises(RateLimited):
        await world.proving.require(USER, app.at(world.step), hint)
    with pytest.raises(RateLimited):
        await world.factors.disable(USER, PASSWORD, codes[0])


async def test_after_so_many_wrong_codes_in_a_row_only_a_recovery_code_or_a_new_password_helps(
    world: World,
) -> None:
    app, codes = await world.enrolled()
    for unlock in ("recovery code", "password"):
        for _ in range(MOST_WRONG_CODES - 1):
            await guess(world, app)
        await world.log_in(app.at(world.step))  # in a row, that is
        for _ in range(MOST_WRONG_CODES):
            await guess(world, app)
        world.pass_time(timedelta(minutes=5))
        assert await refusal(world.log_in(app.at(world.step))) == "SECOND_FACTOR_LOCKED"
        if unlock == "password":
            await world.records.sessions.change_password(
                USER, "other", keep="", now_ms=world.now_ms, forget_after_ms=world.now_ms
            )
        else:
            await world.log_in(codes[0])
        await world.log_in(app.at(world.step))
        world.pass_time(timedelta(minutes=5))


async def test_nothing_that_rests_is_a_secret_or_opens_for_another_account_or_key(world: World) -> None:
    app, codes = await world.enrolled()
    factor = await world.records.second_factors.find(USER)
    assert factor is not None
    secret = world.sealing.open(factor)
    assert base32(secret) == app.secret and secret not in factor.sealed_secret
    hashed = world.sealing.hash(USER, codes[0].replace("-", ""))
    assert codes[0] not in hashed and hashed != world.sealing.hash("usr_bob", codes[0].replace("-", ""))
    assert hashed != Sealing(b"x" * 32).hash(USER, codes[0].replace("-", ""))
    world.sealing = Sealing(b"x" * 32)
    with pytest.raises(Unavailable):
        await world.log_in(app.at(world.step))


async def guess(world: World, app: App) -> None:
    """A wrong code of somebody whom the throttle does not know yet."""
    world.throttle = LoginThrottle(clock_s=lambda: 0.0)
    good = {app.at(world.step + away) for away in range(-2, 3)}
    wrong = next(code for code in ("123456", "123457", "123458", "123459") if code not in good)
    assert await refusal(world.log_in(wrong)) == "SECOND_FACTOR_WRONG"
