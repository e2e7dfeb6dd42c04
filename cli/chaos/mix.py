"""What clients send: single events, people, aliases and batches, from a seed, each with its fingerprints.

Bags hold what is easily altered on the way: integers past 2^53, floats with exponents, text of many scripts,
nulls, nesting, white space. They are written once, as text, and must come back as that text.
"""

from __future__ import annotations

import random
import string
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from cli.chaos import prints
from cli.chaos.journal import Once, Operation, Sent, Table

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXTS = ("Dublin", "東京", "São Paulo", "Zürich", "עברית", 'a "quoted" \\ one', "two\nlines", "🦒", "")
_ONCE = (Once.NEVER, Once.NEVER, Once.EVENT_ID, Once.KEY)
PEOPLE = 150
"""People of one client; it changes some of them again and again."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request ready to be posted."""

    path: str
    body: bytes
    headers: dict[str, str]
    sent: Sent


class Mix:
    """The requests of one client, without end. `client` is unique: every name begins with it."""

    def __init__(
        self, *, seed: int, client: str, region: str, project_id: str, keys: dict[str, str], now_ms: int
    ) -> None:
        self._chance = random.Random(f"sankofa chaos {seed} {client}")
        self._client, self._region, self._project_id, self._keys = client, region, project_id, keys
        self._clock_ms = now_ms
        self._number = 0

    def next(self) -> Request:
        """A single operation or a batch of 2 to 60."""
        kind = self._chance.choices(("track", "people", "alias", "batch"), (35, 8, 5, 52))[0]
        if kind != "batch":
            return self._request([kind])
        size = int(self._chance.triangular(2, 60, 8))
        return self._request(self._chance.choices(("track", "people", "alias"), (82, 10, 8), k=size))

    def single(self) -> Request:
        """One small event that is never sent again: a probe."""
        return self._request(["track"], once=Once.NEVER)

    def flood(self) -> Request:
        """A batch of 256 KiB that is never sent again: what fills a log."""
        return self._request(["track"] * 16, once=Once.NEVER, padding=16 << 10)

    def _request(self, kinds: list[str], *, once: Once | None = None, padding: int = 0) -> Request:
        self._number += 1
        name = f"{self._client}.{self._number}"
        environment = self._chance.choices(("live", "test"), (8, 2))[0]
        once = self._chance.choice(_ONCE) if once is None else once
        if once is Once.EVENT_ID and set(kinds) != {"track"}:
            once = Once.KEY  # only events have ids of their own
        sent = Sent(name, self._region, self._project_id, environment, once, ())
        made = [self._operation(kind, sent, index, padding) for index, kind in enumerate(kinds)]
        sent.operations = tuple(operation for operation, _ in made)
        headers = {"x-api-key": self._keys[environment], "content-type": "application/json"}
        if once is Once.KEY:
            headers["idempotency-key"] = f"key-{name}"
        if len(kinds) == 1:
            return Request(f"/api/v1/{kinds[0]}", msgspec.json.encode(made[0][1]), headers, sent)
        operations = [
            {"type": kind, "payload": payload} for kind, (_, payload) in zip(kinds, made, strict=True)
        ]
        return Request("/api/v1/batch", msgspec.json.encode({"operations": operations}), headers, sent)

    def _operation(self, kind: str, sent: Sent, index: int, padding: int) -> tuple[Operation, dict[str, Any]]:
        name = f"{sent.name}.{index}"
        self._clock_ms += 1  # no two operations of a client have the same time: the newest trait is known
        person = f"{self._client}-p{self._chance.randrange(PEOPLE)}"
        where = {"project_id": sent.project_id, "environment": sent.environment}
        if kind == "track":
            return self._event(name, where, person, sent.once, padding)
        if kind == "people":
            value = _json([self._value()])  # in a list, as a bare null would take the trait away
            traits = {prints.trait_of(name): value, "last": _json(name)}
            payload = {"distinct_id": person, "timestamp": _rfc(self._clock_ms), "properties": _bag(traits)}
            mark = prints.people(distinct_id=person, timestamp_ms=self._clock_ms, traits=traits, **where)
            return Operation(Table.PEOPLE, mark, person, value), payload
        names = {"alias_id": prints.alias_of(name), "distinct_id": person}
        mark = prints.alias(timestamp_ms=self._clock_ms, **names, **where)
        return Operation(Table.ALIASES, mark, person), {**names, "timestamp": _rfc(self._clock_ms)}

    def _event(
        self, name: str, where: dict[str, str], person: str, once: Once, padding: int
    ) -> tuple[Operation, dict[str, Any]]:
        texts = {
            "u": _json(name),
            **{f"p{at}": _json(self._value()) for at in range(self._chance.randint(1, 6))},
        }
        session = f"sess_{self._chance.randrange(1000)}" if self._chance.random() < 0.5 else ""
        if session:
            texts["$session_id"] = _json(session)
        if padding:
            texts["padding"] = _json(
                "".join(self._chance.choices(string.ascii_letters, k=64)) * (padding // 64)
            )
        bag, defaults = _bag(texts), _bag({"$os": _json("ios"), "n": _json(self._value())})
        fields = {
            "event_name": f"chaos_{self._chance.randrange(20)}",
            "distinct_id": person,
            "lib_version": "chaos@1.0.0",
            "event_id": f"id-{name}" if once is Once.EVENT_ID else "",
        }
        payload = {
            **fields,
            "timestamp": _rfc(self._clock_ms),
            "properties": bag,
            "default_properties": defaults,
        }
        mark = prints.event(
            timestamp_ms=self._clock_ms,
            properties=bytes(bag).decode(),
            default_properties=bytes(defaults).decode(),
            session_id=session,
            **fields,
            **where,
        )
        return Operation(Table.EVENTS, mark, person), payload

    def _value(self) -> Any:
        chance = self._chance
        return chance.choice(
            (
                chance.choice(_TEXTS),
                chance.randrange(1 << 53, 1 << 63),
                -chance.randrange(1 << 40),
                chance.uniform(-1e20, 1e-20),
                chance.choice((True, False, None)),
                [chance.choice(_TEXTS), None, {"deep": [[], {}]}],
            )
        )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _bag(texts: dict[str, str]) -> msgspec.Raw:
    """An object of JSON texts, with the white space of somebody who writes by hand."""
    inside = ", ".join(
        f"{_json(key)}: {text}" if key != "u" else f"{_json(key)}:{text}" for key, text in texts.items()
    )
    return msgspec.Raw(f"{{{inside}}}".encode())


def _rfc(unix_ms: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=unix_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
