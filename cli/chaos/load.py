"""Clients as real SDKs are: they post, wait, and send again what got no answer or a 503, or give it up.

What is sent again carries the same event ids or the same Idempotency-Key. Some clients are impatient, so that
the second attempt arrives while the first is still under way.
"""

from __future__ import annotations

import asyncio
import gzip
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx

from cli.chaos.journal import Journal, Once
from cli.chaos.mix import Mix, Request
from cli.meshfile import DemoProject

OK, NO_ANSWER = 200, 0
AGAIN = frozenset({NO_ANSWER, 429, 502, 503, 504})
"""What a client may send again after. 502 and 504 are the edge's, for a shim that is away."""

TIMEOUTS_S = (1.0, 3.0, 10.0)
PAUSE_S = (0.05, 0.3)
LONGEST_WAIT_S = 1.0
PROBE_PAUSE_S, PROBE_TIMEOUT_S = 0.05, 1.0

Heard = Callable[[str, int], None]
"""Told the region and the status of every answer."""


@dataclass(slots=True)
class Client:
    """One connection pool and one stream of requests."""

    url: str
    mix: Mix
    journal: Journal
    heard: Heard
    chance: random.Random
    http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        timeout_s = self.chance.choice(TIMEOUTS_S)
        self.http = httpx.AsyncClient(base_url=self.url, timeout=timeout_s, trust_env=False)

    async def run(self, stop: asyncio.Event, give_up: asyncio.Event) -> None:
        """Posts until `stop`; what is under way then goes on until it is acknowledged, or `give_up`."""
        async with self.http:
            while not stop.is_set():
                await self.deliver(self.mix.next(), give_up)
                await _pause(self.chance.uniform(*PAUSE_S), stop)

    async def deliver(self, request: Request, give_up: asyncio.Event) -> int:
        """Posts, and again if it may; the last status."""
        sent = request.sent
        self.journal.add(sent)
        wait_s = 0.1
        while True:
            status, after_s = await self._post(request)
            self.journal.answers[sent.region, status] += 1
            self.heard(sent.region, status)
            if status == OK:
                sent.acknowledged = True
            elif status not in AGAIN:
                self.journal.unexpected.append(f"{status} for {request.path} of {sent.name}")
            if status not in AGAIN or sent.once is Once.NEVER or give_up.is_set():
                return status
            wait_s = min(after_s or wait_s * 2, LONGEST_WAIT_S)
            await _pause(wait_s * self.chance.uniform(0.5, 1.0), give_up)

    async def _post(self, request: Request) -> tuple[int, float]:
        """Status and Retry-After; one request in ten is compressed."""
        body, headers = request.body, request.headers
        if self.chance.random() < 0.1:
            body, headers = gzip.compress(body, 1), {**headers, "content-encoding": "gzip"}
        try:
            answer = await self.http.post(request.path, content=body, headers=headers)
        except httpx.HTTPError:
            return NO_ANSWER, 0.0
        after = answer.headers.get("retry-after", "")
        return answer.status_code, float(after) if after.isdecimal() else 0.0


@dataclass(slots=True)
class Load:
    """All clients of a run."""

    seed: int
    journal: Journal
    heard: Heard
    global_url: str
    rest_urls: dict[str, str]
    projects: dict[str, DemoProject]
    _clients: int = 0

    @asynccontextmanager
    async def running(self, *, grace_s: float) -> AsyncIterator[None]:
        """Two clients on each regional URL and one for each region on the global one, while the block runs.

        What is under way at its end has `grace_s` to be acknowledged.
        """
        stop, give_up = asyncio.Event(), asyncio.Event()
        tasks = [
            asyncio.create_task(client.run(stop, give_up))
            for region in self.projects
            for client in (*(self.client(region) for _ in range(2)), self.client(region, edge=True))
        ]
        try:
            yield
        finally:
            stop.set()
            _, late = await asyncio.wait(tasks, timeout=grace_s)
            give_up.set()
            await asyncio.gather(*late)
        for task in tasks:
            task.result()

    def client(self, region: str, *, edge: bool = False) -> Client:
        """One more client for the project of a region."""
        self._clients += 1
        name, project = f"{region}.c{self._clients}", self.projects[region]
        mix = Mix(
            seed=self.seed,
            client=name,
            region=region,
            project_id=project.id,
            keys=project.keys,
            now_ms=time.time_ns() // 1_000_000,
        )
        url = self.global_url if edge else self.rest_urls[region]
        return Client(url, mix, self.journal, self.heard, random.Random(f"{self.seed} {name}"))

    async def flood(self, region: str, stop: asyncio.Event) -> None:
        """Large batches, one after the other, until `stop`."""
        client = self.client(region)
        async with client.http:
            while not stop.is_set():
                status = await client.deliver(client.mix.flood(), stop)
                await _pause(0.0 if status == OK else PROBE_PAUSE_S, stop)

    async def served(self, region: str, *, within_s: float) -> float | None:
        """Seconds until an event is acknowledged on a region's own URL; None if none is in time."""
        return await self._probe([self.client(region)], within_s)

    async def served_by_edge(self, *, within_s: float) -> float | None:
        """The same on the global URL, of whichever region: one may be away for a reason of its own."""
        return await self._probe([self.client(region, edge=True) for region in self.projects], within_s)

    async def _probe(self, clients: list[Client], within_s: float) -> float | None:
        begun, never = time.monotonic(), asyncio.Event()
        async with AsyncExitStack() as stack:
            for client in clients:
                client.http.timeout = httpx.Timeout(PROBE_TIMEOUT_S)
                await stack.enter_async_context(client.http)
            while time.monotonic() - begun < within_s:
                for client in clients:
                    if await client.deliver(client.mix.single(), never) == OK:
                        return time.monotonic() - begun
                await _pause(PROBE_PAUSE_S, never)
        return None


async def _pause(seconds: float, unless: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(unless.wait(), seconds)
    except TimeoutError:
        return
