"""Compares what was acknowledged with what is there. Pure: it is given the books, and never asks for them.

Findings are kept by name, so that what the API and the store both show counts once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from cli.chaos import prints
from cli.chaos.journal import Journal, Once, Operation, Table
from cli.chaos.rows import Answered, Person, Row, Stored

Place = tuple[str, str, str]
"""Project, environment, distinct_id."""

_ORDER: Final = {Table.ALIASES.value: 0, Table.PEOPLE.value: 1, Table.EVENTS.value: 2}


@dataclass(slots=True)
class Findings:
    """Everything that is wrong, and how much there was to be looked at.

    lost: acknowledged operations that are not there. doubled: operations that are there more than once. half:
    requests without an acknowledgement of which a part is there. altered: rows that are not what was sent, or
    that nobody sent. misplaced: rows outside of their project's region or environment. disordered: requests
    whose rows are not in the order sent. An entry is a name.
    """

    lost: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)
    half: set[str] = field(default_factory=set)
    altered: set[str] = field(default_factory=set)
    misplaced: set[str] = field(default_factory=set)
    disordered: set[str] = field(default_factory=set)
    stored: int = 0
    answered: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        wrong = (self.lost, self.doubled, self.half, self.altered, self.misplaced, self.disordered)
        return not any(wrong)


def check_store(journal: Journal, stores: Iterable[Stored], pins: Mapping[str, str], found: Findings) -> None:
    """Compares with the stores themselves. `pins`: project → its region."""
    final: list[Row] = []
    for store in stores:
        for row in store.rows:
            if pins.get(row.project_id) != store.region:
                found.misplaced.add(_label(row, store.region))
            _compare(journal, row, found)
        _doubled(journal, store, found)
        final += store.final
    found.stored = len(final)
    _missing(journal, {row.name for row in final}, list(Table), found)
    _order(final, found)


def check_answers(
    journal: Journal, answers: Iterable[Answered], pins: Mapping[str, str], found: Findings
) -> None:
    """Compares with what the API answers: events one by one, people by their traits and aliases.

    Of the regions that have answered; of another, nothing is known.
    """
    events: list[Row] = []
    people: list[Person] = []
    answers = list(answers)
    asked = {answer.region for answer in answers}
    journal = replace(
        journal, sent={name: sent for name, sent in journal.sent.items() if sent.region in asked}
    )
    for answer in answers:
        for row in answer.events:
            if pins.get(row.project_id) != answer.region:
                found.misplaced.add(_label(row, answer.region))
            _compare(journal, row, found)
        events += answer.events
        people += answer.people
    found.answered = len(events)
    times = Counter(row.name for row in events)
    found.doubled |= {name for name, count in times.items() if count > 1}
    _missing(journal, times.keys(), [Table.EVENTS], found)
    _people(journal, people, found)


def _compare(journal: Journal, row: Row, found: Findings) -> None:
    """A row is an operation that was sent, as it was sent, in the environment that it was sent to."""
    origin = journal.find(row.name)
    if origin is None:
        found.altered.add(_label(row, "nobody sent it"))
        return
    sent, index = origin
    operation = sent.operations[index]
    if (row.project_id, row.environment) != (sent.project_id, sent.environment):
        found.misplaced.add(row.name)
    elif row.print != operation.print or row.table != operation.table.value:
        found.altered.add(row.name)


def _doubled(journal: Journal, store: Stored, found: Findings) -> None:
    """Equal keys count once where a client has sent twice; a request sent once has one row, FINAL or not."""
    found.doubled |= {name for name, count in Counter(row.name for row in store.final).items() if count > 1}
    for name, count in Counter(row.name for row in store.rows).items():
        origin = journal.find(name)
        if count > 1 and origin is not None and origin[0].once is Once.NEVER:
            found.doubled.add(name)


def _missing(journal: Journal, there: Iterable[str], tables: list[Table], found: Findings) -> None:
    known = frozenset(there)
    for sent in journal.sent.values():
        expected = [
            name
            for name, operation in zip(sent.names(), sent.operations, strict=True)
            if operation.table in tables
        ]
        absent = [name for name in expected if name not in known]
        if sent.acknowledged:
            found.lost.update(absent)
        elif 0 < len(absent) < len(expected):
            found.half.add(sent.name)


def _order(rows: Iterable[Row], found: Findings) -> None:
    """A request's rows are in one log: aliases first, then people, then events, each in the order sent."""
    places: dict[str, list[tuple[int, int, str, int]]] = defaultdict(list)
    for row in rows:
        request, _, index = row.name.rpartition(".")
        if index.isdecimal():
            places[request].append((_ORDER[row.table], int(index), row.log_id, row.log_seq))
    for request, those in places.items():
        in_log = [(log_id, log_seq) for _, _, log_id, log_seq in sorted(those)]
        if len({log_id for log_id, _ in in_log}) > 1 or in_log != sorted(in_log):
            found.disordered.add(request)


def _people(journal: Journal, people: list[Person], found: Findings) -> None:
    """Every acknowledged trait and alias is under its person, and the newest trait of those there won."""
    by_id = {(one.project_id, one.environment, one.ids[0]): one for one in people}
    changes: dict[Place, dict[str, Operation]] = defaultdict(dict)
    for sent in journal.sent.values():
        for name, operation in zip(sent.names(), sent.operations, strict=True):
            place = (sent.project_id, sent.environment, operation.person)
            if operation.table is Table.PEOPLE:
                changes[place][name] = operation
            elif operation.table is Table.ALIASES and sent.acknowledged:
                person = by_id.get(place)  # nobody is listed who has an alias, and did nothing
                if person is not None and prints.alias_of(name) not in person.ids:
                    found.lost.add(name)
    for place, those in changes.items():
        _traits(journal, those, by_id.get(place), found)


def _traits(journal: Journal, changes: dict[str, Operation], person: Person | None, found: Findings) -> None:
    traits = person.traits if person is not None else {}
    newest = ""
    for name, change in changes.items():  # in the order sent, which is that of their times
        value = traits.get(prints.trait_of(name))
        if value is None:
            origin = journal.find(name)
            if origin is not None and origin[0].acknowledged:
                found.lost.add(name)
            continue
        newest = name
        if value != change.trait:
            found.altered.add(name)
    if newest and traits.get("last") != f'"{newest}"':
        found.altered.add(newest)


def _label(row: Row, why: str) -> str:
    return f"{row.name or f'{row.log_id}/{row.log_seq}'} ({row.table} of {row.project_id}: {why})"
