"""The directory in LMDB: what it answers, what it refuses, what survives."""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import lmdb
import msgspec
import pytest

from mesh.allowlists import AllowLists
from mesh.directory import AccessFact, ApiTokenFact, Directory, KeyFact, OrgFact, ProjectFact, RegionFact
from mesh.errors import Conflict, Forbidden
from mesh.handovers import VOUCHES_MS
from sankofa.org.v1.org_pb2 import ProjectRole
from sankofa.registry.v1.registry_pb2 import Catalogue, Region, RegionStatus
from sankofa.residency.v1.environment_pb2 import Environment
from storage.directory.environment import DirectoryMissing, DirectoryUnusable
from storage.directory.lmdb import LmdbDirectory
from storage.directory.reader import LEASE_MS
from storage.registry.rules import Position
from tests.support.nodes import AF, EU, US
from tests.support.rows import account_end, api_key, hash_of, hint, jwt_key, moved_org, org, pin, signer

pytestmark = pytest.mark.disk

NOW_MS = 1_800_000_000_000
CATALOGUE = Catalogue(
    default_region=EU,
    regions=[
        Region(id=US, display_name="US", status=RegionStatus.REGION_STATUS_OPEN, rest_url="http://us"),
        Region(id=EU, display_name="EU", status=RegionStatus.REGION_STATUS_ROADMAP, federated_address="eu:1"),
    ],
)

Open = Callable[..., LmdbDirectory]


@pytest.fixture
def open_directory(tmp_path: Path) -> Iterator[Open]:
    """Opens the same file again: the one before is closed first, as LMDB wants."""
    opened: list[LmdbDirectory] = []

    def reopen(*, region: str | None = EU, readonly: bool = False, now_ms: int = NOW_MS) -> LmdbDirectory:
        for before in opened:
            before.close()
        opened[:] = [
            LmdbDirectory.open(
                tmp_path / "directory", region=region, readonly=readonly, clock_ms=lambda: now_ms
            )
        ]
        return opened[0]

    yield reopen
    for last in opened:
        last.close()


async def test_a_project_written_before_there_was_a_retention_is_kept_for_ever(
    tmp_path: Path, open_directory: Open
) -> None:
    open_directory().close()
    env = lmdb.open(str(tmp_path / "directory"), max_dbs=20)
    with env.begin(write=True) as txn:
        old = msgspec.msgpack.encode(("org_1", "Shop", "active"))
        txn.put(b"proj_1", old, db=env.open_db(b"projects", txn=txn))
    env.close()
    directory = open_directory()
    assert directory.project("proj_1") == ProjectFact("proj_1", "org_1", "Shop", "active", 0)
    await directory.put_projects([ProjectFact("proj_1", "org_1", "Shop", "active", 65_535)])
    assert directory.project("proj_1") == ProjectFact("proj_1", "org_1", "Shop", "active", 65_535)


async def test_many_projects_are_written_in_one_transaction(open_directory: Open) -> None:
    directory = open_directory()
    facts = [ProjectFact(f"proj_{number}", "org_1", f"Shop {number}", "active") for number in range(2_500)]
    await directory.put_projects(facts)
    assert [open_directory().project(fact.project_id) for fact in facts] == facts


def access(
    user: str = "usr_1", role: ProjectRole = ProjectRole.PROJECT_ROLE_EDITOR, epoch: int = 1
) -> AccessFact:
    return AccessFact(user, "proj_1", "org_1", role, AF, epoch)


async def test_every_fact_is_answered_as_it_was_written_also_after_a_restart(open_directory: Open) -> None:
    directory = open_directory()
    await directory.set_catalogue(CATALOGUE)
    rows = [signer(EU), pin("proj_1", EU), api_key("a", EU), org("org_1", US, 3), jwt_key(US), hint("h", EU)]
    assert await directory.apply(rows, Position("feed", 7)) == 0
    lists = AllowLists(("*.example.org", "shop.example.com"), ("192.0.2.0/24",))
    await directory.put_projects([ProjectFact("proj_1", "org_1", "Shop", "active", 30, lists)])
    await directory.put_access(US, [access()])

    again: Directory = open_directory()
    assert again.default_region() == EU
    assert again.regions() == [RegionFact(US, "US", "open", "http://us", ""), again.region(EU)]
    assert again.region(EU) == RegionFact(EU, "EU", "roadmap", "", "eu:1")
    assert again.pin("proj_1") == EU
    assert again.key(hash_of("a")) == KeyFact("key_a", "proj_1", Environment.ENVIRONMENT_LIVE, EU)
    fact = again.org("org_1")
    assert fact is not None and (fact.primary_region, fact.epoch) == (US, 3)
    assert again.jwt_key(US, "kid") == b"1" * 32
    assert again.project("proj_1") == ProjectFact("proj_1", "org_1", "Shop", "active", 30, lists)
    assert again.access("usr_1", "proj_1") == access()
    assert open_directory().feed_position() == Position("feed", 7)
    assert open_directory().signers() == [signer(EU)]


