"""The comparison that `residency chaos` rests on: whatever is wrong with a store, it says so, and of what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from cli.chaos import prints
from cli.chaos.check import Findings, check_answers, check_store
from cli.chaos.journal import Journal, Once, Operation, Sent, Table
from cli.chaos.rows import Answered, Person, Row, Stored
from tests.support.nodes import EU, US

PROJECT, OTHER = "proj_eu", "proj_us"
PINS = {PROJECT: EU, OTHER: US}
EVENTS, PEOPLE, ALIASES = Table.EVENTS, Table.PEOPLE, Table.ALIASES


def sent(name: str, *tables: Table, acknowledged: bool = True, once: Once = Once.NEVER) -> Sent:
    """A request with one operation for each table named; what it says is its name."""
    operations = tuple(
        Operation(table, f"{name}.{index}".encode(), "person", f'["{name}.{index}"]')
        for index, table in enumerate(tables)
    )
    return Sent(name, EU, PROJECT, "live", once, operations, acknowledged)


def journal_of(*requests: Sent) -> Journal:
    journal = Journal()
    for request in requests:
        journal.add(request)
    return journal


def rows_of(*requests: Sent) -> list[Row]:
    """Their rows as a store without a fault has them: aliases came first, then people, then events."""
    return [
        Row(
            operation.table.value,
            PROJECT,
            "live",
            name,
            operation.print,
            "log_a",
            number * 1000 + [ALIASES, PEOPLE, EVENTS].index(operation.table) * 100 + index,
        )
        for number, request in enumerate(requests, 1)
        for index, (name, operation) in enumerate(zip(request.names(), request.operations, strict=True))
    ]


def found_in(journal: Journal, rows: list[Row], final: list[Row] | None = None) -> Findings:
    findings = Findings()
    check_store(journal, [Stored(EU, rows, rows if final is None else final)], PINS, findings)
    return findings


BATCH = sent("r1", EVENTS, EVENTS, PEOPLE, ALIASES, EVENTS)
SINGLE = sent("r2", EVENTS)
GIVEN_UP = sent("r3", EVENTS, EVENTS, PEOPLE, acknowledged=False)
BOOKS = journal_of(BATCH, SINGLE, GIVEN_UP)
GOOD = rows_of(BATCH, SINGLE)


def test_what_is_as_it_was_sent_is_clean_with_a_batch_that_nobody_acknowledged_or_without() -> None:
    for rows in (GOOD, rows_of(BATCH, SINGLE, GIVEN_UP)):
        found = found_in(BOOKS, rows)
        assert found == Findings(stored=len(rows)) and found.clean


@pytest.mark.parametrize("missing", range(len(GOOD)))
def test_an_acknowledged_row_that_is_not_there_is_lost(missing: int) -> None:
    found = found_in(BOOKS, GOOD[:missing] + GOOD[missing + 1 :])
    assert found.lost == {GOOD[missing].name} and not found.clean


def test_a_whole_store_that_is_gone_is_lost() -> None:
    assert found_in(BOOKS, []).lost == {row.name for row in GOOD}


def test_a_row_that_is_there_twice_is_doubled_with_final_and_without() -> None:
    twice = [*GOOD, GOOD[1]]
    assert found_in(BOOKS, twice).doubled == {"r1.1"}
    assert found_in(BOOKS, twice, final=GOOD).doubled == {"r1.1"}, "FINAL hides it, the rows do not"


@pytest.mark.parametrize("once", [Once.EVENT_ID, Once.KEY])
def test_what_was_sent_again_may_be_there_twice_until_it_is_merged_and_once_for_who_asks(once: Once) -> None:
    request = sent("r1", EVENTS, once=once)
    (row,) = rows_of(request)
    again = msgspec.structs.replace(row, log_seq=7000)
    assert found_in(journal_of(request), [row, again], final=[row]).clean
    assert found_in(journal_of(request), [row, again]).doubled == {"r1.0"}


@pytest.mark.parametrize("there", [(0,), (0, 1), (2,), (1, 2)])
def test_a_part_of_a_batch_that_nobody_acknowledged_is_half_a_batch(there: tuple[int, ...]) -> None:
    part = [row for index, row in enumerate(rows_of(GIVEN_UP)) if index in there]
    found = found_in(BOOKS, GOOD + part)
    assert found.half == {"r3"} and not found.lost and not found.clean


def test_a_row_that_is_not_what_was_sent_is_altered() -> None:
    other = msgspec.structs.replace(GOOD[0], print=b"something else")
    assert found_in(BOOKS, [other, *GOOD[1:]]).altered == {"r1.0"}


def test_a_row_in_another_table_than_its_own_is_altered() -> None:
    assert found_in(BOOKS, [msgspec.structs.replace(GOOD[0], table="people"), *GOOD[1:]]).altered == {"r1.0"}


@pytest.mark.parametrize("name", ["", "r9.0", "r1.99", "r1.x", "r1"])
def test_a_row_that_nobody_sent_is_altered(name: str) -> None:
    stray = Row("events", PROJECT, "live", name, b"?", "log_a", 9)
    assert len(found_in(BOOKS, [*GOOD, stray]).altered) == 1


@pytest.mark.parametrize(
    "change", [{"project_id": OTHER}, {"project_id": "proj_none"}, {"environment": "test"}]
)
def test_a_row_of_another_project_or_environment_is_misplaced(change: dict[str, Any]) -> None:
    moved = msgspec.structs.replace(GOOD[0], **change)
    found = found_in(BOOKS, [moved, *GOOD[1:]])
    assert found.misplaced and not found.clean


def test_a_row_in_the_store_of_another_region_is_misplaced() -> None:
    findings = Findings()
    check_store(BOOKS, [Stored(EU, GOOD[1:], GOOD[1:]), Stored(US, GOOD[:1], GOOD[:1])], PINS, findings)
    assert len(findings.misplaced) == 1 and not findings.lost and not findings.clean


def test_rows_of_a_request_in_another_order_or_in_two_logs_are_disordered() -> None:
    first, second = GOOD[0], GOOD[1]
    swapped = [
        msgspec.structs.replace(first, log_seq=second.log_seq),
        msgspec.structs.replace(second, log_seq=first.log_seq),
        *GOOD[2:],
    ]
    assert found_in(BOOKS, swapped).disordered == {"r1"}
    alias_last = [
        msgspec.structs.replace(row, log_seq=1900) if row.table == "aliases" else row for row in GOOD
    ]
    assert found_in(BOOKS, alias_last).disordered == {"r1"}
    torn = [msgspec.structs.replace(first, log_id="log_0"), *GOOD[1:]]
    assert found_in(BOOKS, torn).disordered == {"r1"}


CHANGES = (
    sent("r1", PEOPLE),
    sent("r2", PEOPLE, acknowledged=False),
    sent("r3", ALIASES),
    sent("r4", EVENTS),
)
TRAITS = {prints.trait_of("r1.0"): '["r1.0"]', "last": '"r1.0"'}
IDS = ["person", prints.alias_of("r3.0")]


def answered(traits: dict[str, str], ids: list[str], events: list[Row] | None = None) -> Findings:
    findings, journal = Findings(), journal_of(*CHANGES)
    rows = rows_of(CHANGES[3]) if events is None else events
    person = Person(PROJECT, "live", ids, traits)
    check_answers(journal, [Answered(EU, rows, [person])], PINS, findings)
    return findings


def test_a_person_with_every_acknowledged_trait_and_alias_is_clean() -> None:
    assert answered(TRAITS, IDS) == Findings(answered=1)
    unacknowledged = TRAITS | {prints.trait_of("r2.0"): '["r2.0"]', "last": '"r2.0"'}
    assert answered(unacknowledged, IDS).clean, "stored without an answer: it may be there"


def test_a_trait_or_an_alias_that_the_api_does_not_show_is_lost() -> None:
    assert answered({"last": '"r1.0"'}, IDS).lost == {"r1.0"}
    assert answered(TRAITS, ["person"]).lost == {"r3.0"}


def test_a_trait_of_another_value_or_an_older_one_that_won_is_altered() -> None:
    assert answered(TRAITS | {prints.trait_of("r1.0"): "[1]"}, IDS).altered == {"r1.0"}
    stale = TRAITS | {prints.trait_of("r2.0"): '["r2.0"]'}
    assert answered(stale, IDS).altered == {"r2.0"}, "the newest change that is there did not win"


def test_an_event_that_the_api_does_not_show_shows_twice_or_shows_altered_is_found() -> None:
    (row,) = rows_of(CHANGES[3])
    assert answered(TRAITS, IDS, events=[]).lost == {"r4.0"}
    assert answered(TRAITS, IDS, events=[row, row]).doubled == {"r4.0"}
    other = msgspec.structs.replace(row, print=b"something else")
    assert answered(TRAITS, IDS, events=[other]).altered == {"r4.0"}


def test_a_region_that_does_not_answer_is_not_said_to_have_lost_anything() -> None:
    findings = Findings()
    check_answers(journal_of(SINGLE), [Answered(US, [], [])], PINS, findings)
    assert findings.clean


def test_what_the_api_and_the_store_both_miss_counts_once() -> None:
    findings, journal = Findings(), journal_of(SINGLE)
    check_answers(journal, [Answered(EU, [], [])], PINS, findings)
    check_store(journal, [Stored(EU, [], [])], PINS, findings)
    assert findings.lost == {"r2.0"}


def test_acknowledged_operations_are_counted_and_others_are_not() -> None:
    assert BOOKS.acknowledged() == len(BATCH.operations) + 1
    assert journal_of(replace(BATCH, acknowledged=False)).acknowledged() == 0
