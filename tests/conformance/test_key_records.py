"""The secrets of a region in its records: one suite, SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from mesh.tokens import TokenKey
from sankofa.registry.v1.registry_pb2 import JwtKey
from services.org.sessions.tokens import new_secret
from storage.records.keys import KeyState
from storage.records.records import Records
from tests.support.nodes import EU

pytestmark = [pytest.mark.disk, pytest.mark.network]

LONGEST, MARGIN = timedelta(minutes=15), timedelta(minutes=1)
AT = 1_800_000_000_000


async def told(records: Records) -> dict[str, JwtKey]:
    """What the registry is told of the keys, each once."""
    keys = [one.row.jwt_key for one in await records.outbox.pending(None, 99) if one.row.HasField("jwt_key")]
    assert len({key.kid for key in keys}) == len(keys)
    return {key.kid: key for key in keys}


async def signing(records: Records, longest: timedelta = LONGEST) -> TokenKey:
    await records.keys.begin(TokenKey.generate(), longest)
    return await records.keys.signing_key()


async def test_the_regions_token_key_is_made_once_and_kept(records: Records, url: str) -> None:
    with pytest.raises(LookupError):
        await records.keys.signing_key()
    first, again = await signing(records), await signing(records)
    assert (again.kid, again.private_bytes) == (first.kid, first.private_bytes)
    assert await told(records) == {first.kid: JwtKey(kid=first.kid, public_key=first.public_bytes)}


async def test_a_key_is_announced_signs_verifies_and_is_retired_one_step_after_the_other(
    records: Records,
) -> None:
    old = await signing(records)
    new = await records.keys.announce(TokenKey.generate(), LONGEST, ["us-east-1"])
    assert (await told(records)).keys() == {old.kid, new.kid}
    assert (await records.keys.signing_key()).kid == old.kid
    assert await records.keys.sign_with(new.kid, AT, MARGIN)
    assert (await records.keys.signing_key()).private_bytes == new.private_bytes
    by_kid = {key.kid: key for key in await records.keys.keys()}
    assert by_kid[new.kid].state == KeyState.SIGNING and by_kid[new.kid].without == ("us-east-1",)
    assert by_kid[old.kid].verifies_until_ms == AT + 16 * 60_000
    assert await records.keys.retire(AT + 16 * 60_000 - 1) == []
    (row,) = await records.keys.retire(AT + 16 * 60_000)
    assert row.jwt_key == JwtKey(kid=old.kid, public_key=old.public_bytes, retired=True)
    assert await records.keys.retire(AT + 17 * 60_000) == []
    assert (await told(records))[old.kid].retired and not (await told(records))[new.kid].retired
    rows = await records.keys.begin(TokenKey.generate(), LONGEST)
    assert {row.jwt_key.kid: row.jwt_key for row in rows} == await told(records)


async def test_an_exchange_that_is_under_way_is_joined_and_each_step_is_taken_once(records: Records) -> None:
    await signing(records)
    fresh = [TokenKey.generate() for _ in range(4)]
    joined = await asyncio.gather(*(records.keys.announce(key, LONGEST, []) for key in fresh))
    (kid,) = {key.kid for key in joined}
    begun = await asyncio.gather(*(records.keys.sign_with(kid, AT, MARGIN) for _ in range(4)))
    assert sorted(begun) == [False, False, False, True]
    ended = await asyncio.gather(*(records.keys.retire(AT * 2) for _ in range(4)))
    assert [len(rows) for rows in ended if rows] == [1]
    assert not await records.keys.sign_with("unknown", AT, MARGIN)


async def test_a_key_is_kept_for_the_longest_token_that_any_process_may_have_signed_with_it(
    records: Records,
) -> None:
    old = await signing(records, timedelta(hours=2))
    await signing(records, timedelta(minutes=1))
    new = await records.keys.announce(TokenKey.generate(), timedelta(minutes=1), [])
    await records.keys.sign_with(new.kid, AT, MARGIN)
    (kept,) = [key for key in await records.keys.keys() if key.kid == old.kid]
    assert kept.verifies_until_ms == AT + 121 * 60_000


async def test_the_secret_of_refresh_tokens_is_made_once_and_outlives_a_restart(
    records: Records, url: str
) -> None:
    first = await records.keys.refresh_secret(new_secret)
    await signing(records)
    again = await Records.open(url, region=EU)
    assert await again.keys.refresh_secret(new_secret) == first
    await again.close()


async def test_of_several_processes_that_start_at_once_one_makes_the_secrets(
    records: Records, url: str
) -> None:
    others = [await Records.open(url, region=EU) for _ in range(3)]
    found = await asyncio.gather(*(other.keys.refresh_secret(new_secret) for other in others))
    keys = await asyncio.gather(*(signing(other) for other in others))
    for other in others:
        await other.close()
    assert len(set(found)) == 1 and len({key.kid for key in keys}) == 1


async def test_a_region_that_has_a_token_key_already_goes_on_with_what_was_derived_from_it(
    records: Records,
) -> None:
    key = await signing(records)
    assert await records.keys.refresh_secret(new_secret) == new_secret(key)