@pytest.mark.parametrize("strange", ["", "proj_unknown", "x" * 1000, "usr_1\0proj_1"])
async def test_what_is_not_known_is_none_and_never_a_default(open_directory: Open, strange: str) -> None:
    directory = open_directory()
    assert directory.default_region() is None and directory.regions() == []
    assert directory.pin(strange) is None
    assert directory.project(strange) is None
    assert directory.org(strange) is None
    assert directory.region(strange) is None
    assert directory.key(strange.encode()) is None
    assert directory.jwt_key(strange, strange) is None
    assert directory.access(strange, strange) is None
    assert not directory.access_fresh(strange)
    assert directory.feed_position() is None


async def test_a_second_value_of_a_pin_is_refused_and_does_not_stop_the_feed(open_directory: Open) -> None:
    directory = open_directory()
    await directory.put_own_rows([pin("proj_1", EU)])
    assert await directory.apply([pin("proj_1", US), pin("proj_2", EU)], Position("feed", 2)) == 1
    assert (directory.pin("proj_1"), directory.pin("proj_2")) == (EU, EU)
    with pytest.raises(Conflict):
        await directory.put_own_rows([pin("proj_3", EU), pin("proj_1", EU, "org_2")])
    assert directory.pin("proj_3") is None


async def test_a_pin_that_the_registry_lost_can_not_come_back_elsewhere(open_directory: Open) -> None:
    router = open_directory(region=None)
    await router.apply([pin("proj_1", EU)])
    router.begin_full_compare()
    await router.end_full_compare(Position("new", 0))
    assert router.pin("proj_1") is None
    assert await router.apply([pin("proj_1", US)]) == 1
    assert router.pin("proj_1") is None
    assert await router.apply([pin("proj_1", EU)]) == 0
    assert router.pin("proj_1") == EU


async def test_a_second_value_in_a_full_compare_does_not_make_the_first_one_go(open_directory: Open) -> None:
    router = open_directory(region=None)
    await router.apply([pin("proj_1", EU)])
    router.begin_full_compare()
    assert await router.apply([pin("proj_1", US)]) == 1
    await router.end_full_compare(Position("new", 1))
    assert router.pin("proj_1") == EU


@pytest.mark.parametrize("region", [EU, None])
async def test_a_revoked_key_stays_revoked_after_a_full_compare_and_a_restart(
    open_directory: Open, region: str | None
) -> None:
    directory = open_directory(region=region)
    await directory.apply([api_key("a", EU)])
    await directory.apply([api_key("a", EU, revoked=True)])
    assert directory.key(hash_of("a")) is None

    directory.begin_full_compare()
    await directory.end_full_compare(Position("new", 1))
    directory = open_directory(region=region)
    await directory.apply([api_key("a", EU)], Position("new", 2))
    assert directory.key(hash_of("a")) is None


async def test_the_last_end_of_an_account_counts_and_of_its_home_only(open_directory: Open) -> None:
    directory = open_directory()
    await directory.apply([account_end("usr_1", US, 5), account_end("usr_1", US, 7)])
    assert await directory.apply([account_end("usr_1", US, 6)]) == 0
    directory = open_directory()
    assert directory.account_ended_ms(US, "usr_1") == 7
    assert directory.account_ended_ms(EU, "usr_1") == directory.account_ended_ms(US, "usr_2") == 0


