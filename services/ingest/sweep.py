"""Looks for a planted marker in everything that the region stores, and says how much it looked at."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc

from mesh.errors import InvalidInput
from sankofa.residency.v1.ledger_pb2 import SweepPlace, SweepRequest, SweepResponse
from sankofa.residency.v1.ledger_pb2_grpc import SweepServiceServicer
from storage.analytics.engine import Engine
from storage.directory.reader import DirectoryReader
from storage.log import DurableLog
from storage.sweep import scan_directory, scan_files, scan_sqlite

_MARKER = re.compile(r"mark_[a-z0-9]{20}")


class SweepService(SweepServiceServicer):
    """Sweeps one region. `records` is its SQLite file, None where its records are not in one.

    `compressed` are folders whose files a search of bytes can't read; the analytics store is queried instead.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        log: DurableLog,
        directory: DirectoryReader,
        records: Path | None,
        data_dir: Path,
        compressed: Sequence[Path],
    ) -> None:
        self._engine = engine
        self._log = log
        self._directory = directory
        self._records = records
        self._data_dir = data_dir
        self._compressed = compressed
        self._one_at_a_time = asyncio.Lock()

    async def Sweep(
        self, request: SweepRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> SweepResponse:
        """Raises InvalidInput for what is no marker: nobody's data can be asked for."""
        if _MARKER.fullmatch(request.marker) is None:
            raise InvalidInput(detail='a marker is "mark_" and 20 lower-case letters or digits')
        async with self._one_at_a_time:
            swept = await self._engine.sweep(request.marker)
            tables = [_place("analytics", table.table, table.examined, table.hits) for table in swept]
            others = await asyncio.to_thread(self._blocking, request.marker.encode("ascii"))
        return SweepResponse(places=tables + others)

    def _blocking(self, needle: bytes) -> list[SweepPlace]:
        places = [_place("log", "log", *self._log.scan(needle))]
        places.append(_place("directory", "directory", *scan_directory(self._directory, needle)))
        if self._records is not None:
            places += [_place("records", *table) for table in scan_sqlite(self._records, needle)]
        places += [
            _place("files", *file) for file in scan_files(self._data_dir, needle, apart=self._compressed)
        ]
        return places


def _place(store: str, place: str, examined: int, hits: int) -> SweepPlace:
    return SweepPlace(store=store, place=place, examined=examined, hits=hits)
