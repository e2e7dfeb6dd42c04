"""One call out of the mesh: resolve once, judge every address, connect to one that was judged.

The name is never resolved a second time (a name server may answer differently
then); TLS and the Host header still carry it. No redirect is followed, no
proxy of the environment is used, and nothing but status, headers and a bounded
body comes back. The ledger counts each call apart, on PLANE_EGRESS.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass

import httpx
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from mesh.egress.addresses import Allowed
from mesh.egress.config import EgressConfig
from mesh.egress.resolve import Resolve, SystemResolver
from mesh.egress.urls import checked_url
from mesh.errors import InvalidInput, SankofaError, Unavailable
from mesh.ledger import EdgeKey, Ledger
from mesh.node import Node
from mesh.telemetry import REFUSED, VERDICT
from sankofa.residency.v1.error_pb2 import ErrorReason
from sankofa.residency.v1.ledger_pb2 import SIDE_CLIENT, VERDICT_ALLOWED, VERDICT_REFUSED, Verdict
from sankofa.residency.v1.options_pb2 import PLANE_EGRESS

EXTERNAL = "external"
"""What the ledger calls the other end."""
USER_AGENT = "Sankofa-Residency-Mesh"
TIMEOUT_S, VET_TIMEOUT_S = 10.0, 3.0
MOST_BYTES = 1 << 20
_ADDRESSES_TRIED = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers (names in any case), the body as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Egress:
    """The way out of one process. Close it with the process."""

    def __init__(
        self,
        *,
        region: str,
        ledger: Ledger,
        tracer: Tracer,
        config: EgressConfig | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        """Raises ValueError where a setting can't be used."""
        config = config or EgressConfig()
        self._region, self._ledger, self._tracer = region, ledger, tracer
        self._allowed = Allowed(config.allowed_networks)
        self._stack = AsyncExitStack()
        self._resolve = resolve or self._system_resolver()
        trust = _trust(config.authorities_file)
        # A connection is never used twice: the pool knows it by its address, and one address may serve
        # names of many owners.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._transport = httpx.AsyncHTTPTransport(verify=trust, trust_env=False, limits=limits)

    @classmethod
    def of(cls, node: Node, config: EgressConfig) -> Egress:
        """The way out of a process of the mesh."""
        return cls(region=node.region, ledger=node.ledger, tracer=node.tracer, config=config)

    async def close(self) -> None:
        """Ends what is under way."""
        await self._transport.aclose()
        await self._stack.aclose()

    async def send(
        self,
        method: str,
        url: str,
        *,
        purpose: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        rows: int = 0,
        most_bytes: int = MOST_BYTES,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """Sends one request; any status is an answer. `timeout_s` is for all of it, the resolving included.

        `purpose` names the use in the ledger, "egress/audit-webhook"; `rows` is how many rows `body` holds.
        Raises InvalidInput(EGRESS_REFUSED) where the address may not be called, and
        Unavailable(EGRESS_FAILED) where nothing came back, too late, or over `most_bytes`.
        """
        target = checked_url(url)
        try:
            async with asyncio.timeout(timeout_s):
                addresses = await self._judged(target, purpose)
                request = httpx.Request(method, target, headers=_headers(headers, target), content=body)
                key = self._key(purpose, VERDICT_ALLOWED)
                self._ledger.begin(key, requests=1, rows=rows, size=len(body))
                with self._span(purpose, VERDICT_ALLOWED, method) as span:
                    answer = await self._exchange(request, addresses, most_bytes, span)
                self._ledger.answer(key, requests=1, size=len(answer.body))
                return answer
        except TimeoutError:
            raise _failed(f"no answer within {timeout_s:g} s") from None

    async def vet(self, url: str, *, purpose: str, timeout_s: float = VET_TIMEOUT_S) -> None:
        """Whether an address may be set: raises InvalidInput where it would be refused if it were called now.

        A name that is not known yet passes: each call judges anew.
        """
        target = checked_url(url)
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._judged(target, purpose)

    async def _judged(self, target: httpx.URL, purpose: str) -> list[str]:
        """The addresses of a host. One that may not be called condemns them all."""
        port = target.port or (443 if target.scheme == "https" else 80)
        try:
            addresses = await self._resolve(target.host, port)
        except OSError:
            raise _failed("its host name is not known") from None
        if not addresses:
            raise _failed("its host name has no address")
        refusal = ""
        if not all(self._allowed(address) for address in addresses):
            refusal = "its host has an address that is not public"
        elif target.scheme == "http" and not all(self._allowed.named(address) for address in addresses):
            refusal = "it must start with https://"
        if refusal:
            self._ledger.begin(self._key(purpose, VERDICT_REFUSED), requests=1, rows=0, size=0)
            with self._span(purpose, VERDICT_REFUSED, ""):
                raise InvalidInput(ErrorReason.ERROR_REASON_EGRESS_REFUSED, detail=refusal)
        return addresses[:_ADDRESSES_TRIED]

    async def _exchange(
        self, request: httpx.Request, addresses: list[str], most_bytes: int, span: Span
    ) -> Answer:
        name = request.url
        request.extensions["sni_hostname"] = name.host
        for address in addresses:
            request.url = name.copy_with(host=address)
            try:
                return await self._once(request, most_bytes, span)
            except httpx.ConnectError:
                continue  # nothing was sent: the next address may be better
            except httpx.HTTPError:
                raise _failed("the connection broke, or what came is not HTTP") from None
        raise _failed("no connection, or none with a certificate for its host name")

    async def _once(self, request: httpx.Request, most_bytes: int, span: Span) -> Answer:
        response = await self._transport.handle_async_request(request)
        span.set_attribute("http.response.status_code", response.status_code)
        received = bytearray()
        try:
            async for chunk in response.aiter_raw():
                received += chunk
                if len(received) > most_bytes:
                    raise _failed(f"the answer is over {most_bytes} bytes")
        finally:
            await response.aclose()
        return Answer(response.status_code, response.headers, bytes(received))

    def _key(self, purpose: str, verdict: Verdict) -> EdgeKey:
        return EdgeKey(SIDE_CLIENT, self._region, EXTERNAL, purpose, PLANE_EGRESS, verdict)

    def _system_resolver(self) -> SystemResolver:
        resolver = SystemResolver()
        self._stack.callback(resolver.close)
        return resolver

    @contextmanager
    def _span(self, purpose: str, verdict: Verdict, method: str) -> Iterator[Span]:
        """Says what the call was for and how it ended; nothing of the address."""
        attributes = {
            "http.request.method": method,
            "sankofa.plane": "EGRESS",
            "sankofa.caller.region": self._region,
            "sankofa.callee.region": EXTERNAL,
            VERDICT: "allowed" if verdict == VERDICT_ALLOWED else REFUSED,
        }
        with self._tracer.start_as_current_span(
            purpose,
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except (SankofaError, TimeoutError) as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise


def _headers(headers: Mapping[str, str] | None, target: httpx.URL) -> dict[str, str]:
    """The name goes into Host, as it won't be in the URL; an answer is asked for as it is, not compressed."""
    own = {"Host": target.netloc.decode("ascii"), "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
    return own | dict(headers or {})


def _trust(authorities_file: str) -> ssl.SSLContext:
    if not authorities_file:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=authorities_file)
    except OSError as error:
        raise ValueError(f"authorities_file: {error}") from None


def _failed(why: str) -> Unavailable:
    return Unavailable(ErrorReason.ERROR_REASON_EGRESS_FAILED, detail=why)