@pytest.mark.parametrize("issuer", [EU, US])
async def test_a_retired_token_key_verifies_nothing_after_a_full_compare_and_a_restart_either(
    open_directory: Open, issuer: str
) -> None:
    directory = open_directory()
    await directory.apply([jwt_key(issuer), jwt_key(issuer, "other")])
    await directory.apply([jwt_key(issuer, retired=True), jwt_key(issuer, "never seen before", retired=True)])
    assert directory.jwt_key(issuer, "kid") is None and directory.jwt_key_retired(issuer, "kid")
    assert directory.jwt_key(issuer, "never seen before") is None
    assert directory.jwt_key(issuer, "other") == b"1" * 32
    assert not directory.jwt_key_retired(issuer, "other") and not directory.jwt_key_retired(issuer, "none")

    directory.begin_full_compare()
    await directory.end_full_compare(Position("new", 1))
    directory = open_directory()
    assert await directory.apply([jwt_key(issuer)], Position("new", 2)) == 0
    assert directory.jwt_key(issuer, "kid") is None
    assert await directory.apply([jwt_key(issuer, fill=b"2", retired=True)]) == 1


async def test_a_full_compare_removes_what_others_no_longer_have_and_nothing_of_its_own(
    open_directory: Open,
) -> None:
    directory = open_directory()
    await directory.put_own_rows([pin("proj_1", EU), api_key("a", EU), jwt_key(EU), org("org_1", EU)])
    await directory.apply([signer(US), jwt_key(US), org("org_2", US), org("org_3", AF)])
    directory.begin_full_compare()
    await directory.apply([org("org_3", AF)])
    assert directory.jwt_key(US, "kid") is not None, "removed before the compare was complete"
    await directory.end_full_compare(Position("new", 9))
    assert directory.pin("proj_1") == EU and directory.key(hash_of("a")) is not None
    assert directory.jwt_key(EU, "kid") is not None and directory.org("org_1") is not None
    assert directory.org("org_3") is not None
    assert (
        directory.jwt_key(US, "kid") is None and directory.org("org_2") is None and directory.signers() == []
    )
    assert directory.feed_position() == Position("new", 9)


async def test_the_router_forgets_every_row_that_a_full_compare_did_not_bring(open_directory: Open) -> None:
    router = open_directory(region=None)
    await router.apply([pin("proj_1", EU), api_key("a", EU), pin("proj_2", US), api_key("b", US, "proj_2")])
    router.begin_full_compare()
    await router.apply([pin("proj_2", US), api_key("b", US, "proj_2")])
    await router.end_full_compare(Position("new", 2))
    assert router.pin("proj_1") is None and router.key(hash_of("a")) is None
    assert router.pin("proj_2") == US and router.key(hash_of("b")) is not None


async def test_a_cell_keeps_no_pins_and_keys_of_other_regions(open_directory: Open) -> None:
    directory = open_directory()
    assert await directory.apply([pin("proj_2", US), api_key("b", US, "proj_2")]) == 0
    assert directory.pin("proj_2") is None and directory.key(hash_of("b")) is None
    with pytest.raises(Forbidden):
        await directory.put_own_rows([pin("proj_2", US)])


async def test_an_organisation_keeps_its_newest_epoch(open_directory: Open) -> None:
    directory = open_directory()
    await directory.apply([org("org_1", US, 2)])
    await directory.apply([org("org_1", US, 1)])
    fact = directory.org("org_1")
    assert fact is not None and (fact.primary_region, fact.epoch) == (US, 2)


async def test_an_organisation_moves_only_by_the_word_of_the_region_that_is_known(
    open_directory: Open,
) -> None:
    directory = open_directory()
    await directory.apply([org("org_1", EU)])
    assert await directory.apply([moved_org("org_1", AF, US), org("org_1", US)]) == 2, "both are refused"
    assert directory.org("org_1") == OrgFact("org_1", EU, 1)
    assert await directory.apply([moved_org("org_1", EU, AF, US)]) == 0
    moved = directory.org("org_1")
    assert moved is not None and (moved.primary_region, moved.epoch, moved.former_region) == (US, 3, AF)
    assert await directory.apply([moved_org("org_1", EU, AF)]) == 0, "an older epoch changes nothing"
    assert directory.org("org_1") == moved


