"""A load on one organisation, in a process of its own: members edited, log-ins, reads, at a rate.

    python -m tests.support.org_load < plan.json

It reads a Plan from the first line of its standard input, says a line of JSON twice a second, stops when that
input ends, and says a Report then. Nothing is asked twice: what is not answered well is in the report.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import msgspec

WORKERS = 64
"""So many that reads go on while writes wait."""
SAY_EVERY_S = 0.5
ANSWER_S = 60.0
MOST_FAULTS = 20


class Plan(msgspec.Struct):
    """What to ask, of whom. `invitations`: what people accept with; `rate`: requests a second in all."""

    urls: list[str]
    org_id: str
    token: str
    emails: list[str]
    password: str
    members: list[str]
    invitations: list[str]
    rate: int = 200
    edits: int = 20
    log_ins: int = 2
    invites: int = 2


class Fault(msgspec.Struct):
    """An answer that is not good: when, seconds after the beginning."""

    kind: str
    path: str
    status: int
    body: str
    began_s: float
    took_s: float


class Report(msgspec.Struct):
    """What was answered. `changes`: how often each member's role was changed, acknowledged in the end."""

    requests: int = 0
    took_s: float = 0.0
    statuses: dict[str, dict[int, int]] = {}
    latency_ms: dict[str, list[float]] = {}
    """Median, 99th of a hundred, and longest of each kind."""
    faults: list[Fault] = []
    changes: dict[str, int] = {}
    roles: dict[str, str] = {}
    invited: dict[str, int] = {}
    accepted: dict[str, str] = {}
    accepting: dict[str, int] = {}
    removed: dict[str, int] = {}
    longest_without_write_s: float = 0.0


