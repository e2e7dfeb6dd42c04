"""A small disk for one region's folder, and a ballast that fills it.

Best is an ext4 image on a loop device: there a sync is a sync. Where that may not be mounted a tmpfs does,
and where nothing may be (no root), a limit on the size of every file that the region's processes write.

Mounts are made in a mount namespace of the harness's own: the kernel takes them away with its last process,
whatever ended it. Nobody outside of the harness and its children sees them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

_CLONE_NEWNS = 0x00020000
_STEP_BYTES = 64 << 10
LIMIT_BYTES = 64 << 10
"""What a file may grow to while a disk that is only a limit is "full"."""


class SmallDisk(Protocol):
    """The disk of one region."""

    kind: str

    def fill(self) -> None:
        """Takes all that is free. Again and again, as others free some."""

    def free(self) -> None:
        """Gives it back."""

    def close(self) -> None:
        """Takes it away again. The processes that use it have ended."""


class MountedDisk:
    """A filesystem of its own, mounted on the region's folder."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self._folder, self._ballast = folder, folder / "ballast"

    def fill(self) -> None:
        """In large steps first, then page by page: a few free pages are enough for an LMDB commit."""
        with self._ballast.open("ab") as ballast:
            for step in (64 << 20, 1 << 20, _STEP_BYTES, 4096):
                with suppress(_NoSpace):
                    while True:
                        _grow(ballast.fileno(), step)

    def free(self) -> None:
        """Deletes the ballast."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmounts it."""
        unmount_below(self._folder)


class LimitedDisk:
    """No disk of its own: the region's processes may not grow a file over a limit. They get EFBIG."""

    kind = "size limit"

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids

    def fill(self) -> None:
        """Also for a process that was started meanwhile."""
        self._limit(LIMIT_BYTES)

    def free(self) -> None:
        """No limit any more."""
        self._limit(resource.RLIM_INFINITY)

    def close(self) -> None:
        """Nothing is left of it: a limit ends with its process."""

    def _limit(self, size_bytes: int) -> None:
        for pid in self._pids():
            with suppress(ProcessLookupError):
                _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, most))


def own_mounts() -> bool:
    """Gives this process, and what it starts from now on, a mount namespace of its own; False if it may not.

    Before any thread is started: a namespace is a thread's.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        return False
    return _run("mount", "--make-rprivate", "/")


def unmount_below(folder: Path) -> None:
    """Unmounts what is mounted on a folder or in it; what still holds such a mount keeps it while it runs."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        place = line.split(" ")[1]
        if Path(place).is_relative_to(folder):
            _run("umount", "--lazy", place)


def small_disk(
    folder: Path, image: Path, size_bytes: int, *, mounts: bool, pids: Callable[[], Iterable[int]]
) -> SmallDisk:
    """The best that this machine allows, empty, on `folder`. `pids` are the region's processes of now."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if mounts:
        with image.open("wb") as file:
            file.truncate(size_bytes)
        # -m 0: no blocks are kept back for root, who could write on where others can't.
        made = _run("mkfs.ext4", "-q", "-m", "0", str(image))
        if made and _run("mount", "-o", "loop", str(image), str(folder)):
            return MountedDisk(folder, "ext4 on a loop device")
        image.unlink()
        if _run("mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=0700", "chaos", str(folder)):
            return MountedDisk(folder, "tmpfs")
    return LimitedDisk(pids)


class _NoSpace(Exception):
    """The disk is full."""


def _grow(file: int, step_bytes: int) -> None:
    try:
        os.posix_fallocate(file, os.fstat(file).st_size, step_bytes)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise _NoSpace from None


def _run(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
