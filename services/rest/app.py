"""The shim as one ASGI application: every request comes in and every answer goes out through here."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Final

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from starlette.exceptions import HTTPException
from starlette.routing import Router
from starlette.types import Message, Receive, Scope, Send

from mesh.context import Origin, came_from
from mesh.errors import InvalidInput, NotFound, SankofaError
from mesh.telemetry import KEEP, extract, inject
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.express import Express
from services.rest.health import Health
from services.rest.requests import ClientGone, Handler, Request, client_address
from services.rest.responses import Answer, Cors, Headers, error_answer
from services.rest.scim.refusals import ROOT

log = logging.getLogger(__name__)

OnEdgeRequest = Callable[[int], None]
"""Called once with the body bytes of each request that came through the edge's listener."""

UNMATCHED: Final = "unmatched"


class Outbox:
    """The way out of one request: adds the headers that every answer has, remembers the status."""

    __slots__ = ("_common", "_send", "status")

    def __init__(self, send: Send, common: Headers) -> None:
        self._send = send
        self._common = common
        self.status = 0

    async def __call__(self, message: Message) -> None:
        """ASGI send, for the routes of the framework."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._common]
        await self._send(message)

    async def answer(self, answer: Answer) -> None:
        """Sends a whole answer."""
        self.status = answer.status
        headers = [*self._common, *answer.headers]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": answer.body})


class Shim:
    """Gives every answer its region, request id, error shape and CORS headers, whatever happens."""

    def __init__(
        self,
        *,
        region: str,
        health: Health,
        hot_routes: dict[str, Handler],
        router: Router,
        cors: Cors,
        tracer: Tracer,
        trace_ratio: float,
        on_edge_request: OnEdgeRequest,
        express: Express,
    ) -> None:
        self.express = express
        self._region_header = (b"x-sankofa-region", region.encode("ascii"))
        self.health = health
        self._hot_routes = hot_routes
        self._router = router
        self._cors = cors
        self._tracer = tracer
        self._trace_ratio = trace_ratio
        self._on_edge_request = on_edge_request
        self._ids = express.ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            raise ValueError(f"only http is served here, not {scope['type']}")
        request = Request(scope, receive, dict(scope["headers"]))
        request_id = self._ids.of(request.sent.get(b"x-request-id"))
        hot = self._hot_routes.get(scope["path"])
        common: Headers = [self._region_header, (b"x-request-id", request_id)]
        if origin := request.sent.get(b"origin"):
            common += self._cors.headers(origin, ingestion=hot is not None)
        address = client_address(scope, request.sent)
        agent = request.sent.get(b"user-agent", b"").decode("latin-1")
        came_from(Origin.of(request_id.decode("ascii"), address, agent))
        outbox = Outbox(send, common)
        try:
            header = request.sent.get(b"traceparent")
            if header is None and not self._sampled(scope):
                await self._dispatch(request, hot, outbox)
            else:
                await self._traced(request, header, hot, outbox)
        except ClientGone:
            return
        except SankofaError as error:
            await outbox.answer(_refusal(error, request, request_id))
        except Exception:
            log.exception("request %s failed", request_id.decode("ascii"))
            if outbox.status:
                raise  # half an answer is out: the server can only cut the connection
            await outbox.answer(_refusal(SankofaError(), request, request_id))
        finally:
            if scope.get("state", {}).get("via_edge"):
                self._on_edge_request(request.body_bytes)

    def _sampled(self, scope: Scope) -> bool:
        """A request that could have gone the short way (express.py) has had its draw."""
        return bool(scope.get("sankofa.sampled")) or random.random() < self._trace_ratio

    async def _traced(
        self, request: Request, header: bytes | None, hot: Handler | None, outbox: Outbox
    ) -> None:
        """A span for a request that its caller sampled and for a share of the others; else nothing."""
        parent = extract(header.decode("latin-1")) if header else None
        if parent is None and header:
            return await self._dispatch(request, hot, outbox)
        context = trace.set_span_in_context(trace.NonRecordingSpan(parent)) if parent else None
        method, route = request.scope["method"], request.scope["path"] if hot else UNMATCHED
        with self._tracer.start_as_current_span(
            f"{method} {route}",
            context,
            SpanKind.SERVER,
            {"http.request.method": method, "http.route": route, KEEP: True},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            request.traceparent = inject(span.get_span_context())
            try:
                await self._dispatch(request, hot, outbox)
            except SankofaError as error:
                outbox.status = error.http_status
                raise
            finally:
                _describe(span, request, outbox.status)

    async def _dispatch(self, request: Request, hot: Handler | None, outbox: Outbox) -> None:
        scope = request.scope
        if hot is not None and scope["method"] == "POST":
            await outbox.answer(await hot(request))
        elif scope["method"] == "OPTIONS" and (hot or b"access-control-request-method" in request.sent):
            await outbox.answer(self._cors.preflight(request.sent, ingestion=hot is not None))
        elif hot is None:
            await self._route(request, outbox)
        else:
            raise InvalidInput(ErrorReason.ERROR_REASON_METHOD_NOT_ALLOWED)

    async def _route(self, request: Request, outbox: Outbox) -> None:
        """The framework's routes. With an `app` in the scope its router raises instead of answering."""
        scope = request.scope
        scope["app"] = self
        scope["sankofa.request"] = request
        try:
            await self._router(scope, request.receive, outbox)
        except HTTPException as error:
            if error.status_code == 405:
                scope["sankofa.allow"] = (error.headers or {}).get("Allow", "")
                raise InvalidInput(ErrorReason.ERROR_REASON_METHOD_NOT_ALLOWED) from error
            raise NotFound() from error


def _describe(span: Span, request: Request, status: int) -> None:
    if not span.is_recording():
        return
    route = request.scope.get("sankofa.route")
    if route is not None:
        span.update_name(f"{request.scope['method']} {route}")
        span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status or 500)
    if status == 0 or status >= 500:
        span.set_status(Status(StatusCode.ERROR))


def _refusal(error: SankofaError, request: Request, request_id: bytes) -> Answer:
    allow = request.scope.get("sankofa.allow", "POST, OPTIONS")
    return error_answer(
        error,
        request_id=request_id,
        close=request.body_pending,
        allow=allow.encode("ascii"),
        scim=request.scope["path"].startswith(ROOT),
    )
