"""Tokens: whose signature counts, for how long, and what is asked again each time."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from mesh.errors import Unauthenticated
from mesh.tokens import LEEWAY, PROVISION, USER, TokenKey, verify
from tests.support.nodes import EU, US, MemoryDirectory

LIFETIME = timedelta(minutes=15)


@pytest.fixture
def key() -> TokenKey:
    return TokenKey.generate()


@pytest.fixture
def directory(key: TokenKey) -> MemoryDirectory:
    return MemoryDirectory(jwt_keys={(EU, key.kid): key.public_bytes})


def signed(key: TokenKey, *, issuer: str = EU, audience: str = USER) -> str:
    return key.sign({"sub": "usr_1"}, issuer=issuer, audience=audience, lifetime=LIFETIME)


def test_a_token_says_who_it_is_of_and_which_region_vouches(
    key: TokenKey, directory: MemoryDirectory
) -> None:
    claims = verify(signed(key), directory=directory, audience=USER)
    assert (claims.subject, claims.issuer_region) == ("usr_1", EU)


@pytest.mark.parametrize("late_s", [0.0, LIFETIME.total_seconds() + LEEWAY.total_seconds() - 2])
def test_a_token_that_was_verified_before_is_verified_again(
    key: TokenKey, directory: MemoryDirectory, late_s: float
) -> None:
    token = signed(key)
    first = verify(token, directory=directory, audience=USER)
    again = verify(token, directory=directory, audience=USER, clock_s=lambda: time.time() + late_s)
    assert again == first


def test_a_token_that_was_verified_before_ends_with_its_time(
    key: TokenKey, directory: MemoryDirectory
) -> None:
    token = signed(key)
    verify(token, directory=directory, audience=USER)
    late_s = LIFETIME.total_seconds() + LEEWAY.total_seconds() + 1
    with pytest.raises(Unauthenticated):
        verify(token, directory=directory, audience=USER, clock_s=lambda: time.time() + late_s)


def test_a_token_that_was_verified_before_ends_with_its_key(
    key: TokenKey, directory: MemoryDirectory
) -> None:
    token = signed(key)
    verify(token, directory=directory, audience=USER)
    directory.jwt_keys[EU, key.kid] = TokenKey.generate().public_bytes
    with pytest.raises(Unauthenticated):
        verify(token, directory=directory, audience=USER)
    directory.jwt_keys.clear()
    with pytest.raises(Unauthenticated):
        verify(token, directory=directory, audience=USER)


def test_a_token_that_was_verified_for_one_audience_opens_no_other(
    key: TokenKey, directory: MemoryDirectory
) -> None:
    token = signed(key)
    verify(token, directory=directory, audience=USER)
    with pytest.raises(Unauthenticated):
        verify(token, directory=directory, audience=PROVISION)


def test_a_region_does_not_sign_for_another(key: TokenKey, directory: MemoryDirectory) -> None:
    with pytest.raises(Unauthenticated):
        verify(signed(key, issuer=US), directory=directory, audience=USER)


@pytest.mark.parametrize("cut", [1, 20, 90])
def test_a_token_that_was_changed_is_refused_each_time(
    key: TokenKey, directory: MemoryDirectory, cut: int
) -> None:
    token = signed(key)
    verify(token, directory=directory, audience=USER)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            verify(token[:-cut], directory=directory, audience=USER)
