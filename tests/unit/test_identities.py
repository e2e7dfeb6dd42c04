"""Which ids are one person."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.analytics.identities import Identities

ids = st.sampled_from("abcdefgh")
aliases = st.lists(st.tuples(ids, ids), max_size=20)


def test_both_ids_are_one_person_who_keeps_the_distinct_id() -> None:
    people = Identities([("anon", "user")])
    assert people.ids("anon") == people.ids("user") == ["user", "anon"]


def test_in_a_loop_the_first_wins() -> None:
    assert Identities([("a", "b"), ("b", "a")]).ids("a") == ["b", "a"]


def test_a_chain_of_aliases_is_one_person() -> None:
    people = Identities([("a", "b"), ("b", "c"), ("d", "a")])
    assert people.ids("d") == ["c", "a", "b", "d"]


def test_an_id_that_no_alias_names_is_its_own() -> None:
    people = Identities([("a", "b")])
    assert people.canonical("x") == "x"
    assert people.ids("x") == ["x"]


def test_an_alias_of_itself_changes_nothing() -> None:
    assert Identities([("a", "a")]).ids("a") == ["a"]


@given(aliases)
def test_people_are_the_connected_ids_whatever_the_order(pairs: list[tuple[str, str]]) -> None:
    people, reversed_ = Identities(pairs), Identities(pairs[::-1])
    for one in "abcdefgh":
        assert set(people.ids(one)) == set(reversed_.ids(one)) == _reachable(one, pairs)


@given(aliases)
def test_a_person_keeps_one_id_and_it_is_among_theirs(pairs: list[tuple[str, str]]) -> None:
    people = Identities(pairs)
    for one in "abcdefgh":
        members = people.ids(one)
        assert members[0] == people.canonical(one)
        assert {people.canonical(member) for member in members} == {members[0]}
        assert len(members) == len(set(members))


@given(aliases)
def test_a_repeated_history_changes_nothing(pairs: list[tuple[str, str]]) -> None:
    once, twice = Identities(pairs), Identities(pairs + pairs)
    assert [once.ids(one) for one in "abcdefgh"] == [twice.ids(one) for one in "abcdefgh"]


def _reachable(start: str, pairs: list[tuple[str, str]]) -> set[str]:
    found, new = {start}, {start}
    while new:
        new = {b for a, b in pairs if a in found} | {a for a, b in pairs if b in found}
        new -= found
        found |= new
    return found
