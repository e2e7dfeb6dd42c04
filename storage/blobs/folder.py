"""Blobs in a local folder: a file has its name only once all of it is on disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import IO, Final, TypeVar

from mesh.errors import Unavailable
from storage.folders import sync_folders

PIECE_BYTES: Final = 64 << 10
_PART: Final = ".part"
T = TypeVar("T")


class BlobFolder:
    """Names are ids that this mesh has made: none can lead out of the folder. Everything runs in threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def write(self, name: str, texts: AsyncIterator[str]) -> int:
        """Writes pieces of text as they come, UTF-8; the size in bytes. Cut off, it leaves nothing of a name.

        Raises Unavailable where the disk does not take it.
        """
        part = self._folder / f"{name}{_PART}"
        file = await _threaded(lambda: _open_new(part))
        try:
            async for text in texts:
                await _threaded(lambda text=text: file.write(text.encode()))  # type: ignore[misc]
            return await _threaded(lambda: self._name(file, part, name))
        except BaseException:
            file.close()
            part.unlink(missing_ok=True)
            raise

    async def has(self, name: str) -> bool:
        """Whether it is there."""
        return await _threaded((self._folder / name).is_file)

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """Its pieces, 64 KiB at most. Raises Unavailable where it can't be read."""
        file = await _threaded(lambda: (self._folder / name).open("rb"))
        try:
            while piece := await _threaded(lambda: file.read(PIECE_BYTES)):
                yield piece
        finally:
            file.close()

    async def names(self) -> list[str]:
        """Every file there is; one that is being written is none yet."""
        return await _threaded(lambda: [path.name for path in self._files() if path.suffix != _PART])

    async def delete(self, names: Iterable[str]) -> None:
        """Files that are gone already are no fault."""
        every = [self._folder / name for name in names]
        await _threaded(lambda: _unlink(every))

    async def sweep(self) -> None:
        """At start: what a kill left half written."""
        await _threaded(lambda: _unlink(path for path in self._files() if path.suffix == _PART))

    def _files(self) -> list[Path]:
        return sorted(self._folder.iterdir()) if self._folder.is_dir() else []

    def _name(self, file: IO[bytes], part: Path, name: str) -> int:
        size = file.tell()
        file.flush()
        os.fsync(file.fileno())
        file.close()
        part.rename(self._folder / name)
        sync_folders([self._folder])
        return size


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _open_new(part: Path) -> IO[bytes]:
    part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return os.fdopen(descriptor, "wb", buffering=1 << 20)


async def _threaded(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except OSError:
        raise Unavailable from None
