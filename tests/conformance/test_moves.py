"""An organisation's own rows leave one region's records for another's: SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from mesh.context import Actor
from mesh.errors import Conflict, InvalidInput, SankofaError
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole
from sankofa.org.v1.transfer_pb2 import AssignmentStep
from sankofa.registry.v1.registry_pb2 import Handover
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.plans.leases import lend
from storage.records.audit.chain import GENESIS, AuditRow
from storage.records.moves.arrivals import Arrival
from storage.records.moves.departures import Departure
from storage.records.moves.rows import Body, TableDigest, encode
from storage.records.orgs import Account, OrgProject, OrgRecord
from storage.records.plans import Lent, Reported
from storage.records.records import Records
from storage.records.scim import ScimPage
from storage.records.tables import ACCOUNT_TABLES, ORG_TABLES, members, org_audit
from tests.support.databases import sqlite_at
from tests.support.nodes import AF, EU, US
from tests.support.postgres import Postgres, running_postgres
from tests.support.roles import put_member, put_project_role
from tests.support.rows import handovers

pytestmark = [pytest.mark.disk, pytest.mark.network]

ADA = Actor("usr_ada", "ada@example.org")
KEY = b"k" * 32
HINTS = {"ada@example.org": "hint_ada"}.__getitem__
WORD = handovers((EU, US), org_id="org_1")[0]
COPYING = AssignmentStep.ASSIGNMENT_STEP_FENCED
SWITCHED = AssignmentStep.ASSIGNMENT_STEP_SWITCHED


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@dataclass
class Ends:
    """The old region's records and the new region's, and an organisation in the old."""

    old: Records
    new: Records

    async def copy(
        self, operation_id: str = "op_1", org_id: str = "org_1", *, epoch: int = 2
    ) -> list[TableDigest]:
        """Fences it, and copies everything; the digests of the old end."""
        departure = Departure(operation_id, org_id, self.new.region, epoch, COPYING, "usr_ada", KEY, epoch)
        await self.old.moves.departures.begin(departure, ADA)
        await self.old.moves.departures.fence(departure, 10)
        arrival = Arrival(operation_id, org_id, self.old.region, epoch, COPYING, epoch)
        await self.new.moves.arrivals.begin(arrival)
        cursor = 0
        async with self.old.moves.departures.bodies(org_id) as bodies:
            async for body in bodies:
                cursor += 1
                nonce = secrets.token_bytes(16)
                await self.new.moves.arrivals.put(operation_id, cursor, nonce, encode(body))
        return await self.new.moves.arrivals.digests(operation_id, KEY)

    async def move(self, operation_id: str = "op_1", *, word: Handover = WORD) -> None:
        """Everything but the registry."""
        tables = await self.copy(operation_id, epoch=word.epoch)
        departure = await self.old.moves.departures.latest("org_1")
        assert departure is not None
        await self.old.moves.departures.hand_over(departure, word.SerializeToString(), tables)
        await self.new.moves.arrivals.take(operation_id, word, tables, KEY)
        await self.old.moves.departures.reach(operation_id, SWITCHED, switched_at=11)


async def filled(records: Records, name: str = "1", person: str = "ada") -> None:
    account = Account(f"usr_{person}", f"{person}@example.org", f"{person}@example.org", "hash", 1)
    org = OrgRecord(f"org_{name}", f"Org {name}", "pro", 1, 1)
    await records.orgs.sign_up(account, org, f"hint_{person}")
    project = OrgProject(f"proj_{name}", org.org_id, "Shop", AF, "pending", 1_000, 1, account.user_id)
    await records.orgs.add_pending(project)
    await records.orgs.complete(org.org_id, project.project_id)
    await put_member(records.orgs, org.org_id, f"usr_bo{name}", OrgRole.ORG_ROLE_MEMBER, AF)
    await put_project_role(records.orgs, project.project_id, f"usr_bo{name}", ProjectRole.PROJECT_ROLE_EDITOR)


@pytest.fixture(params=["sqlite to sqlite", "sqlite to postgresql", "postgresql to sqlite"])
async def ends(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ends]:
    opened = []
    for kind, region in zip(request.param.split(" to "), (EU, US), strict=True):
        url = sqlite_at(tmp_path / f"{region}.db")
        if kind == "postgresql":
            server: Postgres = request.getfixturevalue("postgres")
            url = await server.new_database()
        opened.append(await Records.open(url, region=region))
    await filled(opened[0])
    await filled(opened[0], "2", "eve")
    yield Ends(*opened)
    for each in opened:
        await each.close()


async def refusal(call: object) -> str:
    with pytest.raises(SankofaError) as refused:
        await call  # type: ignore[misc]
    return ErrorReason.Name(refused.value.reason).removeprefix("ERROR_REASON_")


async def test_everything_of_an_organisation_is_at_the_new_end_and_nothing_at_the_old(ends: Ends) -> None:
    before = await ends.old.orgs.membership("org_1", "usr_ada")
    projects = await ends.old.orgs.projects("org_1", visible_to=None)
    await ends.move()
    departure = await ends.old.moves.departures.latest("org_1")
    assert departure is not None
    assert {each.rows for each in await ends.old.moves.departures.erase(departure)} == {0}
    after = await ends.new.orgs.membership("org_1", "usr_ada")
    assert before is not None and after == replace(before, org=replace(before.org, epoch=2))
    assert await ends.new.orgs.projects("org_1", visible_to=None) == projects
    assert await ends.old.orgs.membership("org_1", "usr_ada") is None
    assert await ends.old.orgs.membership("org_2", "usr_eve") is not None, "another organisation stays"
    assert await ends.new.orgs.membership("org_2", "usr_eve") is None


async def test_usage_and_plans_move_and_nothing_is_lent_at_the_old_end_from_the_fence_on(ends: Ends) -> None:
    """The new end goes on from the totals and the budgets that the old one knew."""
    said = Reported("org_1", "proj_1", 202611, 99_000, needed=500)

    async def asked(records: Records) -> list[Lent]:
        answers = await records.plans.report(AF, [said], now_ms=1_000, lease_ms=60_000, lend=lend)
        return [lent for _, lent in answers]

    await ends.old.orgs.set_plan("org_1", "hobby")
    (lent,) = await asked(ends.old)
    usage, changes = await ends.old.plans.usage("org_1"), await ends.old.plans.changes("org_1")
    assert (len(usage), len(changes)) == (1, 1)
    await ends.move()
    assert await asked(ends.old) == []
    assert await ends.new.plans.usage("org_1") == usage
    assert await ends.new.plans.changes("org_1") == changes
    assert await asked(ends.new) == [lent._replace(number=lent.number + 1)]


async def test_access_rows_get_numbers_of_the_new_regions_feed(ends: Ends) -> None:
    await filled(ends.new, "3", "kim")
    seen = await ends.new.orgs.access(AF, after_seq=None)
    await ends.move()
    news = await ends.new.orgs.access(AF, after_seq=seen.seq)
    assert {(row.user_id, row.role) for row in news.rows if row.org_id == "org_1"} == {
        ("usr_ada", ProjectRole.PROJECT_ROLE_ADMIN),
        ("usr_bo1", ProjectRole.PROJECT_ROLE_EDITOR),
    }
    assert [each.project_id for each in news.retention] == ["proj_1"]


async def test_the_new_region_tells_the_registry_how_it_came_there_and_the_old_one_is_silent(
    ends: Ends,
) -> None:
    await ends.move()
    (row,) = [pending.row for pending in await ends.new.outbox.pending(None, 100)]
    assert (row.region, row.org.epoch, list(row.org.handovers)) == (US, 2, [WORD])
    assert await ends.new.orgs.org_rows() == [row]
    assert [each.org.org_id for each in await ends.old.orgs.org_rows()] == ["org_2"]
    rows = [pending.row for pending in await ends.old.outbox.pending(None, 100)]
    assert "org_1" not in [row.org.org_id for row in rows]


async def test_what_is_fenced_can_be_read_and_not_changed_by_whatever_code(ends: Ends) -> None:
    await ends.copy()
    orgs = ends.old.orgs
    for change in (
        lambda: put_member(orgs, "org_1", "usr_new", OrgRole.ORG_ROLE_MEMBER, EU),
        lambda: orgs.set_plan("org_1", "growth"),
        lambda: orgs.set_retention("org_1", "proj_1", 3),
        lambda: put_project_role(orgs, "proj_1", "usr_bo1", ProjectRole.PROJECT_ROLE_UNSPECIFIED),
        lambda: orgs.add_pending(OrgProject("proj_9", "org_1", "x", AF, "pending", 1, 1, "usr_ada")),
    ):
        assert await refusal(change()) == "ORG_MOVING"
    assert await orgs.membership("org_1", "usr_ada") is not None
    await orgs.set_plan("org_2", "growth")


async def test_every_table_that_moves_is_fenced_in_the_database_itself(ends: Ends) -> None:
    for end in (ends.old, ends.new):
        database = end.orgs._database
        async with database.read() as connection:
            postgresql = connection.dialect.name == "postgresql"
            every = (
                "SELECT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
                if postgresql
                else ("SELECT tbl_name FROM sqlite_schema WHERE type = 'trigger'")
            )
            name = "tgname" if postgresql else "name"
            word = " AND " if "WHERE" in every else " WHERE "
            fenced = Counter(await connection.scalars(text(f"{every}{word}{name} LIKE '%_fenced%'")))
        events = 1 if postgresql else 3  # one for all events, or one for each
        assert fenced == {table.name: events for table in (*ORG_TABLES, *ACCOUNT_TABLES)}


async def test_after_the_handover_nothing_is_ever_changed_at_the_old_end(ends: Ends) -> None:
    await ends.move()
    late = partial(put_member, ends.old.orgs, "org_1", "usr_new", OrgRole.ORG_ROLE_MEMBER, EU)
    assert await refusal(late()) == "ORG_MOVED"
    assert await ends.old.orgs.memberships("usr_ada") == [], "it is listed once, where it is"
    await put_member(ends.new.orgs, "org_1", "usr_new", OrgRole.ORG_ROLE_MEMBER, EU)
    departure = await ends.old.moves.departures.latest("org_1")
    assert departure is not None
    await ends.old.moves.departures.erase(departure)
    assert await refusal(late()) == "ORG_MOVED"


async def test_what_was_given_up_can_be_changed_again_and_is_not_at_the_other_end(ends: Ends) -> None:
    await ends.copy()
    departure = await ends.old.moves.departures.latest("org_1")
    assert departure is not None
    await ends.old.moves.departures.abandon(departure, "no reason")
    await ends.old.moves.departures.end("op_1", 20)
    await ends.new.moves.arrivals.abandon("op_1")
    assert await ends.old.orgs.set_plan("org_1", "growth")
    assert await ends.new.moves.arrivals.latest("org_1") is None
    await ends.move("op_2")
    member = await ends.new.orgs.membership("org_1", "usr_ada")
    assert member is not None and member.org.plan == "growth"


async def test_messages_count_once_and_in_their_order(ends: Ends) -> None:
    await ends.new.moves.arrivals.begin(Arrival("op_1", "org_1", EU, 2, COPYING, 1))
    columns = ["created_at", "epoch", "name", "org_id", "plan"]
    body = encode(Body("orgs", columns, [[1, 1, "Org", "org_1", "pro"]]))
    await ends.new.moves.arrivals.put("op_1", 1, b"a" * 16, body)
    for cursor, nonce in ((1, b"b"), (3, b"c"), (2, b"a"), (0, b"d")):
        assert (
            await refusal(ends.new.moves.arrivals.put("op_1", cursor, nonce * 16, body))
            == "TRANSFER_REPLAYED"
        )
    assert await refusal(ends.new.moves.arrivals.put("op_2", 1, b"e" * 16, body)) == "TRANSFER_REPLAYED"
    await ends.new.moves.arrivals.put("op_1", 2, b"f" * 16, body)
    found = await ends.new.moves.arrivals.find("op_1")
    assert found is not None and (found.cursor, found.rows) == (2, 2)


@pytest.mark.parametrize(
    "body",
    [
        Body("accounts", ["user_id"], [["usr_1"]]),
        Body("orgs", ["org_id"], [["org_1"]]),
        Body("orgs", ["created_at", "epoch", "name", "org_id", "plan"], [[1]]),
    ],
    ids=["another's table", "another version's columns", "a short row"],
)
async def test_what_is_no_row_of_a_table_that_moves_is_refused(ends: Ends, body: Body) -> None:
    await ends.new.moves.arrivals.begin(Arrival("op_1", "org_1", EU, 2, COPYING, 1))
    with pytest.raises(InvalidInput):
        await ends.new.moves.arrivals.put("op_1", 1, b"a" * 16, encode(body))
    with pytest.raises(InvalidInput):
        await ends.new.moves.arrivals.put("op_1", 1, b"a" * 16, b"nothing")


async def test_nothing_is_taken_that_differs_from_what_was_handed_over(ends: Ends) -> None:
    tables = await ends.copy()
    altered = [replace_digest(each) if each.table == "members" else each for each in tables]
    for wrong in (altered, tables[1:], []):
        with pytest.raises(Conflict):
            await ends.new.moves.arrivals.take("op_1", WORD, wrong, KEY)
    assert await ends.new.orgs.membership("org_1", "usr_ada") is None
    departure = await ends.old.moves.departures.latest("org_1")
    assert departure is not None
    with pytest.raises(Conflict):
        await ends.old.moves.departures.hand_over(departure, b"word", altered)
    again = await ends.old.moves.departures.latest("org_1")
    assert again is not None and again.step == COPYING


async def test_a_region_gives_away_its_own_organisations_only(ends: Ends) -> None:
    """One that lies about its rows: a role in an organisation of the new region's own."""
    await filled(ends.new, "3", "kim")
    tables = await ends.copy()
    columns = ["email", "email_key", "home_region", "joined_at", "org_id", "role", "user_id"]
    row = ["ada@example.org", "ada@example.org", EU, 1, "org_3", OrgRole.ORG_ROLE_OWNER, "usr_ada"]
    smuggled = Body("members", columns, [row])
    arrival = await ends.new.moves.arrivals.find("op_1")
    assert arrival is not None
    await ends.new.moves.arrivals.put("op_1", arrival.cursor + 1, b"s" * 16, encode(smuggled))
    with pytest.raises(Conflict):
        await ends.new.moves.arrivals.take("op_1", WORD, tables, KEY)
    assert await ends.new.orgs.membership("org_3", "usr_ada") is None
    assert await ends.new.orgs.membership("org_1", "usr_ada") is None


