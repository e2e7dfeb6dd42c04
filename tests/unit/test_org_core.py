"""The rules of accounts and organisations, on records that are in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import jwt
import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh.context import act_as
from mesh.directory import OrgFact, RegionFact
from mesh.errors import Conflict, Forbidden, InvalidInput, NotFound, SankofaError, Unauthenticated
from mesh.hints import LoginHints
from mesh.plans import retention_days
from mesh.signing import RowSigner
from mesh.tokens import TokenKey
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.registry.v1.registry_pb2 import Row, SignedRow
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.callers import Callers
from services.org.core import Orgs, Session
from services.org.passwords import Passwords
from services.org.second_factor.proving import Proving
from services.org.second_factor.sealing import Sealing
from services.org.sessions.core import Sessions
from services.org.signal import ChangeSignal
from services.org.signing import TokenSigner
from services.org.throttle import LoginThrottle
from storage.records.records import Records
from tests.support.nodes import AF, EU, US, MemoryDirectory
from tests.support.roles import put_member

HINTS = LoginHints(b"k" * 32)
EMAIL, PASSWORD = "ada@example.org", "correct horse"


class WritableDirectory(MemoryDirectory):
    """Takes this region's rows."""

    async def put_own_rows(self, rows: Sequence[SignedRow]) -> None:
        for row in (signed.row for signed in rows):
            if row.HasField("org"):
                self.orgs[row.org.org_id] = OrgFact(row.org.org_id, row.region, row.org.epoch)
            if row.HasField("jwt_key"):
                self.jwt_keys[row.region, row.jwt_key.kid] = row.jwt_key.public_key


class OneRegistry:
    """Keeps login hints as the registry does."""

    def __init__(self) -> None:
        self.hints: dict[str, str] = {}

    async def put(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if self.hints.setdefault(row.login_hint.hint, row.region) != row.region:
                raise Conflict

    def wake(self) -> None:
        """The outbox is not read here."""

    async def flush(self, timeout: timedelta) -> bool:
        return True


@pytest.fixture
async def records() -> AsyncIterator[Records]:
    opened = await Records.open("sqlite+aiosqlite:///:memory:", region=EU)
    yield opened
    await opened.close()


@pytest.fixture
def registry() -> OneRegistry:
    return OneRegistry()


@pytest.fixture
async def orgs(records: Records, registry: OneRegistry) -> Orgs:
    directory = WritableDirectory()
    for region, status in ((EU, "open"), (US, "open"), (AF, "roadmap")):
        directory.catalogue[region] = RegionFact(region, region, status, "", "")
    signer = RowSigner(region=EU, key=Ed25519PrivateKey.generate(), certificate_der=b"x")
    longest = timedelta(minutes=15)
    key_rows = await records.keys.begin(TokenKey.generate(), longest)
    tokens = TokenSigner(region=EU, records=records.keys, longest=longest)
    sessions = Sessions(
        region=EU,
        records=records.sessions,
        directory=directory,
        publisher=registry,
        signer=signer,
        tokens=tokens,
        refresh_secret=b"r" * 32,
        token_lifetime=timedelta(minutes=15),
        idle=timedelta(days=30),
    )
    made = Orgs(
        region=EU,
        records=records.orgs,
        directory=directory,
        callers=Callers(region=EU, records=records.orgs, directory=directory),
        publisher=registry,
        signer=signer,
        tokens=tokens,
        hints=HINTS,
        passwords=Passwords(hasher=PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)),
        throttle=LoginThrottle(),
        begin_session=sessions.begin,
        require_factor=Proving(
            records=records.second_factors, sealing=Sealing(b"k" * 32), throttle=LoginThrottle()
        ).require,
        changes=ChangeSignal(),
        ticket_lifetime=timedelta(minutes=1),
    )
    await made.announce(key_rows)
    return made


def reason(name: str) -> ErrorReason:
    return ErrorReason.Value(f"ERROR_REASON_{name}")


