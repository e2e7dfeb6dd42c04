"""The directory of one region, or of the router, in one LMDB environment that each process opens once."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import lmdb

from mesh.clock import wall_ms
from mesh.directory import AccessFact, ApiTokenFact, ProjectFact
from mesh.errors import Conflict, Forbidden, Unavailable
from sankofa.org.v1.org_pb2 import ProjectRole
from sankofa.registry.v1.registry_pb2 import Catalogue, SignedRow
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.directory.changes import apply_row, drop_access, forget_ends, forget_unseen, put_access
from storage.directory.entries import api_token_value, encode, name_of, project_value, region_entries
from storage.directory.environment import MAP_BYTES, open_environment
from storage.directory.reader import DirectoryReader, lease_key
from storage.registry.rules import Position, key_of

_log = logging.getLogger(__name__)
T = TypeVar("T")


class LmdbDirectory(DirectoryReader):
    """Reads as mesh.directory.Directory; its one writing process keeps it. Make it with `open`.

    Each write is one synced transaction in a thread. `region` None is the router's: keys and pins of all.
    """

    _region: str | None

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        region: str | None,
        readonly: bool = False,
        map_bytes: int = MAP_BYTES,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> LmdbDirectory:
        """Opens the folder `path`. Raises DirectoryMissing (readers only) and DirectoryUnusable."""
        env, databases = open_environment(path, region=region, readonly=readonly, map_bytes=map_bytes)
        directory = cls(env=env, databases=databases, clock_ms=clock_ms)
        directory._region = region
        return directory

    def __init__(
        self, *, env: lmdb.Environment, databases: dict[str, lmdb._Database], clock_ms: Callable[[], int]
    ) -> None:
        super().__init__(env=env, databases=databases, clock_ms=clock_ms)
        self._region = None
        self._writing = threading.Lock()
        self._seen: set[tuple[str, bytes]] | None = None

    def close(self) -> None:
        """Waits for a write in progress, then closes the file."""
        with self._writing:
            self._env.close()

    async def apply(self, rows: Sequence[SignedRow], position: Position | None = None) -> int:
        """Takes verified rows of the feed, and the position after them, in one transaction.

        A row that clashes with what is here (a second value of a pin) is logged and left out, so that
        one bad row can't stop the feed; answers how many were.
        """

        def write(txn: lmdb.Transaction[bytes]) -> int:
            refused = 0
            for signed in rows:
                try:
                    self._apply(txn, signed)
                except Conflict:
                    kind, _ = key_of(signed.row)
                    _log.error("refused a second value of a %s, signed by %s", kind, signed.row.region)
                    refused += 1
            if position is not None:
                txn.put(b"position", encode(position), db=self._db["meta"])
            return refused

        return await self._write(write)

    async def put_own_rows(self, rows: Sequence[SignedRow]) -> None:
        """Takes rows that this region has just made or revoked, all or none, with the registry away or not.

        Raises Conflict, and Forbidden for a row of another region.
        """
        if any(signed.row.region != self._region for signed in rows):
            raise Forbidden(ErrorReason.ERROR_REASON_ROW_NOT_OWN)

        def write(txn: lmdb.Transaction[bytes]) -> None:
            for signed in rows:
                self._apply(txn, signed)

        await self._write(write)

    def _apply(self, txn: lmdb.Transaction[bytes], signed: SignedRow) -> None:
        if self._seen is not None:
            self._seen.add(name_of(signed.row))  # a refused second value does not make the first one go
        apply_row(txn, self._db, self._region, signed)
        if signed.row.HasField("session_end"):
            forget_ends(txn, self._db, self._clock_ms())

    def begin_full_compare(self) -> None:
        """From here on `apply` remembers what came."""
        self._seen = set()

    def abandon_full_compare(self) -> None:
        """The rest will not come: nothing is removed."""
        self._seen = None

    async def end_full_compare(self, position: Position) -> None:
        """Removes what did not come and stores the position, in one transaction.

        Rows of the own region stay: they are made here. Revoked keys stay revoked, pins written once.
        """
        seen, self._seen = self._seen, None
        if seen is None:
            raise RuntimeError("no full compare has begun")

        def write(txn: lmdb.Transaction[bytes]) -> None:
            forget_unseen(txn, self._db, self._region, seen)
            txn.put(b"position", encode(position), db=self._db["meta"])

        await self._write(write)

    async def set_catalogue(self, catalogue: Catalogue) -> None:
        """Replaces the regions of the mesh."""

        def write(txn: lmdb.Transaction[bytes]) -> None:
            txn.drop(self._db["regions"], delete=False)
            for key, value in region_entries(catalogue):
                txn.put(key, value, db=self._db["regions"])
            txn.put(b"default_region", catalogue.default_region.encode(), db=self._db["meta"])

        await self._write(write)

    async def put_projects(self, projects: Sequence[ProjectFact]) -> None:
        """Writes what this region knows of projects of its own, in one transaction: syncing one takes longer
        than writing a thousand."""

        def write(txn: lmdb.Transaction[bytes]) -> None:
            for project in projects:
                txn.put(project.project_id.encode(), project_value(project), db=self._db["projects"])

        await self._write(write)

    async def put_api_tokens(self, good: Mapping[bytes, ApiTokenFact], ended: Iterable[bytes]) -> None:
        """Takes API tokens of this region's projects, by their hashes, and forgets those that have ended.

        Only what differs is written: mostly that is one, however many the project has.
        """

        def write(txn: lmdb.Transaction[bytes]) -> None:
            db = self._db["api_tokens"]
            for token_hash in ended:
                txn.delete(token_hash, db=db)
            for token_hash, fact in good.items():
                if txn.get(token_hash, db=db) != (value := api_token_value(fact)):
                    txn.put(token_hash, value, db=db)

        await self._write(write)

    async def replace_api_tokens(self, good: Mapping[bytes, ApiTokenFact]) -> None:
        """Takes all API tokens of this region's projects: any other is good no more."""

        def write(txn: lmdb.Transaction[bytes]) -> None:
            txn.drop(self._db["api_tokens"], delete=False)
            for token_hash, fact in good.items():
                txn.put(token_hash, api_token_value(fact), db=self._db["api_tokens"])

        await self._write(write)

    async def put_access(self, primary_region: str, rows: Sequence[AccessFact]) -> None:
        """Takes changed access rows of a primary region. Role UNSPECIFIED takes a role away."""

        def write(txn: lmdb.Transaction[bytes]) -> None:
            for row in rows:
                put_access(txn, self._db, primary_region, row)

        await self._write(write)

    async def replace_access(self, primary_region: str, rows: Iterable[AccessFact], epoch: int) -> None:
        """Takes the whole list of a primary region as of `epoch`: older rows that are not in it are gone."""
        rows = [row for row in rows if row.role != ProjectRole.PROJECT_ROLE_UNSPECIFIED]

        def write(txn: lmdb.Transaction[bytes]) -> None:
            drop_access(txn, self._db, primary_region, epoch)
            for row in rows:
                put_access(txn, self._db, primary_region, row)

        await self._write(write)

    async def renew_lease(self, primary_region: str, now_ms: int | None = None) -> None:
        """Says that a primary region's access rows are current."""
        value = str(self._clock_ms() if now_ms is None else now_ms).encode()
        await self._write(lambda txn: txn.put(lease_key(primary_region), value, db=self._db["meta"]))

    async def set_feed_position(self, position: Position) -> None:
        """Stores where the feed is, when no row came with it."""
        await self.apply((), position)

    async def _write(self, change: Callable[[lmdb.Transaction[bytes]], T]) -> T:
        return await asyncio.to_thread(self._transaction, change)

    def _transaction(self, change: Callable[[lmdb.Transaction[bytes]], T]) -> T:
        try:
            with self._writing, self._env.begin(write=True) as txn:
                return change(txn)
        except lmdb.ReadonlyError:
            raise RuntimeError("this directory is open for reading: the region's cell writes it") from None
        except lmdb.Error as error:
            _log.exception("the directory could not be written")
            raise Unavailable from error
