"""Opens the directory's LMDB environment, or says what a person has to do."""

from __future__ import annotations

import os
from pathlib import Path

import lmdb

from storage.directory.entries import DATABASES

Database = lmdb._Database
MAP_BYTES = 1 << 30
"""Address space, not disk: two million keys with their projects (a million take 438 MB, measured)."""


class DirectoryUnusable(Exception):
    """The directory can't be opened; the text says what to do."""


class DirectoryMissing(DirectoryUnusable):
    """Nobody has made the directory yet."""


def open_environment(
    path: Path, *, region: str | None, readonly: bool, map_bytes: int
) -> tuple[lmdb.Environment, dict[str, Database]]:
    """The environment in the folder `path` and its databases. The writer makes what is missing.

    Raises DirectoryMissing (readers only), DirectoryUnusable (damaged, or of another region).
    """
    if readonly and not (path / "data.mdb").exists():
        raise DirectoryMissing(f"no directory in {path} yet: start the region's cell (or the router) first")
    try:
        if not readonly:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        env = lmdb.open(
            os.fspath(path), map_size=map_bytes, max_dbs=len(DATABASES), mode=0o600, readonly=readonly
        )
    except lmdb.Error as error:
        raise _damaged(path, error) from error
    try:
        env.reader_check()
        databases = _databases(env, region or "", path, create=not readonly)
    except lmdb.NotFoundError as error:
        env.close()
        raise DirectoryMissing(f"the directory in {path} is being made: try again") from error
    except lmdb.Error as error:
        env.close()
        raise _damaged(path, error) from error
    except DirectoryUnusable:
        env.close()
        raise
    return env, databases


def _databases(env: lmdb.Environment, region: str, path: Path, *, create: bool) -> dict[str, Database]:
    """The writer makes them in one transaction, so that a reader finds all or none."""
    if not create:
        # Not in a transaction of ours: handles opened in a reading one end with it.
        databases = {name: env.open_db(name.encode(), create=False) for name in DATABASES}
        with env.begin() as txn:
            stored = txn.get(b"region", db=databases["meta"])
    else:
        with env.begin(write=True) as txn:
            databases = {name: env.open_db(name.encode(), txn=txn) for name in DATABASES}
            txn.put(b"region", region.encode(), db=databases["meta"], overwrite=False)
            stored = txn.get(b"region", db=databases["meta"])
    if stored != region.encode():
        raise DirectoryUnusable(f"the directory in {path} is of another region than {region!r}")
    return databases


def _damaged(path: Path, error: lmdb.Error) -> DirectoryUnusable:
    return DirectoryUnusable(
        f"the directory in {path} can't be read ({type(error).__name__}): move it away and start again; "
        "the cell rebuilds it from its records and the registry"
    )
