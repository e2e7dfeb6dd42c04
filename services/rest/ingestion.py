"""The hot routes: key, door, body, one Append, answer.

`enter`, `Passage.item`, `Passage.answer` and `Passage.leave` are the steps of every ingestion request. Most
take them without a task (express.py); the handlers here take them over ASGI, where a body is long, compressed
or slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import msgspec

from mesh.allowlists import AllowLists
from mesh.directory import Directory, KeyFact, ProjectFact
from mesh.errors import Forbidden, InvalidInput, SankofaError, Unauthenticated, Unavailable
from sankofa.ingest.v1.ingest_pb2 import AppendItem, AppendResult
from sankofa.residency.v1.environment_pb2 import Environment
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.admission import Admitted, Door
from services.rest.decompress import decompress
from services.rest.payloads import AliasBody, PeopleBody, TrackBody, batch, single
from services.rest.rate import RateLimit
from services.rest.requests import Handler, Request, client_address
from services.rest.responses import Answer, answer

Parse: TypeAlias = Callable[[bytes, AppendItem], None]
Reply: TypeAlias = Callable[[ProjectFact, AppendItem, AppendResult], Answer]

LARGE_BYTES: Final = 256 * 1024
"""Bodies, some 5 ms of work: larger ones are read in a thread, so that the shim's other clients go on."""

_DECOMPRESSED_AT_ONCE: Final = 4
"""How large a compressed body is shows only when it is in memory: so many are, besides those held."""

_TRACKED: Final = answer(b'{"ok":true,"commands":[]}')
_STORED: Final = answer()
_DISCARDED: Final = answer(b'{"ok":true,"status":"discarded"}', 202)
_DISCARDED_ALL: Final = answer(b'{"ok":true,"status":"discarded_all"}', 202)


class Answerer(Protocol):
    """Who asked for an append."""

    @property
    def gone(self) -> bool:
        """Whether nobody waits for the answer any more."""

    def settle(self, outcome: AppendResult | SankofaError) -> None:
        """Called once, with the cell's answer or with why there is none. Must not raise."""


class Appender(Protocol):
    """Where requests are made durable (services.rest.coalescer)."""

    def submit(self, item: AppendItem, *, size_bytes: int, answerer: Answerer) -> None:
        """Makes a request durable, and settles it."""

    async def append(self, item: AppendItem, *, size_bytes: int) -> AppendResult:
        """Waits for that. Raises Unavailable."""


class Route(NamedTuple):
    """How the bodies of a path are read, and its answers made."""

    parse: Parse
    reply: Reply


class Passage:
    """A request that was let in, until it leaves."""

    __slots__ = ("_door", "_project", "_route", "admitted", "key")

    def __init__(
        self, route: Route, key: KeyFact, project: ProjectFact, door: Door, admitted: Admitted
    ) -> None:
        self._route, self._project, self._door = route, project, door
        self.key, self.admitted = key, admitted

    def item(self, body: bytes, sent: Mapping[bytes, bytes], traceparent: str = "") -> AppendItem:
        """What goes to the cell. Raises InvalidInput."""
        item = AppendItem(project_id=self.key.project_id, environment=self.key.environment)
        self._route.parse(body, item)
        if agent := sent.get(b"user-agent"):
            item.user_agent = agent.decode("latin-1")
        if once := sent.get(b"idempotency-key"):
            item.idempotency_key = once.decode("latin-1")
        if traceparent:
            item.traceparent = traceparent
        return item

    def answer(self, item: AppendItem, result: AppendResult) -> Answer:
        """What the client is told. Raises what the cell refused it with."""
        self._door.answered(self.admitted, result)
        return self._route.reply(self._project, item, result)

    def leave(self) -> None:
        """Gives back what it held."""
        self._door.leave(self.admitted)