async def test_the_region_before_is_believed_for_a_while(open_directory: Open) -> None:
    directory = open_directory()
    await directory.apply([org("org_1", EU)])
    await directory.put_projects([ProjectFact("proj_1", "org_1", "Shop", "active")])
    await directory.put_access(EU, [access(), access("usr_2"), access("usr_3")])
    moved = moved_org("org_1", EU, US)
    moved.row.org.handovers[0].at_unix_ms = NOW_MS
    await directory.apply([moved])
    assert directory.access("usr_1", "proj_1") == access(), "the new region has not spoken yet"
    gone = access("usr_2", role=ProjectRole.PROJECT_ROLE_UNSPECIFIED, epoch=1)
    await directory.put_access(US, [gone, access("usr_3", role=ProjectRole.PROJECT_ROLE_VIEWER)])
    assert directory.access("usr_2", "proj_1") is None
    assert directory.access("usr_3", "proj_1") == access("usr_3", role=ProjectRole.PROJECT_ROLE_VIEWER)
    later = open_directory(now_ms=NOW_MS + VOUCHES_MS)
    assert later.access("usr_1", "proj_1") is None


async def test_only_the_primary_region_of_a_projects_organisation_gives_roles(open_directory: Open) -> None:
    directory = open_directory()
    await directory.apply([org("org_1", US)])
    await directory.put_access(AF, [access()])
    assert directory.access("usr_1", "proj_1") is None, "the project is not known here"
    await directory.put_projects([ProjectFact("proj_1", "org_1", "Shop", "active")])
    assert directory.access("usr_1", "proj_1") is None, "af-south-1 is not the primary region of org_1"
    await directory.put_access(US, [access()])
    assert directory.access("usr_1", "proj_1") == access()


async def test_access_rows_follow_their_epoch_and_the_full_list(open_directory: Open) -> None:
    directory = open_directory()
    await directory.apply([org("org_1", US)])
    await directory.put_projects([ProjectFact("proj_1", "org_1", "Shop", "active")])
    await directory.put_access(US, [access(epoch=5), access("usr_2")])
    await directory.put_access(US, [access(role=ProjectRole.PROJECT_ROLE_ADMIN, epoch=4)])
    assert directory.access("usr_1", "proj_1") == access(epoch=5)
    await directory.put_access(US, [access(role=ProjectRole.PROJECT_ROLE_UNSPECIFIED, epoch=6)])
    await directory.put_access(US, [access(epoch=5)])
    assert directory.access("usr_1", "proj_1") is None, "a late row of an older epoch gave the role back"
    await directory.put_access(US, [access("usr_4", epoch=8)])
    await directory.replace_access(US, [access("usr_3")], 7)
    assert directory.access("usr_2", "proj_1") is None
    assert directory.access("usr_3", "proj_1") == access("usr_3")
    assert directory.access("usr_4", "proj_1") == access("usr_4", epoch=8), "it is newer than the list"


async def test_access_rows_are_fresh_for_the_lease_and_not_longer(open_directory: Open) -> None:
    await open_directory().renew_lease(US)
    assert open_directory(now_ms=NOW_MS + LEASE_MS).access_fresh(US)
    assert not open_directory(now_ms=NOW_MS + LEASE_MS + 1).access_fresh(US)
    assert not open_directory(now_ms=NOW_MS).access_fresh(AF)


def _read_in_another_process(path: Path, questions, answers) -> None:  # type: ignore[no-untyped-def]
    directory = LmdbDirectory.open(path, region=EU, readonly=True)
    while question := questions.get():
        answers.put((directory.pin(question), directory.access_fresh(US)))


async def test_another_process_that_only_reads_sees_each_change_at_once(tmp_path: Path) -> None:
    writer = LmdbDirectory.open(tmp_path, region=EU)
    spawn = multiprocessing.get_context("spawn")
    questions, answers = spawn.Queue(), spawn.Queue()
    reader = spawn.Process(target=_read_in_another_process, args=(tmp_path, questions, answers), daemon=True)
    reader.start()
    questions.put("proj_1")
    assert answers.get(timeout=30) == (None, False)
    await writer.put_own_rows([pin("proj_1", EU)])
    await writer.renew_lease(US)
    questions.put("proj_1")
    assert answers.get(timeout=30) == (EU, True)
    questions.put("")
    reader.join(30)
    writer.close()


async def test_a_reader_can_not_write(open_directory: Open) -> None:
    open_directory()
    with pytest.raises(RuntimeError, match="open for reading"):
        await open_directory(readonly=True).put_own_rows([pin("proj_1", EU)])