async def test_a_region_gives_away_its_own_people_only(ends: Ends) -> None:
    """One that lies about its accounts: a person of a third region, who is a member at the new one."""
    await filled(ends.new, "3", "kim")
    await put_member(ends.new.orgs, "org_3", "usr_ada", OrgRole.ORG_ROLE_OWNER, AF)
    word, raw = handovers((EU, US), login_hint="hint_ada")[0], await ends.old.moves.accounts.rows("usr_ada")
    with pytest.raises(Conflict):
        await ends.new.moves.accounts.take("usr_ada", word, raw, HINTS)
    await put_member(ends.new.orgs, "org_3", "usr_ada", OrgRole.ORG_ROLE_UNSPECIFIED, AF)
    other = handovers((EU, US), login_hint="hint_eve")[0]
    for wrong in ((other, raw), (word, await ends.old.moves.accounts.rows("usr_eve"))):
        with pytest.raises(Conflict):
            await ends.new.moves.accounts.take("usr_ada", *wrong, HINTS)
    assert await ends.new.orgs.account("ada@example.org") is None
    await ends.new.moves.accounts.take("usr_ada", word, raw, HINTS)


async def test_a_writer_that_began_before_the_fence_is_in_the_copy(ends: Ends) -> None:
    """On PostgreSQL it has looked for a fence already; the fence waits for it, and so does the copy."""
    database = ends.old.orgs._database
    async with database.write() as connection:
        member = {"org_id": "org_1", "user_id": "usr_late", "role": 1, "home_region": EU}
        await connection.execute(insert(members).values(member))
        copying = asyncio.ensure_future(ends.copy())
        done, _ = await asyncio.wait([copying], timeout=0.3)
        assert not done, "the fence is there while somebody writes"
    tables = {each.table: each.rows for each in await copying}
    assert tables["members"] == 3


