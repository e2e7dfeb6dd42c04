"""What is sealed for one place opens there and nowhere else."""

from __future__ import annotations

import pytest

from mesh.keyring import Keyring, SealBroken

SECRET = b"k" * 32
RING = Keyring(SECRET, "test")


def test_what_was_sealed_opens_in_its_place_and_never_looks_the_same_twice() -> None:
    first, second = (RING.seal(b"whsec_1", place="whk_1") for _ in range(2))
    assert first != second and b"whsec" not in first
    assert RING.open(first, place="whk_1") == RING.open(second, place="whk_1") == b"whsec_1"


@pytest.mark.parametrize(
    ("ring", "place"),
    [(RING, "whk_2"), (Keyring(SECRET, "other"), "whk_1"), (Keyring(b"x" * 32, "test"), "whk_1")],
)
def test_it_opens_in_no_other_place_for_no_other_use_and_with_no_other_secret(
    ring: Keyring, place: str
) -> None:
    with pytest.raises(SealBroken):
        ring.open(RING.seal(b"whsec_1", place="whk_1"), place=place)


def test_what_was_changed_or_cut_does_not_open() -> None:
    sealed = bytearray(RING.seal(b"whsec_1", place="whk_1"))
    for broken in (sealed[:-1], sealed[:5], b""):
        with pytest.raises(SealBroken):
            RING.open(bytes(broken), place="whk_1")
    sealed[-1] ^= 1
    with pytest.raises(SealBroken):
        RING.open(bytes(sealed), place="whk_1")


def test_a_signature_is_of_its_parts_as_they_were_cut() -> None:
    signature = RING.sign("ab", "c")
    assert RING.signed(signature, "ab", "c")
    assert not RING.signed(signature, "a", "bc")
    assert not RING.signed(signature, "abc")
    assert not RING.signed("é", "ab", "c")
    assert not Keyring(SECRET, "other").signed(signature, "ab", "c")
