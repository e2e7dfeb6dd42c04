"""The writer in a process that is killed, at every step and at the very call that publishes a part."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from services.ingest import inserting, writer
from tests.support.lives import lived
from tests.support.logs import LogPlace
from tests.support.strace import Call, read_trace, run_traced

pytestmark = [pytest.mark.disk]

CHILD = Path(__file__).parent / "writer_child.py"
COUNT = 150
STEPS = [
    "recovered",
    "read",
    "looked:aliases",
    "inserting:aliases",
    "inserted:aliases",
    "looked:people",
    "inserting:people",
    "inserted:people",
    "inserting:events",
    "inserted:events",
    "looked:events",
    "buried",
    "erasing",
    "erased",
    "committing",
    "committed",
]
"""Every point between two effects, in the order of a batch."""

FIRST_OF_A_LIFE = {"recovered", "looked:aliases", "looked:people"}
"""Steps that a life takes once: at its start, or for what the life before it left."""


def command(folder: Path, die_at: str = "", seen: int = 1, count: int = 0, *more: str) -> list[str]:
    return [sys.executable, str(CHILD), str(folder), die_at, str(seen), str(count), *more]


def live(folder: Path, die_at: str = "", seen: int = 1, count: int = 0) -> str:
    """One life of the child, to its end or to the step where it dies: what it said."""
    ended = lived(CHILD, command(folder, die_at, seen, count, "orders")[2:], folder / "said")
    assert ended.returncode == (9 if die_at else 0), f"{die_at}: {ended.said}"
    return ended.said


def last_life(folder: Path, count: int, *, orders: bool = True) -> dict[str, Any]:
    """What the store holds after a life that nothing disturbs: every row of `count` exactly once.

    Without those that were erased; a row of the same person after the last erasure is there.
    """
    answer: dict[str, Any] = json.loads(live(folder).splitlines()[-1])
    places = [(seq, (seq - 1) % 50) for seq in range(1, count + 1)]
    last_order = max(seq for seq, place in places if place == 37) if orders else 0
    gone = {seq for seq, place in places if place in (31, 32, 33, 34, 37, 41) and seq <= last_order}
    poisoned = [seq for seq, place in places if place == 7]
    found = sorted(seq for seqs in answer["seqs"].values() for seq in seqs)
    assert answer["stopped"] is True
    assert answer["dead"] == poisoned
    assert found == [seq for seq, _ in places if seq not in gone and seq not in poisoned]
    return answer


@pytest.fixture(params=["embedded", "production"])
def stores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the child's rows and its log are: in its folder, or on a ClickHouse and a NATS that live on."""
    if request.param == "production":
        place = LogPlace.on_nats(request.getfixturevalue("nats"))
        monkeypatch.setenv("LOG_PLACE", place.argument)
        monkeypatch.setenv("ANALYTICS_URL", request.getfixturevalue("clickhouse").url)


@pytest.mark.usefixtures("stores")
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_every_row_is_there_exactly_once(tmp_path: Path, step: str) -> None:
    if step.startswith("looked") and step in FIRST_OF_A_LIFE:
        live(tmp_path, "committing", count=COUNT)
        live(tmp_path, step)
    else:
        live(tmp_path, step, seen=1 if step in FIRST_OF_A_LIFE else 2, count=COUNT)
    last_life(tmp_path, COUNT)


@pytest.mark.usefixtures("stores")
def test_killed_again_and_again_while_it_recovers_every_row_is_there_exactly_once(tmp_path: Path) -> None:
    """One store, a life for every step, each killed at the first sight of it."""
    for step in ["committing", *STEPS]:
        live(tmp_path, step, count=COUNT // 3)
    last_life(tmp_path, COUNT // 3 * (len(STEPS) + 1))


def test_the_list_of_steps_is_complete(tmp_path: Path) -> None:
    """Against a run that takes them all, and against the writer's text, should a run not take one."""
    live(tmp_path, "committing", count=COUNT)
    assert last_life(tmp_path, COUNT)["steps"] == sorted(STEPS)
    text = Path(writer.__file__).read_text() + Path(inserting.__file__).read_text()
    named = re.findall(r'_step\(f?"(\w+)', text)
    assert set(named) == {step.partition(":")[0] for step in STEPS}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store with its schema, so that the writer's renames are the only ones of its thread."""
    folder = tmp_path_factory.mktemp("prepared")
    live(folder)
    return folder


def traced(folder: Path, prepared: Path, inject: str, calls: str, *options: str) -> tuple[int, list[Call]]:
    """A life on a copy of the prepared store, with something done to it at a system call."""
    shutil.copytree(prepared, folder, symlinks=True, dirs_exist_ok=True)
    trace = folder / "trace"
    ended = run_traced(trace, command(folder, count=COUNT), "-e", f"inject={inject}", *options, calls=calls)
    return ended.returncode, read_trace(trace)


def folder_of(store: Path, table: str) -> Path:
    """The folder that holds a table's parts."""
    (definition,) = store.glob(f"chdb/store/*/*/{table}.sql")
    uuid = re.search(r"UUID '([0-9a-f-]+)'", definition.read_text())
    assert uuid is not None
    return Path("chdb/store") / uuid[1][:3] / uuid[1]


@pytest.mark.parametrize("nth", [1, 2, 3, 5, 10, 12])
def test_killed_at_the_rename_that_publishes_a_part(tmp_path: Path, prepared: Path, nth: int) -> None:
    """Deduplication tokens lose the batch here: they are recorded before the part is published."""
    code, calls = traced(tmp_path, prepared, f"rename:signal=KILL:when={nth}", "rename")
    killed = calls[-1]
    draft, part = re.findall(r'"([^"]+)"', killed.arguments)
    assert (code, killed.ended) == (-9, None) and "/tmp_insert_" in draft
    assert Path(draft).is_dir() and not Path(part).exists()
    last_life(tmp_path, COUNT, orders=False)


@pytest.mark.parametrize("table", ["aliases", "people", "events"])
@pytest.mark.parametrize("nth", [1, 2])
def test_killed_between_the_rename_and_the_sync_of_its_folder(
    tmp_path: Path, prepared: Path, table: str, nth: int
) -> None:
    """The rows are published, and the insert has not said so."""
    place = tmp_path / folder_of(prepared, table)
    inject = f"fdatasync:signal=KILL:when={nth}"
    code, calls = traced(tmp_path, prepared, inject, "fdatasync", "-P", str(place))
    assert (code, calls[-1].ended, calls[-1].path) == (-9, None, str(place))
    assert len([part for part in place.iterdir() if part.name.endswith("_0")]) >= nth
    last_life(tmp_path, COUNT, orders=False)


@pytest.mark.parametrize(
    ("call", "options"), [("rename", False), ("fdatasync", True)], ids=["before", "after it was published"]
)
def test_an_insert_that_the_disk_aborts_is_repeated_without_doubling(
    tmp_path: Path, prepared: Path, call: str, options: bool
) -> None:
    place = ("-P", str(tmp_path / folder_of(prepared, "events"))) if options else ()
    code, calls = traced(tmp_path, prepared, f"{call}:error=EIO:when=2", call, *place)
    assert code == 0 and {failed.result.split()[1] for failed in calls if not failed.succeeded} == {"EIO"}
    last_life(tmp_path, COUNT, orders=False)