def replace_digest(each: TableDigest) -> TableDigest:
    return TableDigest(each.table, each.rows, b"x" * 32)


async def test_taking_twice_takes_once(ends: Ends) -> None:
    await ends.move()
    await ends.new.orgs.set_plan("org_1", "growth")
    await ends.new.moves.arrivals.take("op_1", WORD, [], KEY)
    member = await ends.new.orgs.membership("org_1", "usr_ada")
    assert member is not None and member.org.plan == "growth"
    begun = await ends.new.moves.arrivals.begin(Arrival("op_1", "org_1", EU, 2, COPYING, 1))
    assert begun.taken


async def test_the_log_goes_along_and_its_chain_is_unbroken(ends: Ends) -> None:
    await ends.move()
    departure = await ends.old.moves.departures.latest("org_1")
    assert departure is not None
    await ends.old.moves.departures.erase(departure)
    await ends.new.moves.arrivals.finish("op_1", now_ms=30, write_pause_ms=1, accounts=0)
    await ends.new.moves.arrivals.finish("op_1", now_ms=31, write_pause_ms=1, accounts=0)
    async with ends.new.orgs._database.read() as connection:
        query = select(org_audit).where(org_audit.c.org_id == "org_1").order_by(org_audit.c.seq)
        rows = [AuditRow(*row) for row in await connection.execute(query)]
    last, number = GENESIS, 0
    for row in rows:
        last, number = row.hashed_after(last), number + 1
        assert (row.seq, row.hash) == (number, last)
    assert [row.action for row in rows][-3:] == [
        "org.primary_region.assign_requested",
        "org.primary_region.assigned",
        "org.primary_region.erased",
    ]
    assert {row.actor_email for row in rows[-3:]} == {"ada@example.org"}