@pytest.mark.parametrize(
    ("email", "password", "org_name"),
    [
        ("ada", PASSWORD, "Org"),
        ("ada@example", PASSWORD, "Org"),
        ("ada@example..org", PASSWORD, "Org"),
        ("a da@example.org", PASSWORD, "Org"),
        ("ada@b@example.org", PASSWORD, "Org"),
        ("a@" + "x" * 250 + ".org", PASSWORD, "Org"),
        (EMAIL, "7 chars", "Org"),
        (EMAIL, "x" * 1025, "Org"),
        (EMAIL, PASSWORD, " "),
        (EMAIL, PASSWORD, "x" * 201),
    ],
)
async def test_a_sign_up_that_breaks_a_rule_claims_nothing(
    orgs: Orgs, registry: OneRegistry, email: str, password: str, org_name: str
) -> None:
    with pytest.raises(InvalidInput):
        await orgs.sign_up(email, password, org_name)
    assert registry.hints == {}


async def test_a_sign_up_at_the_bounds_of_the_rules_is_taken(orgs: Orgs) -> None:
    for number, (password, name) in enumerate((("8 chars!", "O"), ("x" * 1024, "x" * 200))):
        session = await orgs.sign_up(f"ada{number}@example.org", password, name)
        assert session.memberships[0].org.name == name
        assert (await orgs.log_in(f"ada{number}@example.org", password)).user_id == session.user_id


@pytest.mark.parametrize(
    "same", ["ADA@example.org", " ada@example.org ", "ada@EXAMPLE.ORG", "ａｄａ@example.org"]
)
async def test_spellings_of_an_email_are_one_account(orgs: Orgs, same: str) -> None:
    session = await orgs.sign_up(EMAIL, PASSWORD, "Org")
    assert (await orgs.log_in(same, PASSWORD)).user_id == session.user_id
    assert HINTS.hint(same) == HINTS.hint(EMAIL)
    with pytest.raises(Conflict) as caught:
        await orgs.sign_up(same, PASSWORD, "Org")
    assert caught.value.reason == reason("EMAIL_TAKEN")


async def test_a_hint_depends_on_the_key() -> None:
    assert LoginHints(b"j" * 32).hint(EMAIL) != HINTS.hint(EMAIL)
    with pytest.raises(ValueError, match="give it 32"):
        LoginHints(b"short")


async def test_an_unknown_email_costs_a_full_verification(orgs: Orgs) -> None:
    hasher = PasswordHasher()
    nobodys = Passwords(hasher=hasher)._nobodys
    assert extract_parameters(nobodys) == extract_parameters(hasher.hash(PASSWORD))
    with pytest.raises(VerifyMismatchError):
        hasher.verify(nobodys, PASSWORD)
    for email in ("nobody@example.org", "x" * 5000):
        with pytest.raises(Unauthenticated) as caught:
            await orgs.log_in(email, PASSWORD)
        assert caught.value.reason == reason("LOGIN_FAILED")


async def test_a_token_carries_no_email_and_no_name(orgs: Orgs) -> None:
    session = await orgs.sign_up(EMAIL, PASSWORD, "Analytical")
    claims = jwt.decode(session.tokens.access, options={"verify_signature": False})
    assert claims.keys() == {"sub", "sid", "iss", "aud", "iat", "exp"}
    assert claims["exp"] - claims["iat"] == 900


@pytest.mark.parametrize(
    ("region", "name", "expected"),
    [
        ("mars-1", "Shop", "REGION_UNKNOWN"),
        ("", "Shop", "REGION_UNKNOWN"),
        (AF, "Shop", "REGION_NOT_OPEN"),
        (EU, " ", "INVALID_ARGUMENT"),
        (EU, "x" * 201, "INVALID_ARGUMENT"),
    ],
)
async def test_no_project_is_permitted_in_a_region_that_takes_none_or_without_a_name(
    orgs: Orgs, records: Records, region: str, name: str, expected: str
) -> None:
    session, org_id = await owner(orgs)
    with pytest.raises(SankofaError) as caught:
        await orgs.authorise_create(session.tokens.access, org_id, name, region)
    assert caught.value.reason == reason(expected)
    assert await records.orgs.overdue(1 << 60) == []


