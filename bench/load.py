"""The load: wrk, one thread, with a script that counts every answer."""

from __future__ import annotations

import asyncio
import re
import resource
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from bench.requests import request, write

PACKAGE: Final = "wrk"
SCRIPT: Final = Path(__file__).with_name("load.lua")
TAIL_S: Final = 60
"""How long the last answers may take; the script ends wrk as soon as all are there."""

_VARIANTS: Final = 997


class WrkMissing(ValueError):
    """The load generator is not installed; the text says what to install."""


class _Counted(msgspec.Struct):
    sent: int
    answers: int
    refused: int
    broken: int
    begun: float
    seconds: float
    p50_us: int
    p99_us: int
    p999_us: int


@dataclass(frozen=True, slots=True)
class Load:
    """What a load saw. `requests` were answered with 200 or 202, `refused` with an error.

    `broken` ones were sent and never answered: whether they are stored, nobody was told.
    `begun_s` is the first request's time, on the clock of `time.monotonic`; latencies are of the answers.
    """

    requests: int
    refused: int
    broken: int
    begun_s: float
    seconds: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    cpu_s: float

    @property
    def per_second(self) -> float:
        """Requests acknowledged per second, from the first one sent to the last one answered."""
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True)
class Wrk:
    """The load generator as it is installed."""

    binary: str
    version: str

    @classmethod
    async def find(cls) -> Wrk:
        """Raises WrkMissing."""
        binary = shutil.which("wrk")
        if binary is None:
            raise WrkMissing(
                f"the load generator wrk is missing: install the Debian package `{PACKAGE}` "
                f"(apt-get install {PACKAGE})"
            )
        said, _, _ = await _run(binary, "-v")
        found = re.search(r"wrk (\S+)", said)
        return cls(binary, found[1] if found else "unknown")

    async def post(
        self, url: str, path: str, *, key: str, bodies: Path, connections: int, seconds: float
    ) -> Load:
        """Posts the lines of `bodies` for `seconds`. Raises RuntimeError where wrk itself fails."""
        requests = await asyncio.to_thread(_posts, url, path, key, bodies)
        return await self.send(url, requests, connections=connections, seconds=seconds)

    async def send(self, url: str, requests: Path, *, connections: int, seconds: float) -> Load:
        """Sends the requests of a file in turn, for `seconds`. Raises RuntimeError where wrk itself fails."""
        wrk = ("-t1", f"-c{connections}", f"-d{int(seconds) + TAIL_S}s", "--timeout", f"{TAIL_S}s")
        arguments = (str(seconds), str(connections), str(requests))
        before = _children_cpu_s()
        said, code, errors = await _run(self.binary, *wrk, "-s", str(SCRIPT), url, "--", *arguments)
        _, mark, result = said.partition("RESULT ")
        if code or not mark:
            raise RuntimeError(f"wrk ended with {code}: {errors or said}")
        counted = msgspec.json.decode(result, type=_Counted)
        return Load(
            requests=counted.answers - counted.refused,
            refused=counted.refused,
            broken=max(counted.sent - counted.answers, counted.broken),
            begun_s=counted.begun,
            seconds=counted.seconds,
            p50_ms=counted.p50_us / 1000,
            p99_ms=counted.p99_us / 1000,
            p999_ms=counted.p999_us / 1000,
            cpu_s=_children_cpu_s() - before,
        )


def event(number: int) -> dict[str, object]:
    """A track body of about 320 bytes."""
    return {
        "event_name": "checkout_started",
        "distinct_id": f"user_{number:06d}",
        "timestamp": f"2026-05-09T14:32:{number % 60:02d}.{number % 1000:03d}Z",
        "properties": {
            "$session_id": f"sess_{number:08d}",
            "cart_value": number % 500 + 0.99,
            "currency": "EUR",
            "items": number % 9,
            "coupon": None,
        },
        "default_properties": {"$os": "ios", "$browser": "Safari", "$device_model": "iPhone15,2"},
        "lib_version": "web@1.0.0",
    }


def singles() -> Iterator[bytes]:
    """Bodies of /track."""
    return (msgspec.json.encode(event(number)) for number in range(_VARIANTS))


def batches(size: int) -> Iterator[bytes]:
    """Bodies of /batch, `size` events each."""
    for start in range(0, 16 * size, size):
        events = (event(number) for number in range(start, start + size))
        yield msgspec.json.encode({"operations": [{"type": "track", "payload": each} for each in events]})


def _posts(url: str, path: str, key: str, bodies: Path) -> Path:
    headers = {"content-type": "application/json", "x-api-key": key}
    lines = bodies.read_bytes().splitlines()
    return write(bodies.with_suffix(".http"), (request("POST", url, path, headers, line) for line in lines))


async def _run(*command: str) -> tuple[str, int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    return out.decode(), process.returncode or 0, err.decode()


def _children_cpu_s() -> float:
    """CPU time of the processes that ended and were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
