"""A directory with many keys, and what one look-up in it costs.

`python -m bench.keys FOLDER REGION` answers one line for each `Fill` (no other process may write the
directory) and each `Look` (as a REST shim reads it, beside the cell that writes it).
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from itertools import cycle, islice
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from mesh.directory import ProjectFact
from sankofa.registry.v1.registry_pb2 import ApiKey, Pin, Row, SignedRow
from sankofa.residency.v1.environment_pb2 import ENVIRONMENT_LIVE, ENVIRONMENT_TEST
from storage.directory.lmdb import LmdbDirectory

KEYS_A_PROJECT: Final = 2
ROWS_A_WRITE: Final = 100_000
LOOKS_A_TURN: Final = 1_000

T = TypeVar("T")


class Fill(msgspec.Struct, frozen=True, tag=True):
    """Wants so many keys, two for each project."""

    keys: int


class Filled(msgspec.Struct, frozen=True):
    """How large the file is then."""

    bytes: int
    seconds: float


class Look(msgspec.Struct, frozen=True, tag=True):
    """Looks keys up in random order for so many seconds, each of `keys` as often as the others."""

    keys: int
    seconds: float


class Looked(msgspec.Struct, frozen=True):
    """CPU microseconds of one look-up: of a key, and of a key and then its project as each request does."""

    looks: int
    key_us: float
    key_and_project_us: float


def secret(number: int) -> str:
    """The API key of a number; even ones are live."""
    return f"sk_{'test' if number % 2 else 'live'}_{sha256(b'bench %d' % number).hexdigest()[:32]}"


def fill(path: Path, region: str, wanted: Fill) -> Filled:
    """Writes pins, keys and projects as the feed and the records would, in large transactions."""
    begun = time.monotonic()
    directory = LmdbDirectory.open(path, region=region)
    try:
        asyncio.run(_fill(directory, region, wanted.keys))
    finally:
        directory.close()
    return Filled((path / "data.mdb").stat().st_size, time.monotonic() - begun)


async def _fill(directory: LmdbDirectory, region: str, keys: int) -> None:
    for rows in _chunks(_rows(region, keys), ROWS_A_WRITE):
        await directory.put_own_rows(rows)
    projects = (
        ProjectFact(_project(number), "org_bench", f"Project {number}", "active")
        for number in range(0, keys, KEYS_A_PROJECT)
    )
    for facts in _chunks(projects, ROWS_A_WRITE):
        await directory.put_projects(facts)


def _rows(region: str, keys: int) -> Iterator[SignedRow]:
    """Unsigned, as the cell restores its own."""
    for number in range(keys):
        if number % KEYS_A_PROJECT == 0:
            pin = Pin(project_id=_project(number), org_id="org_bench")
            yield SignedRow(row=Row(region=region, pin=pin))
        key = ApiKey(
            key_hash=sha256(secret(number).encode()).digest(),
            key_id=f"key_{number:022d}",
            project_id=_project(number),
            environment=ENVIRONMENT_TEST if number % 2 else ENVIRONMENT_LIVE,
        )
        yield SignedRow(row=Row(region=region, api_key=key))


def _project(number: int) -> str:
    return f"proj_{number // KEYS_A_PROJECT:022d}"


def look(path: Path, region: str, wanted: Look) -> Looked:
    """Opens the directory as a REST process does. Raises ValueError where a key is not there."""
    directory = LmdbDirectory.open(path, region=region, readonly=True)
    hashes = [sha256(secret(number).encode()).digest() for number in range(wanted.keys)]
    random.Random(wanted.keys).shuffle(hashes)
    try:
        looks, key_us = _timed(partial(_key, directory), hashes, wanted.seconds / 2)
        more, both_us = _timed(partial(_key_and_project, directory), hashes, wanted.seconds / 2)
    finally:
        directory.close()
    return Looked(looks + more, key_us, both_us)


def _timed(look_up: Callable[[bytes], object], hashes: Sequence[bytes], seconds: float) -> tuple[int, float]:
    """Look-ups made, and CPU microseconds of one."""
    turns, looks = cycle(hashes), 0
    until_s, cpu_begun_s = time.monotonic() + seconds, time.process_time()
    while not looks or time.monotonic() < until_s:
        for key_hash in islice(turns, LOOKS_A_TURN):
            look_up(key_hash)
        looks += LOOKS_A_TURN
    return looks, (time.process_time() - cpu_begun_s) * 1e6 / looks


def _key(directory: LmdbDirectory, key_hash: bytes) -> None:
    if directory.key(key_hash) is None:
        raise ValueError("a key of the benchmark is not in the directory")


def _key_and_project(directory: LmdbDirectory, key_hash: bytes) -> None:
    key = directory.key(key_hash)
    if key is None or directory.project(key.project_id) is None:
        raise ValueError("a key of the benchmark, or its project, is not in the directory")


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


if __name__ == "__main__":
    for line in sys.stdin:
        asked = msgspec.json.decode(line, type=Fill | Look)
        answer: Filled | Looked
        if isinstance(asked, Fill):
            answer = fill(Path(sys.argv[1]), sys.argv[2], asked)
        else:
            answer = look(Path(sys.argv[1]), sys.argv[2], asked)
        print(msgspec.json.encode(answer).decode(), flush=True)
