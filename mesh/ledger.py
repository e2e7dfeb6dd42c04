"""The ledger: exact counters of every call, in a file that outlives a kill.

Counters live in a shared mapping, so that what was counted before a `kill -9`
is still there after it; the next process of the region finds the file, reads
it whole and reports it as closed. Counters only grow: a report may be
repeated, and an audit can bracket calls in flight (answered <= received <= begun).
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mesh.clock import wall_ms
from mesh.identity import Identity
from sankofa.residency.v1.ledger_pb2 import SIDE_CLIENT, Edge, ReportRequest, Side, Verdict, Witness
from sankofa.residency.v1.options_pb2 import Plane

_SLOT_BYTES = 320
_LABEL_BYTES = 286
_SLOTS = 2048
_COUNTERS = struct.Struct("<4Q")
_LENGTH = struct.Struct("<H")
_SUFFIX = ".ledger"


@dataclass(frozen=True, slots=True)
class EdgeKey:
    """What is counted apart: who called whom, with which rpc, and what the guard said."""

    side: Side
    caller_region: str
    callee_region: str
    rpc: str
    plane: Plane
    verdict: Verdict


class Ledger:
    """The counters of one process. Not thread-safe: counted on the event loop only."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.instance_id = secrets.token_hex(8)
        self._path = folder / f"{self.instance_id}{_SUFFIX}"
        unborn = folder / f".{self.instance_id}"
        self._file = unborn.open("w+b")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            # Every block at once: the first touch of one that a full disk has no room for is a SIGBUS.
            os.posix_fallocate(self._file.fileno(), 0, _SLOT_BYTES * (1 + _SLOTS))
        except OSError:
            unborn.unlink()
            raise
        self._map = mmap.mmap(self._file.fileno(), 0)
        self._offsets: dict[EdgeKey, int] = {}
        head = {
            "instance_id": self.instance_id,
            "role": identity.role,
            "region": identity.region,
            "started_at_unix_ms": wall_ms(),
        }
        self._write_label(0, msgspec.json.encode(head))
        unborn.rename(self._path)  # only now: a file that no process holds is taken for a killed one's

    def begin(self, key: EdgeKey, *, requests: int, rows: int, size: int) -> None:
        """Counts requests before a byte leaves (client) or when they arrive (server)."""
        self._add(key, requests, 0 if key.side == SIDE_CLIENT else requests, rows, size)

    def answer(self, key: EdgeKey, *, requests: int, rows: int = 0, size: int = 0) -> None:
        """Counts answers: what they carried and, on the client's side, how many requests they end."""
        self._add(key, 0, requests if key.side == SIDE_CLIENT else 0, rows, size)

    def report(self, *, closed: bool = False) -> ReportRequest:
        """All counters as they are now."""
        return _read(self._map, closed=closed)

    def orphans(self) -> Iterator[tuple[Path, ReportRequest]]:
        """The final counters of processes that were killed: files in the folder that no process holds."""
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            if path == self._path:
                continue
            with ExitStack() as stack:
                try:
                    file = stack.enter_context(path.open("r+b"))
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except (FileNotFoundError, BlockingIOError):
                    continue  # another process has reported it, or holds it
                yield path, _read(stack.enter_context(mmap.mmap(file.fileno(), 0)), closed=True)

    def close(self) -> None:
        """Lets go of the file. It stays, as after a kill, until another process has reported it whole."""
        self._map.close()
        self._file.close()

    def _add(self, key: EdgeKey, *amounts: int) -> None:
        offset = self._offsets.get(key)
        if offset is None:
            offset = self._new_slot(key)
        counters = _COUNTERS.unpack_from(self._map, offset)
        summed = (old + new for old, new in zip(counters, amounts, strict=True))
        _COUNTERS.pack_into(self._map, offset, *summed)

    def _new_slot(self, key: EdgeKey) -> int:
        slot = len(self._offsets) + 1
        if slot > _SLOTS:
            raise RuntimeError(f"the ledger holds {_SLOTS} edges of one process: raise _SLOTS")
        label = (key.side, key.caller_region, key.callee_region, key.rpc, key.plane, key.verdict)
        self._write_label(slot, msgspec.json.encode(label))
        offset = self._offsets[key] = slot * _SLOT_BYTES + _LENGTH.size + _LABEL_BYTES
        return offset

    def _write_label(self, slot: int, label: bytes) -> None:
        if len(label) > _LABEL_BYTES:
            raise ValueError(f"a ledger label is over {_LABEL_BYTES} bytes: {label!r}")
        start = slot * _SLOT_BYTES
        self._map[start + _LENGTH.size : start + _LENGTH.size + len(label)] = label
        _LENGTH.pack_into(self._map, start, len(label))


def _read(data: mmap.mmap, *, closed: bool) -> ReportRequest:
    head = msgspec.json.decode(_label(data, 0) or b"{}")
    witness = Witness(**head, reported_at_unix_ms=wall_ms(), closed=closed)
    request = ReportRequest(witness=witness)
    for slot in range(1, _SLOTS + 1):
        label = _label(data, slot)
        if not label:
            break
        side, caller, callee, rpc, plane, verdict = msgspec.json.decode(label)
        counters = _COUNTERS.unpack_from(data, slot * _SLOT_BYTES + _LENGTH.size + _LABEL_BYTES)
        requests, answered, rows, size = counters
        request.edges.append(
            Edge(
                side=side,
                caller_region=caller,
                callee_region=callee,
                rpc=rpc,
                plane=plane,
                verdict=verdict,
                requests=requests,
                answered=answered,
                rows=rows,
                bytes=size,
            )
        )
    return request


def _label(data: mmap.mmap, slot: int) -> bytes:
    start = slot * _SLOT_BYTES
    (length,) = _LENGTH.unpack_from(data, start)
    return data[start + _LENGTH.size : start + _LENGTH.size + length]
