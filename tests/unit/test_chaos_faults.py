"""How `residency chaos` makes inserts fail, and disks full."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.chaos.disk import LIMIT_BYTES, LimitedDisk
from cli.chaos.faults import InsertFault, Switch
from storage.analytics.errors import StoreUnavailable

pytestmark = [pytest.mark.disk]

WRITER = """
import sys
for _ in sys.stdin:
    try:
        with open(sys.argv[1], "wb", buffering=0) as file:
            file.write(b"." * 1_000)
            file.seek(1_000_000)
            file.write(b".")
        print(0, flush=True)
    except OSError as error:
        print(error.errno, flush=True)
"""


@pytest.fixture
def switch(tmp_path: Path) -> Switch:
    made = Switch(tmp_path / "switch")
    made.set(InsertFault.NONE)
    return made


def inserts() -> tuple[list[str], Callable[[], None]]:
    """A store that only counts."""
    landed: list[str] = []
    return landed, lambda: landed.append("row")


def test_without_a_fault_an_insert_lands_and_none_is_noted(switch: Switch) -> None:
    landed, insert = inserts()
    switch.around(insert)
    assert landed == ["row"] and not switch.felt()


@pytest.mark.parametrize(("fault", "rows"), [(InsertFault.FAIL, 0), (InsertFault.FAIL_LANDED, 1)])
def test_a_failing_insert_is_a_store_that_is_away_landed_or_not(
    switch: Switch, fault: InsertFault, rows: int
) -> None:
    landed, insert = inserts()
    switch.set(fault)
    with pytest.raises(StoreUnavailable):
        switch.around(insert)
    assert len(landed) == rows and switch.felt() == {fault: 1}
    switch.set(InsertFault.NONE)
    switch.around(insert)
    assert len(landed) == rows + 1 and switch.felt().total() == 1


@pytest.mark.parametrize("fault", [InsertFault.HANG, InsertFault.HANG_LANDED])
def test_a_hanging_insert_returns_when_the_fault_is_over(switch: Switch, fault: InsertFault) -> None:
    began, landed = threading.Event(), list[str]()

    def insert() -> None:
        landed.append("row")
        began.set()

    switch.set(fault)
    hanging = threading.Thread(target=switch.around, args=(insert,))
    hanging.start()
    try:
        if fault is InsertFault.HANG_LANDED:
            assert began.wait(10)
        hanging.join(0.1)
        assert hanging.is_alive() and began.is_set() == (fault is InsertFault.HANG_LANDED)
    finally:
        switch.set(InsertFault.NONE)
    hanging.join(10)
    assert not hanging.is_alive() and landed == ["row"]


def test_a_limit_on_file_sizes_stands_in_for_a_full_disk_until_it_is_lifted(tmp_path: Path) -> None:
    command = (sys.executable, "-c", WRITER, str(tmp_path / "grows"))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdin is not None and writer.stdout is not None
        disk = LimitedDisk(lambda: [writer.pid])

        def written() -> int:
            writer.stdin.write("\n")
            writer.stdin.flush()
            return int(writer.stdout.readline())

        assert LIMIT_BYTES < 1_000_000 and written() == 0
        disk.fill()
        assert written() == errno.EFBIG
        disk.free()
        assert written() == 0
        writer.stdin.close()
