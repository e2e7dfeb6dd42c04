"""Judges a trace: was it on disk before it was said, and in the store before the log forgot it?

Each judgement answers the list of what is wrong; an empty one says durable.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from tests.support.strace import Call

WRITES = frozenset({"write", "pwrite64", "writev", "pwritev", "pwritev2"})
SYNCS = frozenset({"fsync", "fdatasync"})
_PUBLISHED = re.compile(r'"(?P<draft>[^"]*/tmp_insert_[^"/]*)/?", "(?P<part>[^"]*)"')


def writes_to(calls: Sequence[Call], path: str) -> list[Call]:
    """The calls that put bytes into a file."""
    return [call for call in calls if call.name in WRITES and call.path == path]


def synced(calls: Sequence[Call], path: str, *, after: Call, before: Call) -> Call | None:
    """The first successful sync of a file that began after one call had returned, if it returned in time."""
    for call in calls:
        if call.name in SYNCS and call.path == path and call.succeeded and after.before(call):
            return call if call.before(before) else None
    return None


def log_defects(calls: Sequence[Call], *, data: str, marker: str, answer: Call, dsync: set[str]) -> list[str]:
    """Whether the row with `marker` was durable in LMDB's file `data` when `answer` was begun.

    Three things in this order: the row's page written and returned; the file synced; then the page that makes
    the transaction count, written through a descriptor of `dsync`, those opened with O_DSYNC.
    """
    rows = [call for call in writes_to(calls, data) if marker in call.arguments and call.before(answer)]
    if not rows:
        return ["the row was not written before the answer"]
    sync = synced(calls, data, after=rows[0], before=answer)
    if sync is None:
        return ["the file was not synced between the row and the answer"]
    for call in writes_to(calls, data):
        if call.descriptor in dsync and call.succeeded and sync.before(call) and call.before(answer):
            return []
    return ["the transaction was not made to count, synchronously, between the sync and the answer"]


def published(calls: Sequence[Call], partition: str) -> list[tuple[Call, str, str]]:
    """Renames that publish an inserted part of a partition (a regex), and its folder before and after."""
    found = []
    for call in calls:
        names = _PUBLISHED.match(call.arguments) if call.name == "rename" else None
        if names and re.match(f"tmp_insert_(?:{partition})_", names["draft"].rpartition("/")[2]):
            found.append((call, names["draft"], names["part"].rstrip("/")))
    return found


def part_defects(calls: Sequence[Call], publication: tuple[Call, str, str], *, forgets: Call) -> list[str]:
    """Whether an inserted part was durable when `forgets` was begun, the log's write that moves its cursor.

    Each file synced after its last write and before the rename that publishes the part; then the part's
    folder and the table's folder, which holds the new name, before the log forgets.
    """
    rename, draft, part = publication
    last: dict[str, Call] = {}
    for call in calls:
        if call.name in WRITES and call.path.startswith(f"{draft}/") and call.began < rename.began:
            last[call.path] = call
    if not last:
        return ["nothing was written into the part"]
    defects = [
        f"{Path(path).name} was not synced before it was published"
        for path, write in last.items()
        if synced(calls, path, after=write, before=rename) is None
    ]
    for folder in (part, str(Path(part).parent)):
        if synced(calls, folder, after=rename, before=forgets) is None:
            defects.append(f"the folder {Path(folder).name} was not synced before the log forgot its rows")
    return defects


def opened_dsync(calls: Sequence[Call]) -> set[str]:
    """Descriptors that a traced process opened with O_DSYNC."""
    return {call.result for call in calls if call.name == "openat" and "O_DSYNC" in call.arguments}


def holds_dsync(pid: int) -> set[str]:
    """Descriptors that a running process has open with O_DSYNC."""
    found = set()
    for entry in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            flags = int(re.search(r"flags:\s+(\d+)", entry.read_text())[1], 8)  # type: ignore[index]
            path = Path(f"/proc/{pid}/fd/{entry.name}").readlink()
        except FileNotFoundError:
            continue  # closed meanwhile
        if flags & os.O_DSYNC:
            found.add(f"{entry.name}<{path}>")
    return found
