"""The ledger's files: several processes of a region share a folder, and report those that were killed."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

import pytest

from mesh.identity import Identity
from mesh.ledger import EdgeKey, Ledger
from sankofa.residency.v1.ledger_pb2 import SIDE_SERVER, VERDICT_ALLOWED
from sankofa.residency.v1.options_pb2 import PLANE_DATA
from tests.support.nodes import EU

pytestmark = [pytest.mark.disk]

KEY = EdgeKey(SIDE_SERVER, EU, EU, "/some.Service/Call", PLANE_DATA, VERDICT_ALLOWED)


def open_ledger(folder: Path) -> Ledger:
    return Ledger(folder, Identity(EU, "rest"))


def killed(folder: Path, requests: int) -> str:
    """Leaves behind what a killed process does; its instance id."""
    ledger = open_ledger(folder)
    ledger.begin(KEY, requests=requests, rows=0, size=0)
    ledger.close()
    return ledger.instance_id


def test_the_counts_of_a_killed_process_are_read_whole_and_closed(tmp_path: Path) -> None:
    instance = killed(tmp_path, 7)
    ((_, final),) = open_ledger(tmp_path).orphans()
    assert (final.witness.instance_id, final.witness.closed) == (instance, True)
    assert [(edge.rpc, edge.requests) for edge in final.edges] == [(KEY.rpc, 7)]


def test_a_ledger_has_every_block_on_disk_before_anything_is_counted(tmp_path: Path) -> None:
    """Before: a process of a region died of SIGBUS when it counted a new edge on a full disk."""
    open_ledger(tmp_path)
    (file,) = tmp_path.glob("*.ledger")
    assert file.stat().st_blocks * 512 >= file.stat().st_size > 0


def test_a_process_that_lives_is_no_orphan(tmp_path: Path) -> None:
    first, second = open_ledger(tmp_path), open_ledger(tmp_path)
    assert (list(first.orphans()), list(second.orphans())) == ([], [])


def test_an_orphan_that_another_process_reports_meanwhile_is_passed_over(tmp_path: Path) -> None:
    """Before: the process that came second died of it."""
    for requests in (1, 2, 3):
        killed(tmp_path, requests)
    one, two = open_ledger(tmp_path), open_ledger(tmp_path)
    first = one.orphans()
    held, _ = next(first)
    taken = [path for path, _ in two.orphans()]
    assert len(taken) == 2 and held not in taken
    for path in taken:
        path.unlink()
    assert list(first) == []


def test_a_ledger_that_is_being_made_is_no_orphan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other, seen, real = open_ledger(tmp_path), [], fcntl.flock

    def look_first(file: Any, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        seen.append(list(other.orphans()))
        real(file, operation)

    monkeypatch.setattr(fcntl, "flock", look_first)
    open_ledger(tmp_path)
    assert seen == [[]]
