"""The questions of the query benchmark: how each is asked over HTTP, and of the code behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.query.core import Answers
from storage.analytics.queries import Filter, Scope

PAGE: Final = 100
PERSON: Final = "user_00000007"

Asked = Callable[[Answers, Scope], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Question:
    """`path` is below /api/v1/projects/ID. `told` and `asked` make the same list of an answer's substance."""

    name: str
    path: str
    told: Callable[[Mapping[str, Any]], Sequence[object]]
    asked: Callable[[Answers, Scope], Awaitable[Sequence[object]]]
    environment: str = "live"
    parameters: Mapping[str, str] = field(default_factory=dict)


def _event_ids(answer: Mapping[str, Any]) -> list[object]:
    return [event["id"] for event in answer["events"]]


async def _events(answers: Answers, scope: Scope) -> list[object]:
    page, _ = await answers.events(scope, Filter(), person="", limit=PAGE, cursor="")
    return [event.id for event in page]


async def _events_of_person(answers: Answers, scope: Scope) -> list[object]:
    page, _ = await answers.events(scope, Filter(), person=PERSON, limit=PAGE, cursor="")
    return [event.id for event in page]


async def _names(answers: Answers, scope: Scope) -> list[object]:
    return [list(each) for each in await answers.names(scope, Filter(), person="")]


async def _counts(answers: Answers, scope: Scope) -> list[object]:
    return list(await answers.counts(scope, Filter(), person=""))


async def _people(answers: Answers, scope: Scope) -> list[object]:
    page, _ = await answers.people(scope, limit=PAGE, cursor="")
    return [[person.distinct_id, person.aliases] for person in page]


async def _person(answers: Answers, scope: Scope) -> list[object]:
    person = await answers.person(scope, PERSON)
    return [person.distinct_id, person.aliases]


QUESTIONS: Final = (
    Question("events, page of 100", "events", _event_ids, _events),
    Question("events, nothing there", "events", _event_ids, _events, environment="test"),
    Question(
        "events of one person",
        "events",
        _event_ids,
        _events_of_person,
        parameters={"distinct_id": PERSON},
    ),
    Question(
        "names",
        "events/names",
        lambda answer: [[each["event_name"], each["count"]] for each in answer["names"]],
        _names,
    ),
    Question("counts", "events/counts", lambda answer: [answer["events"], answer["people"]], _counts),
    Question(
        "people, page of 100",
        "people",
        lambda answer: [[each["distinct_id"], each["aliases"]] for each in answer["people"]],
        _people,
    ),
    Question(
        "one person",
        f"people/{PERSON}",
        lambda answer: [answer["person"]["distinct_id"], answer["person"]["aliases"]],
        _person,
    ),
)