async def test_a_ticket_says_what_it_permits_for_a_minute(orgs: Orgs) -> None:
    session, org_id = await owner(orgs)
    permit = await orgs.authorise_create(session.tokens.access, org_id, " Shop ", US)
    claims = jwt.decode(permit.ticket, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 60
    assert (claims["aud"], claims["iss"], claims["region"], claims["name"]) == ("provision", EU, US, "Shop")
    assert (claims["project_id"], claims["org_id"]) == (permit.project_id, org_id)
    assert (claims["sub"], claims["home_region"], claims["role"]) == (session.user_id, EU, 3)


async def test_a_ticket_is_no_token(orgs: Orgs) -> None:
    session, org_id = await owner(orgs)
    permit = await orgs.authorise_create(session.tokens.access, org_id, "Shop", US)
    with pytest.raises(Unauthenticated):
        await orgs.projects(permit.ticket, org_id)


async def test_a_plan_is_one_of_four(orgs: Orgs, records: Records) -> None:
    session, org_id = await owner(orgs)
    await orgs.set_plan(org_id, "growth")
    (member,) = await records.orgs.memberships(session.user_id)
    assert (member.org.plan, member.role) == ("growth", OrgRole.ORG_ROLE_OWNER)
    for unknown_org, plan, expected in (
        (org_id, "free", "INVALID_ARGUMENT"),
        ("org_x", "pro", "ORG_NOT_FOUND"),
    ):
        with pytest.raises(SankofaError) as caught:
            await orgs.set_plan(unknown_org, plan)
        assert caught.value.reason == reason(expected)


@pytest.mark.parametrize(
    ("plan", "granted", "most"),
    [("hobby", 30, 30), ("pro", 90, 90), ("growth", 365, 365), ("enterprise", 365, 65_535)],
)
async def test_a_plan_grants_days_and_permits_as_many_as_it_says(
    orgs: Orgs, plan: str, granted: int, most: int
) -> None:
    session, org_id = await owner(orgs)
    await orgs.set_plan(org_id, plan)
    project_id = await created(orgs, session, org_id, granted)
    for days in (1, most):
        assert await orgs.set_retention(session.tokens.access, org_id, project_id, days) == days
    refused = InvalidInput if plan == "enterprise" else Forbidden
    with pytest.raises(refused):
        await orgs.set_retention(session.tokens.access, org_id, project_id, most + 1)
    with pytest.raises(InvalidInput):
        await orgs.set_retention(session.tokens.access, org_id, project_id, -1)
    assert await orgs.set_retention(session.tokens.access, org_id, project_id, 0) == granted


async def created(orgs: Orgs, session: Session, org_id: str, granted: int) -> str:
    """A project whose ticket says the days."""
    permit = await orgs.authorise_create(session.tokens.access, org_id, "Shop", US)
    claims = jwt.decode(permit.ticket, options={"verify_signature": False})
    assert claims["retention_days"] == granted
    await orgs.complete_create(session.tokens.access, org_id, permit.project_id)
    return permit.project_id


async def test_what_an_owner_wanted_is_cut_by_a_smaller_plan_and_returns_with_a_larger_one(
    orgs: Orgs, records: Records
) -> None:
    session, org_id = await owner(orgs)
    await orgs.set_plan(org_id, "growth")
    project_id = await created(orgs, session, org_id, 365)
    await orgs.set_retention(session.tokens.access, org_id, project_id, 200)
    for plan, days in (("pro", 90), ("hobby", 30), ("enterprise", 200)):
        await orgs.set_plan(org_id, plan)
        (told,) = (await records.orgs.access(US, after_seq=None)).retention
        assert retention_days(told.plan, told.wanted_days) == days


async def test_only_owners_set_the_retention_and_only_of_their_own_projects(
    orgs: Orgs, records: Records
) -> None:
    session, org_id = await owner(orgs)
    project_id = await created(orgs, session, org_id, 30)
    act_as("usr_test")
    await put_member(records.orgs, org_id, session.user_id, OrgRole.ORG_ROLE_ADMIN, EU)
    with pytest.raises(Forbidden):
        await orgs.set_retention(session.tokens.access, org_id, project_id, 7)
    await put_member(records.orgs, org_id, session.user_id, OrgRole.ORG_ROLE_OWNER, EU)
    with pytest.raises(NotFound):
        await orgs.set_retention(session.tokens.access, org_id, "proj_none", 7)


async def owner(orgs: Orgs) -> tuple[Session, str]:
    session = await orgs.sign_up(EMAIL, PASSWORD, "Analytical")
    return session, session.memberships[0].org.org_id