def test_a_missing_directory_says_what_to_start(tmp_path: Path) -> None:
    with pytest.raises(DirectoryMissing, match="start the region's cell"):
        LmdbDirectory.open(tmp_path / "none", region=EU, readonly=True)


@pytest.mark.parametrize("readonly", [True, False])
def test_a_damaged_directory_says_what_to_do(tmp_path: Path, readonly: bool) -> None:
    (tmp_path / "data.mdb").write_bytes(b"not a database " * 1000)
    with pytest.raises(DirectoryUnusable, match="move it away"):
        LmdbDirectory.open(tmp_path, region=EU, readonly=readonly)


@pytest.mark.parametrize("readonly", [True, False])
def test_a_directory_is_opened_for_its_own_region_only(open_directory: Open, readonly: bool) -> None:
    open_directory()
    with pytest.raises(DirectoryUnusable, match="another region"):
        open_directory(region=US, readonly=readonly)


async def test_what_was_written_is_there_after_a_kill(tmp_path: Path) -> None:
    """Revocation is only as good as its first commit."""
    program = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "from storage.directory.lmdb import LmdbDirectory; from tests.support.rows import api_key\n"
        "d = LmdbDirectory.open(Path(sys.argv[1]), region='eu-west-1')\n"
        "asyncio.run(d.put_own_rows([api_key('a', 'eu-west-1', revoked=True)])); os.kill(os.getpid(), 9)"
    )
    root = Path(__file__).parents[2]
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(tmp_path), cwd=root)
    assert await killed.wait() == -9
    directory = LmdbDirectory.open(tmp_path, region=EU)
    await directory.apply([api_key("a", EU)])
    assert directory.key(hash_of("a")) is None
    directory.close()


def api_token(name: str, expires_at_ms: int = NOW_MS + 1) -> tuple[bytes, ApiTokenFact]:
    fact = ApiTokenFact(f"tok_{name}", "proj_1", ProjectRole.PROJECT_ROLE_EDITOR, expires_at_ms)
    return hash_of(name), fact


async def test_an_api_token_opens_until_its_time_also_after_a_restart(open_directory: Open) -> None:
    key, fact = api_token("a")
    await open_directory().put_api_tokens({key: fact}, [])
    directory: Directory = open_directory(readonly=True)
    assert directory.api_token(key) == fact
    assert directory.api_token(key[:-1]) is directory.api_token(b"") is None
    assert open_directory(now_ms=NOW_MS + 1).api_token(key) is None


async def test_an_api_token_that_has_ended_is_forgotten_and_others_stay(open_directory: Open) -> None:
    directory = open_directory()
    every = dict(map(api_token, "abc"))
    await directory.put_api_tokens(every, [])
    ended, kept, left = every
    await directory.put_api_tokens({kept: every[kept]}, [ended, hash_of("never there")])
    assert [directory.api_token(key) for key in every] == [None, every[kept], every[left]]
    await directory.replace_api_tokens({left: every[left]})
    assert [directory.api_token(key) for key in every] == [None, None, every[left]]
    await directory.replace_api_tokens({})
    assert open_directory().api_token(left) is None


async def test_api_tokens_that_are_there_as_they_are_to_be_cost_no_write(open_directory: Open) -> None:
    directory = open_directory()
    every = dict(map(api_token, "abc"))
    gone = hash_of("gone long ago")
    await directory.put_api_tokens(every, [gone])
    written = directory._env.info()["last_txnid"]
    await directory.put_api_tokens(every, [gone])
    assert directory._env.info()["last_txnid"] == written
    changed = dict([api_token("b", NOW_MS + 2)])
    await directory.put_api_tokens(every | changed, [gone])
    assert [directory.api_token(key) for key in every] == list((every | changed).values())
    assert directory._env.info()["last_txnid"] > written


async def test_a_directory_from_before_there_were_api_tokens_has_none(
    tmp_path: Path, open_directory: Open
) -> None:
    open_directory().close()
    env = lmdb.open(str(tmp_path / "directory"), max_dbs=20)
    with env.begin(write=True) as txn:
        txn.drop(env.open_db(b"api_tokens", txn=txn))
    env.close()
    with pytest.raises(DirectoryMissing, match="is being made"):
        open_directory(readonly=True)
    assert open_directory().api_token(api_token("a")[0]) is None
