"""The secrets of a region in its records: one suite, SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from mesh.tokens import TokenKey
from services.org.sessions.tokens import new_secret
from storage.records.records import Records
from tests.support.nodes import EU

pytestmark = [pytest.mark.disk, pytest.mark.network]


async def test_the_secret_of_refresh_tokens_is_made_once_and_outlives_a_restart(
    records: Records, url: str
) -> None:
    first = await records.keys.refresh_secret(new_secret)
    await records.keys.token_key(TokenKey.generate())
    again = await Records.open(url, region=EU)
    assert await again.keys.refresh_secret(new_secret) == first
    await again.close()


async def test_of_several_processes_that_start_at_once_one_makes_the_secrets(
    records: Records, url: str
) -> None:
    others = [await Records.open(url, region=EU) for _ in range(3)]
    found = await asyncio.gather(*(other.keys.refresh_secret(new_secret) for other in others))
    keys = await asyncio.gather(*(other.keys.token_key(TokenKey.generate()) for other in others))
    for other in others:
        await other.close()
    assert len(set(found)) == 1 and len({key.kid for key in keys}) == 1


async def test_a_region_that_has_a_token_key_already_goes_on_with_what_was_derived_from_it(
    records: Records,
) -> None:
    key = await records.keys.token_key(TokenKey.generate())
    assert await records.keys.refresh_secret(new_secret) == new_secret(key)
