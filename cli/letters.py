"""Dead letters of one region, through its own internal port: listed, shown, put back, forgotten."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.table import Table

from cli.commands import wide_console
from cli.meshfile import MeshFile
from cli.operator import operator_node, running_mesh
from sankofa.ingest.v1.dead_letters_pb2 import (
    DeadLetter,
    DropDeadLettersRequest,
    ListDeadLettersRequest,
    ReplayDeadLettersRequest,
    ShowDeadLetterRequest,
)
from sankofa.ingest.v1.dead_letters_pb2_grpc import DeadLetterServiceStub

TIMEOUT_S = 30.0
PAGE = 1000


class DeadLetters:
    """What an operator may do with them. Every method raises SankofaError."""

    def __init__(self, stub: DeadLetterServiceStub) -> None:
        self._stub = stub

    @classmethod
    @asynccontextmanager
    async def of(cls, mesh: MeshFile, region: str) -> AsyncIterator[DeadLetters]:
        """Those of a region, for the block."""
        with operator_node(mesh, region) as node:
            channel = node.channel(region, mesh.regions[region].internal)
            yield cls(DeadLetterServiceStub(channel))
            await channel.close()

    async def every(self) -> list[DeadLetter]:
        """All of them, in the order of the log, without their rows."""
        found: list[DeadLetter] = []
        while True:
            after = found[-1].seq if found else 0
            request = ListDeadLettersRequest(after_seq=after, limit=PAGE)
            page = (await self._stub.ListDeadLetters(request, timeout=TIMEOUT_S)).dead_letters
            if not page:
                return found
            found += page

    async def row(self, project_id: str, seq: int) -> bytes:
        """The row of one."""
        request = ShowDeadLetterRequest(project_id=project_id, seq=seq)
        row: bytes = (await self._stub.ShowDeadLetter(request, timeout=TIMEOUT_S)).row
        return row

    async def replay(self, seqs: Sequence[int]) -> int:
        """Puts them at the end of the log; how many."""
        request = ReplayDeadLettersRequest(seqs=seqs)
        return int((await self._stub.ReplayDeadLetters(request, timeout=TIMEOUT_S)).replayed)

    async def drop(self, seqs: Sequence[int]) -> int:
        """Forgets them for ever; how many."""
        request = DropDeadLettersRequest(seqs=seqs)
        return int((await self._stub.DropDeadLetters(request, timeout=TIMEOUT_S)).dropped)


async def run_list(data_dir: Path, region: str, *, as_json: bool) -> int:
    """Prints them as a table, or a JSON object a line."""
    async with DeadLetters.of(_mesh(data_dir, region), region) as letters:
        found = await letters.every()
    if as_json:
        for letter in found:
            print(msgspec.json.encode(_described(letter)).decode())
        return 0
    table = Table("seq", "table", "project", "reason", "bytes", "since")
    for letter in found:
        table.add_row(*[str(value) for value in _described(letter).values()])
    wide_console().print(table)
    return 0


async def run_show(data_dir: Path, region: str, seq: int) -> int:
    """Prints the row as it is. Raises click.ClickException where there is none."""
    async with DeadLetters.of(_mesh(data_dir, region), region) as letters:
        for letter in await letters.every():
            if letter.seq == seq:
                sys.stdout.buffer.write(await letters.row(letter.project_id, seq) + b"\n")
                return 0
    raise click.ClickException(f"no dead letter {seq} in {region}: `residency dead-letters list`")


async def run_replay(data_dir: Path, region: str, seqs: Sequence[int], *, every: bool) -> int:
    """0 where all that were asked for were put back, else 1."""
    async with DeadLetters.of(_mesh(data_dir, region), region) as letters:
        wanted = [letter.seq for letter in await letters.every()] if every else seqs
        replayed = await letters.replay(wanted)
    print(f"{replayed} of {len(wanted)} put at the end of the log")
    return int(replayed != len(wanted))


async def run_drop(data_dir: Path, region: str, seqs: Sequence[int]) -> int:
    """0 where all that were asked for are gone, else 1."""
    async with DeadLetters.of(_mesh(data_dir, region), region) as letters:
        dropped = await letters.drop(seqs)
    print(f"{dropped} of {len(seqs)} forgotten")
    return int(dropped != len(seqs))


def _mesh(data_dir: Path, region: str) -> MeshFile:
    mesh = running_mesh(data_dir)
    if region not in mesh.regions:
        raise click.ClickException(f"no region {region} in this mesh: {', '.join(mesh.regions)}")
    return mesh


def _described(letter: DeadLetter) -> dict[str, str | int]:
    since = datetime.fromtimestamp(letter.at_unix_ms / 1000, UTC) if letter.at_unix_ms else None
    return {
        "seq": letter.seq,
        "table": letter.table,
        "project": letter.project_id,
        "reason": letter.reason,
        "bytes": letter.size_bytes,
        "since": since.isoformat(timespec="seconds") if since else "",
    }