class Connection:
    """HTTP/1.1, one request after another: a tenth of what a client of a library costs."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        self._host, self._port = str(split.hostname), split.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, token: str, body: bytes) -> tuple[int, bytes]:
        """Status and body. Raises OSError, EOFError where no answer comes."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: {self._host}:{self._port}\r\ncontent-length: {len(body)}\r\n"
        )
        if token:
            head += f"authorization: Bearer {token}\r\n"
        try:
            writer.write(f"{head}\r\n".encode() + body)
            answered = await reader.readuntil(b"\r\n\r\n")
            status, headers = int(answered[9:12]), answered.lower()
            length = int(headers.partition(b"content-length:")[2].partition(b"\r\n")[0])
            said = await reader.readexactly(length)
        except BaseException:
            self.close()
            raise
        if b"connection: close" in headers:
            self.close()
        return status, said

    def close(self) -> None:
        """The next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


Ask = Callable[[str, str, str, object], Awaitable[tuple[int, bytes]]]


class Load:
    """Every worker takes the next request when its time has come; one that is late is asked at once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.report = Report()
        self.ended = False
        self.writes = 0
        self._began = self._last_write = time.monotonic()
        self._next = 0
        self._statuses: dict[str, Counter[int]] = defaultdict(Counter)
        self._took: dict[str, list[float]] = defaultdict(list)
        self._free = deque(plan.members)
        self._wanted = dict.fromkeys(plan.members, "admin")
        self._tokens = deque(plan.invitations)
        self._leaving: deque[str] = deque()
        self._kinds = self._mixed()
        org = plan.org_id
        self._reads = (
            f"/api/v1/projects?org_id={org}",
            f"/api/v1/admin/regions/orgs/{org}",
            f"/api/v1/members?org_id={org}",
            f"/api/v1/admin/regions/orgs/{org}/assign",
        )

    async def run(self) -> None:
        """Until `ended`."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(WORKERS):
                tasks.create_task(self._work(number))
        report = self.report
        report.took_s = time.monotonic() - self._began
        report.requests = sum(sum(counts.values()) for counts in self._statuses.values())
        report.statuses = {kind: dict(counts) for kind, counts in self._statuses.items()}
        report.latency_ms = {kind: _quantiles(took) for kind, took in self._took.items()}
        report.roles = {user: "member" if role == "admin" else "admin" for user, role in self._wanted.items()}

    async def _work(self, number: int) -> None:
        open_ones = [Connection(url) for url in self.plan.urls]
        while not self.ended:
            turn, self._next = self._next, self._next + 1
            late_s = time.monotonic() - (self._began + turn / self.plan.rate)
            if late_s < 0:
                await asyncio.sleep(-late_s)
            connection = open_ones[(turn + turn // len(open_ones)) % len(open_ones)]
            await self._one(self._kinds[turn % len(self._kinds)], turn, connection)
        for connection in open_ones:
            connection.close()

    def _mixed(self) -> list[str]:
        """A second's requests, evenly mixed."""
        plan, kinds = self.plan, ["read"] * self.plan.rate
        for kind, times, offset in (
            ("edit", plan.edits, 0),
            ("log-in", plan.log_ins, 1),
            ("invite", plan.invites, 2),
            ("accept", 1, 3),
            ("remove", 1, 4),
        ):
            for each in range(times):
                kinds[each * plan.rate // times + offset] = kind
        return kinds

    async def _one(self, kind: str, turn: int, connection: Connection) -> None:
        org = self.plan.org_id
        if kind == "edit" and self._free:
            user = self._free.popleft()
            await self._edit(user, connection)
            self._free.append(user)
        elif kind == "log-in":
            emails = self.plan.emails
            body = {"email": emails[turn // 3 % len(emails)], "password": self.plan.password}
            await self._ask(connection, "log-in", "POST", "/api/v1/auth/login", body, signed=False)
        elif kind == "invite":
            email = f"guest-{turn}@example.org"
            body = {"email": email, "role": "member"}
            self.report.invited[email] = await self._write(
                connection, "invite", "POST", f"/api/v1/members/invite?org_id={org}", body
            )
        elif kind == "accept" and self._tokens:
            await self._accept(self._tokens.popleft(), connection)
        elif kind == "remove" and self._leaving:
            user = self._leaving.popleft()
            path = f"/api/v1/members/{user}?org_id={org}"
            self.report.removed[user] = await self._write(connection, "remove", "DELETE", path, None)
        else:
            await self._ask(connection, "read", "GET", self._reads[turn // 7 % len(self._reads)], None)

    async def _edit(self, user: str, connection: Connection) -> None:
        """One change of a role, until it is acknowledged: the next is the way back."""
        path = f"/api/v1/members/{user}?org_id={self.plan.org_id}"
        role = self._wanted[user]
        status = await self._write(connection, "edit", "PATCH", path, {"role": role})
        if status == 200:
            self._wanted[user] = "member" if role == "admin" else "admin"
            self.report.changes[user] = self.report.changes.get(user, 0) + 1

    async def _accept(self, code: str, connection: Connection) -> None:
        body = {"token": code, "password": self.plan.password}
        asked = self._ask(connection, "accept", "POST", "/api/v1/members/accept", body, signed=False)
        status, said = await asked
        self.report.accepting[code] = status
        if status == 201:
            user = msgspec.json.decode(said)["user_id"]
            self.report.accepted[code] = user
            self._leaving.append(user)

    async def _write(self, connection: Connection, kind: str, method: str, path: str, body: object) -> int:
        status, _ = await self._ask(connection, kind, method, path, body)
        if status < 300:
            now = time.monotonic()
            gap = now - self._last_write
            self.report.longest_without_write_s = max(self.report.longest_without_write_s, gap)
            self._last_write = now
            self.writes += 1
        return status

    async def _ask(
        self, connection: Connection, kind: str, method: str, path: str, body: object, *, signed: bool = True
    ) -> tuple[int, bytes]:
        raw = b"" if body is None else msgspec.json.encode(body)
        began = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_S):
                status, said = await connection.ask(method, path, self.plan.token if signed else "", raw)
        except (OSError, EOFError, TimeoutError) as error:
            status, said = 0, type(error).__name__.encode()
        took = time.monotonic() - began
        self._statuses[kind][status] += 1
        self._took[kind].append(took)
        if not 200 <= status < 300 and len(self.report.faults) < MOST_FAULTS:
            fault = Fault(kind, path, status, said.decode(), round(began - self._began, 3), round(took, 3))
            self.report.faults.append(fault)
        return status, said


def _quantiles(took_s: list[float]) -> list[float]:
    ordered = sorted(took_s)
    return [round(ordered[int(q * (len(ordered) - 1))] * 1000, 1) for q in (0.5, 0.99, 1.0)]


async def _main() -> None:
    loop = asyncio.get_running_loop()
    plan = msgspec.json.decode(await loop.run_in_executor(None, sys.stdin.buffer.readline), type=Plan)
    load = Load(plan)
    work = asyncio.create_task(load.run())
    until = loop.run_in_executor(None, sys.stdin.buffer.read)
    while not until.done():
        await asyncio.wait([until, work], timeout=SAY_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
        sys.stdout.write(f'{{"writes": {load.writes}}}\n')
        sys.stdout.flush()
    load.ended = True
    await work
    sys.stdout.buffer.write(msgspec.json.encode(load.report) + b"\n")


if __name__ == "__main__":
    asyncio.run(_main())
