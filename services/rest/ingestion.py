"""The hot routes: key, body, one Append, answer. Plain functions over ASGI, without a framework."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Final, Protocol, TypeAlias

import msgspec

from mesh.directory import Directory, KeyFact, ProjectFact
from mesh.errors import Forbidden, InvalidInput, Unauthenticated, Unavailable
from sankofa.ingest.v1.ingest_pb2 import AppendItem, AppendResult
from sankofa.residency.v1.environment_pb2 import Environment
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.admission import Admitted, Door
from services.rest.decompress import decompress
from services.rest.payloads import AliasBody, PeopleBody, TrackBody, batch, single
from services.rest.rate import RateLimit
from services.rest.requests import Handler, Request
from services.rest.responses import Answer, answer

Parse: TypeAlias = Callable[[bytes, AppendItem], None]
Reply: TypeAlias = Callable[[ProjectFact, AppendItem, AppendResult], Answer]

_LARGE_BYTES: Final = 256 * 1024
"""Bodies, some 5 ms of work: larger ones are read in a thread, so that the shim's other clients go on."""

_TRACKED: Final = answer(b'{"ok":true,"commands":[]}')
_STORED: Final = answer()
_DISCARDED: Final = answer(b'{"ok":true,"status":"discarded"}', 202)
_DISCARDED_ALL: Final = answer(b'{"ok":true,"status":"discarded_all"}', 202)


class Appender(Protocol):
    """Where requests are made durable (services.rest.coalescer)."""

    async def append(self, item: AppendItem, *, size_bytes: int) -> AppendResult:
        """Raises Unavailable."""


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
        self._appender = appender
        self._max_body_bytes = max_body_bytes
        self._max_operations = max_operations

    def routes(self) -> dict[str, Handler]:
        """Path → handler of its POST."""
        return {
            "/api/v1/track": self._route(partial(single, TrackBody), _track_reply),
            "/api/v1/people": self._route(partial(single, PeopleBody), _stored_reply),
            "/api/v1/alias": self._route(partial(single, AliasBody), _stored_reply),
            "/api/v1/batch": self._route(partial(batch, most=self._max_operations), _batch_reply),
        }

    def _route(self, parse: Parse, reply: Reply) -> Handler:
        async def handle(request: Request) -> Answer:
            key, project = self._open(request)
            admitted = self._door.enter(key.project_id, request.declared_bytes(self._max_body_bytes))
            try:
                if self._rate is not None and not self._rate.take(key.key_id):
                    await self._rate.ask(key.key_id)
                body = await self._body(request, admitted)
                item = AppendItem(project_id=key.project_id, environment=key.environment)
                if len(body) > _LARGE_BYTES:
                    await asyncio.to_thread(parse, body, item)
                else:
                    parse(body, item)
                _add_headers(request, item)
                result = await self._appender.append(item, size_bytes=len(body))
                self._door.answered(admitted, result)
                return reply(project, item, result)
            finally:
                self._door.leave(admitted)

        return handle

    def _open(self, request: Request) -> tuple[KeyFact, ProjectFact]:
        """What the key opens, from the headers alone. Raises 401, 403, 429; 503 if the project is unknown."""
        sent = request.sent.get(b"x-api-key", b"").strip(b" \t")  # RFC 9110 5.5; the parser leaves it on
        repeated = request.repeats(b"x-api-key")
        if not sent and not repeated:
            if self._rate is not None:
                self._rate.check_address(request.client_address)
            raise Unauthenticated(ErrorReason.ERROR_REASON_MISSING_API_KEY)
        key = None if repeated else self._directory.key(sha256(sent).digest())
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
        body = await request.body(limit_bytes=self._max_body_bytes, hold=partial(self._door.grow, admitted))
        if encoding:
            body = await self._plain(body, encoding)
            self._door.grow(admitted, len(body))
        return body

    async def _plain(self, body: bytes, encoding: bytes) -> bytes:
        """Decompressed; a body that grows large, begun again in a thread."""
        limit_bytes = self._max_body_bytes
        try:
            return decompress(body, encoding, limit_bytes=min(limit_bytes, _LARGE_BYTES))
        except InvalidInput as refused:
            too_large = refused.reason == ErrorReason.ERROR_REASON_BODY_TOO_LARGE
            if not too_large or limit_bytes <= _LARGE_BYTES:
                raise
        return await asyncio.to_thread(decompress, body, encoding, limit_bytes=limit_bytes)


def _add_headers(request: Request, item: AppendItem) -> None:
    if agent := request.sent.get(b"user-agent"):
        item.user_agent = agent.decode("latin-1")
    if once := request.sent.get(b"idempotency-key"):
        if request.repeats(b"idempotency-key"):
            raise InvalidInput(detail="more than one Idempotency-Key")
        item.idempotency_key = once.decode("latin-1")
    if request.traceparent:
        item.traceparent = request.traceparent


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