class Ingestion:
    """Takes events for the projects of one region."""

    def __init__(
        self,
        *,
        region: str,
        directory: Directory,
        door: Door,
        rate: RateLimit | None,
        appender: Appender,
        max_body_bytes: int,
        max_operations: int,
    ) -> None:
        self._region = region
        self._directory = directory
        self._door = door
        self._rate = rate
        self.appender = appender
        self.max_body_bytes = max_body_bytes
        self._decompressing = asyncio.Semaphore(_DECOMPRESSED_AT_ONCE)
        self.routes = {
            "/api/v1/track": Route(partial(single, TrackBody), _track_reply),
            "/api/v1/people": Route(partial(single, PeopleBody), _stored_reply),
            "/api/v1/alias": Route(partial(single, AliasBody), _stored_reply),
            "/api/v1/batch": Route(partial(batch, most=max_operations), _batch_reply),
        }

    def handlers(self) -> dict[str, Handler]:
        """Path → handler of its POST."""
        return {path: partial(self._handle, route) for path, route in self.routes.items()}

    def enter(
        self,
        route: Route,
        scope: Mapping[str, Any],
        sent: Mapping[bytes, bytes],
        *,
        declared_bytes: int | None,
    ) -> Passage:
        """Lets a request in by its headers, none of which is repeated. Raises 401, 403, 503."""
        key, project = self._open(sent.get(b"x-api-key", b""))
        if project.allow_lists is not None:
            _check_source(project.allow_lists, scope, sent)
        admitted = self._door.enter(key.project_id, declared_bytes)
        return Passage(route, key, project, self._door, admitted)

    def in_budget(self, passage: Passage) -> bool:
        """Takes one from the key's budget; False where more has to be asked for. Raises 429."""
        return self._rate is None or self._rate.take(passage.key.key_id)

    async def _handle(self, route: Route, request: Request) -> Answer:
        self._check_headers(request)
        sent = request.sent
        declared_bytes = request.declared_bytes(self.max_body_bytes)
        passage = self.enter(route, request.scope, sent, declared_bytes=declared_bytes)
        try:
            if self._rate is not None and not self.in_budget(passage):
                await self._rate.ask(passage.key.key_id)
            body = await self._body(request, passage.admitted)
            if len(body) > LARGE_BYTES:
                item = await asyncio.to_thread(passage.item, body, sent, request.traceparent)
            else:
                item = passage.item(body, sent, request.traceparent)
            result = await self.appender.append(item, size_bytes=len(body))
            return passage.answer(item, result)
        finally:
            passage.leave()

    def _check_headers(self, request: Request) -> None:
        """What only a request can have that was not plain. Raises 400, 403, 429."""
        if request.repeats(b"x-api-key"):
            raise Forbidden(ErrorReason.ERROR_REASON_INVALID_API_KEY)
        if request.repeats(b"idempotency-key"):
            raise InvalidInput(detail="more than one Idempotency-Key")
        if self._rate is not None and not request.sent.get(b"x-api-key"):
            self._rate.check_address(client_address(request.scope, request.sent))

    def _open(self, sent_key: bytes) -> tuple[KeyFact, ProjectFact]:
        """What the key opens. Raises 401, 403; 503 while the project is unknown."""
        sent_key = sent_key.strip(b" \t")  # RFC 9110 5.5; the parser leaves it on
        if not sent_key:
            raise Unauthenticated(ErrorReason.ERROR_REASON_MISSING_API_KEY)
        key = self._directory.key(sha256(sent_key).digest())
        if key is None or key.region != self._region:
            raise Forbidden(ErrorReason.ERROR_REASON_INVALID_API_KEY)
        project = self._directory.project(key.project_id)
        if project is None:
            raise Unavailable()
        if project.state != "active":
            raise Forbidden(ErrorReason.ERROR_REASON_INVALID_API_KEY)
        return key, project

    async def _body(self, request: Request, admitted: Admitted) -> bytes:
        """The body, decompressed, held in the request's share. Raises 413, 415, 400, 503 and ClientGone."""
        encoding = request.sent.get(b"content-encoding", b"")
        if encoding and request.repeats(b"content-encoding"):
            raise InvalidInput(ErrorReason.ERROR_REASON_UNSUPPORTED_ENCODING)
        body = await request.body(limit_bytes=self.max_body_bytes, hold=partial(self._door.grow, admitted))
        if encoding:
            async with self._decompressing:
                body = await self._plain(body, encoding)
                self._door.grow(admitted, len(body))
        return body

    async def _plain(self, body: bytes, encoding: bytes) -> bytes:
        """Decompressed; a body that grows large, begun again in a thread."""
        limit_bytes = self.max_body_bytes
        try:
            return decompress(body, encoding, limit_bytes=min(limit_bytes, LARGE_BYTES))
        except InvalidInput as refused:
            too_large = refused.reason == ErrorReason.ERROR_REASON_BODY_TOO_LARGE
            if not too_large or limit_bytes <= LARGE_BYTES:
                raise
        return await asyncio.to_thread(decompress, body, encoding, limit_bytes=limit_bytes)


def _check_source(lists: AllowLists, scope: Mapping[str, Any], sent: Mapping[bytes, bytes]) -> None:
    """By the page that sends, where one does, else by the address. Raises Forbidden."""
    origin = sent.get(b"origin")
    if origin is not None:
        if not lists.allow_origin(origin.decode("latin-1")):
            raise Forbidden(ErrorReason.ERROR_REASON_UNAUTHORIZED_ORIGIN)
    elif not lists.allow_address(client_address(scope, sent)):
        raise Forbidden(ErrorReason.ERROR_REASON_UNAUTHORIZED_IP)


def _nothing_left(result: AppendResult) -> bool:
    return bool(result.discarded) and not (result.events or result.people or result.aliases)


def _commands(result: AppendResult) -> list[dict[str, object]]:
    return [{"type": "CAPTURE_PRISTINE", "params": {"screen": each.screen}} for each in result.commands]


def _track_reply(_project: ProjectFact, _item: AppendItem, result: AppendResult) -> Answer:
    if result.commands:
        return answer(msgspec.json.encode({"ok": True, "commands": _commands(result)}))
    return _DISCARDED if _nothing_left(result) else _TRACKED


def _stored_reply(_project: ProjectFact, _item: AppendItem, result: AppendResult) -> Answer:
    return _DISCARDED if _nothing_left(result) else _STORED


def _batch_reply(project: ProjectFact, item: AppendItem, result: AppendResult) -> Answer:
    if _nothing_left(result):
        return _DISCARDED_ALL
    body = {
        "ok": True,
        "project_id": project.project_id,
        "project_name": project.name,
        "environment": "live" if item.environment == Environment.ENVIRONMENT_LIVE else "test",
        "operations_received": len(item.operations) - result.discarded,
        "events_received": result.events,
        "people_received": result.people,
        "aliases_received": result.aliases,
        "commands": _commands(result),
    }
    return answer(msgspec.json.encode(body))