async def test_an_organisation_comes_back(ends: Ends) -> None:
    await ends.move()
    departure = await ends.old.moves.departures.latest("org_1")
    assert departure is not None
    await ends.old.moves.departures.erase(departure)
    await ends.old.moves.departures.end("op_1", 20)
    back = Ends(ends.new, ends.old)
    await back.move("op_2", word=handovers((EU, US, EU), org_id="org_1")[1])
    member = await ends.old.orgs.membership("org_1", "usr_ada")
    assert member is not None and member.org.epoch == 3
    assert await ends.old.orgs.set_plan("org_1", "growth")
    (row,) = [row for row in await ends.old.orgs.org_rows() if row.org.org_id == "org_1"]
    assert [word.to_region for word in row.org.handovers] == [US, EU]


async def test_an_account_goes_with_its_only_organisation(ends: Ends) -> None:
    await put_member(ends.old.orgs, "org_1", "usr_eve", OrgRole.ORG_ROLE_MEMBER, EU)
    await ends.move()
    (leaving,) = await ends.old.moves.accounts.going_with("org_1")
    assert leaving.user_id == "usr_ada", "usr_eve is a member of org_2 too"
    word = handovers((EU, US), login_hint="hint_ada")[0]
    given = await ends.old.moves.accounts.hand_over(leaving, "org_1", "op_1", "hint_ada", word, str.encode)
    again = await ends.old.moves.accounts.hand_over(
        leaving, "org_1", "op_1", "hint_ada", handovers((EU, US), login_hint="x")[0], str.encode
    )
    assert given == again == word, "it is given away once"
    assert await ends.old.orgs.departed("hint_ada") and not await ends.old.orgs.departed("hint_eve")
    raw = await ends.old.moves.accounts.rows("usr_ada")
    for _ in range(2):
        row = await ends.new.moves.accounts.take("usr_ada", word, raw, HINTS)
        assert (row.region, list(row.login_hint.handovers)) == (US, [word])
    await ends.old.moves.accounts.erase("usr_ada", "op_1")
    assert await ends.old.orgs.account("ada@example.org") is None
    account = await ends.new.orgs.account("ada@example.org")
    assert account is not None and account.password_hash == "hash"
    member = await ends.new.orgs.membership("org_1", "usr_ada")
    assert member is not None and member.home_region == US
    homes = {row.user_id: row.home_region for row in (await ends.new.orgs.access(AF, after_seq=None)).rows}
    assert homes == {"usr_ada": US, "usr_bo1": AF}
    pending = [pending.row.login_hint.hint for pending in await ends.old.outbox.pending(None, 100)]
    assert "hint_ada" not in pending and "hint_eve" in pending


