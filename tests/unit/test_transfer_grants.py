"""Grants of a transfer: whom they let in, and what is sealed under them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mesh.directory import OrgFact
from mesh.errors import InvalidInput
from mesh.grants import LONGEST, Grants, make_grant
from mesh.guard import Ends, Guard
from mesh.identity import Credentials, Identity
from mesh.sealing import SealingKey, info_of, seal
from mesh.signing import RowSigner, RowVerifier
from sankofa.org.v1.transfer_pb2 import BeginRequest
from sankofa.residency.v1.grant_pb2 import OrgGrant
from sankofa.residency.v1.options_pb2 import Plane
from tests.support.nodes import AF, EU, US, MemoryDirectory

pytestmark = pytest.mark.disk

NOW_MS = 1_800_000_000_000
SOURCE, TARGET = Identity(EU, "cell"), Identity(US, "cell")
BEFORE = MemoryDirectory(orgs={"org_1": OrgFact("org_1", EU, 1)})
AFTER = MemoryDirectory(orgs={"org_1": OrgFact("org_1", US, 2, EU)})


@pytest.fixture
def grant(pki: Path) -> Callable[..., OrgGrant]:
    def make(*, by: str = EU, **changes: object) -> OrgGrant:
        usual = {
            "org_id": "org_1",
            "operation_id": "op_1",
            "epoch": 2,
            "source": SOURCE,
            "target": TARGET,
            "digest_key": b"k" * 32,
            "clock_ms": lambda: NOW_MS,
        }
        return make_grant(signer=RowSigner.load(pki, by), **usual | changes)  # type: ignore[arg-type]

    return make


@pytest.fixture
def refused(pki: Path) -> Callable[..., str | None]:
    authorities = Credentials.load(pki, region=EU, role="cell").authorities

    def why(
        grant: OrgGrant | None,
        *,
        caller: Identity = SOURCE,
        callee: Identity = TARGET,
        directory: MemoryDirectory = BEFORE,
        at_ms: int = NOW_MS,
    ) -> str | None:
        grants = Grants(RowVerifier(authorities), clock_ms=lambda: at_ms)
        guard = Guard(callee.region, directory, Ends(caller, callee, grants))
        request = BeginRequest(grant=grant) if grant is not None else BeginRequest()
        refusal = guard.refusal(Plane.PLANE_TRANSFER, caller.region, request)
        return None if refusal is None else refusal.detail

    return why


def test_a_grant_lets_its_two_ends_call_each_other(grant: Callable, refused: Callable) -> None:
    assert refused(grant()) is None
    assert refused(grant(), caller=TARGET, callee=SOURCE) is None
    assert refused(grant(), directory=AFTER) is None, "what is done after the switch"


@pytest.mark.parametrize("role", ["rest", "router", "operator"])
def test_no_other_role_of_the_same_regions_comes_in(grant: Callable, refused: Callable, role: str) -> None:
    assert refused(grant(), caller=Identity(EU, role)) == "it is for other ends"


def test_no_third_region_comes_in(grant: Callable, refused: Callable) -> None:
    third = Identity(AF, "cell")
    assert refused(grant(), caller=third) == "it is for other ends"
    assert refused(grant(), callee=third) == "it is for other ends"
    assert refused(grant(), callee=SOURCE) == "it is for other ends"


def test_a_grant_ends(grant: Callable, refused: Callable) -> None:
    end = NOW_MS + int(LONGEST / timedelta(milliseconds=1))
    assert refused(grant(), at_ms=end - 1) is None
    assert refused(grant(), at_ms=end) == "it is over"
    assert refused(grant(), at_ms=NOW_MS - 6_000) == "it is over", "it has not begun"
    assert refused(grant(lifetime=LONGEST + timedelta(seconds=1))) == "it is for too long"


def test_only_the_region_that_has_the_organisation_grants_it(grant: Callable, refused: Callable) -> None:
    assert refused(grant(by=US)) == "its source has not signed it"
    assert refused(grant(by=AF)) == "its source has not signed it"
    assert refused(grant(epoch=3)) == "its source does not have the organisation"
    assert refused(grant(org_id="org_2")) == "its source does not have the organisation"
    elsewhere = MemoryDirectory(orgs={"org_1": OrgFact("org_1", AF, 1)})
    assert refused(grant(), directory=elsewhere) == "its source does not have the organisation"


def test_no_word_of_a_grant_can_be_changed(grant: Callable, refused: Callable) -> None:
    for name, value in (
        ("operation_id", "op_2"),
        ("expires_at_unix_ms", NOW_MS + 60_000),
        ("digest_key", b"x" * 32),
        ("grant_id", "grant_2"),
    ):
        changed = grant()
        setattr(changed, name, value)
        assert refused(changed) == "its source has not signed it", name
    assert refused(OrgGrant()) and refused(None)
    assert refused(grant(digest_key=b"short")) == "it has no key"


def test_what_is_sealed_opens_once_in_its_place_and_nowhere_else() -> None:
    key, other = SealingKey(), SealingKey()
    info = info_of("op_1", 2, "7", b"n" * 16)
    sealed = seal(b"rows", key.public_bytes, info=info)
    assert b"rows" not in sealed and key.open(sealed, info=info) == b"rows"
    for attempt in (
        lambda: other.open(sealed, info=info),
        lambda: key.open(sealed, info=info_of("op_1", 2, "8", b"n" * 16)),
        lambda: key.open(sealed, info=info_of("op_1", 3, "7", b"n" * 16)),
        lambda: key.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), info=info),
        lambda: key.open(b"", info=info),
    ):
        with pytest.raises(InvalidInput):
            attempt()