async def test_who_a_directory_let_go_and_brought_back_moves_and_stays_of_single_sign_on_there(
    ends: Ends,
) -> None:
    """They have no home region in that organisation, which is no other region's either."""
    await put_member(ends.old.orgs, "org_1", "usr_bo1", OrgRole.ORG_ROLE_OWNER, AF)
    for active in (False, True):
        ((ada,), _) = await ends.old.scim.users("org_1", ScimPage(id="usr_ada"))
        await ends.old.scim.replace_user(
            "org_1",
            "usr_ada",
            replace(ada.fields, active=active),
            version=ada.version,
            default_role=OrgRole.ORG_ROLE_MEMBER,
            judges=lambda before, after: None,
            at_ms=9 + active,
        )
    await filled(ends.new, "3", "kim")
    await put_member(ends.new.orgs, "org_3", "usr_ada", OrgRole.ORG_ROLE_MEMBER, EU)
    await ends.move()
    (leaving,) = await ends.old.moves.accounts.going_with("org_1")
    word = handovers((EU, US), login_hint="hint_ada")[0]
    await ends.old.moves.accounts.hand_over(leaving, "org_1", "op_1", "hint_ada", word, str.encode)
    await ends.new.moves.accounts.take("usr_ada", word, await ends.old.moves.accounts.rows("usr_ada"), HINTS)
    assert await ends.new.orgs.account("ada@example.org") is not None
    memberships = await ends.new.orgs.memberships("usr_ada")
    assert {each.org.org_id: each.home_region for each in memberships} == {"org_1": "", "org_3": US}


async def test_no_password_is_changed_and_nothing_ended_where_an_account_is_not_any_more(ends: Ends) -> None:
    """Who asked the old home while the account left is told so, and asks again: nothing is done here."""
    await ends.move()
    (leaving,) = await ends.old.moves.accounts.going_with("org_1")
    word = handovers((EU, US), login_hint="hint_ada")[0]
    await ends.old.moves.accounts.hand_over(leaving, "org_1", "op_1", "hint_ada", word, str.encode)
    old = ends.old.sessions
    for erased in (False, True):
        if erased:
            await ends.old.moves.accounts.erase("usr_ada", "op_1")
        for change in (
            old.change_password("usr_ada", "other", keep="", now_ms=20, forget_after_ms=30),
            old.end_all("usr_ada", 20, 30),
        ):
            assert await refusal(change) == "ACCOUNT_MOVED"
    assert await old.ends(20) == []
    pending = [pending.row for pending in await ends.old.outbox.pending(None, 100)]
    assert not [row for row in pending if row.HasField("session_end")]


async def test_one_departure_at_a_time(ends: Ends) -> None:
    first = Departure("op_1", "org_1", US, 2, COPYING, "usr_ada", KEY, 1)
    assert await ends.old.moves.departures.begin(first, ADA) == await ends.old.moves.departures.begin(
        replace(first, operation_id="op_2"), ADA
    )
    with pytest.raises(Conflict):
        await ends.old.moves.departures.begin(replace(first, operation_id="op_3", to_region=AF), ADA)
    assert [each.operation_id for each in await ends.old.moves.departures.unfinished()] == ["op_1"]


async def test_nothing_is_left_in_the_old_regions_file(tmp_path: Path) -> None:
    old = await Records.open(f"sqlite+aiosqlite:///{tmp_path}/old.db", region=EU)
    new = await Records.open(f"sqlite+aiosqlite:///{tmp_path}/new.db", region=US)
    ends, marker = Ends(old, new), f"mark{secrets.token_hex(8)}"
    account = Account("usr_ada", f"{marker}@example.org", f"{marker}@example.org", f"{marker}-hash", 1)
    await old.orgs.sign_up(account, OrgRecord("org_1", f"Org {marker}", "pro", 1, 1), "hint_ada")
    hint_of = {account.email: "hint_ada"}.__getitem__
    assert holds(tmp_path, "old.db", marker)
    await ends.move()
    word = handovers((EU, US), login_hint="hint_ada")[0]
    (leaving,) = await old.moves.accounts.going_with("org_1")
    await old.moves.accounts.hand_over(leaving, "org_1", "op_1", "hint_ada", word, str.encode)
    await new.moves.accounts.take("usr_ada", word, await old.moves.accounts.rows("usr_ada"), hint_of)
    await old.moves.accounts.erase("usr_ada", "op_1")
    departure = await old.moves.departures.latest("org_1")
    assert departure is not None
    await old.moves.departures.erase(departure)
    await old.moves.accounts.leave_nothing()
    assert not holds(tmp_path, "old.db", marker) and holds(tmp_path, "new.db", marker)
    await old.close()
    await new.close()


def holds(folder: Path, name: str, marker: str) -> bool:
    """Whether a file, or its journals, has these bytes anywhere, free pages included."""
    return any(marker.encode() in path.read_bytes() for path in folder.glob(f"{name}*"))
