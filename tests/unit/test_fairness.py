"""Frames out of many projects' requests: every project has its turn."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from services.rest.fairness import FairQueue

FRAME, QUANTUM = 1000, 100


class Entry(NamedTuple):
    project: str
    number: int
    size_bytes: int


PUTS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 1500)), max_size=120)
"""Who puts what, as large as a frame and a half at most."""


def queue_of(puts: list[tuple[str, int]]) -> FairQueue[Entry]:
    queue = FairQueue[Entry](frame_bytes=FRAME, quantum_bytes=QUANTUM)
    for number, (project, size) in enumerate(puts):
        queue.put(project, Entry(project, number, size))
    return queue


def frames_of(queue: FairQueue[Entry]) -> list[list[Entry]]:
    frames = []
    while queue:
        frames.append(queue.take_frame())
    return frames


@given(PUTS)
def test_nothing_is_lost_doubled_or_out_of_its_projects_order(puts: list[tuple[str, int]]) -> None:
    queue = queue_of(puts)
    assert (len(queue), queue.waiting_bytes) == (len(puts), sum(size for _, size in puts))
    sent = [entry for frame in frames_of(queue) for entry in frame]
    assert sorted(entry.number for entry in sent) == list(range(len(puts)))
    for project in "abcd":
        numbers = [entry.number for entry in sent if entry.project == project]
        assert numbers == sorted(numbers)
    assert (len(queue), queue.waiting_bytes) == (0, 0)


@given(PUTS)
def test_a_frame_holds_what_fits_or_one_that_is_larger(puts: list[tuple[str, int]]) -> None:
    for frame in frames_of(queue_of(puts)):
        assert frame
        assert sum(entry.size_bytes for entry in frame) <= FRAME or len(frame) == 1


@given(PUTS, st.integers(1, 1500), st.integers(0, 5))
def test_while_one_waits_no_other_gets_more_than_its_turns(
    puts: list[tuple[str, int]], size: int, before: int
) -> None:
    """In the frames before its own: a turn for each quantum of it, the first of which may be under way."""
    queue = queue_of(puts)
    for _ in range(before):
        if queue:
            queue.take_frame()
    queue.put("late", Entry("late", -1, size))
    passed = Counter[str]()
    while queue:
        frame = queue.take_frame()
        if any(entry.project == "late" for entry in frame):
            break
        for entry in frame:
            passed[entry.project] += entry.size_bytes
    else:
        raise AssertionError("it never went")
    turns = -(-size // QUANTUM) + 1
    largest = max((entry_size for _, entry_size in puts), default=0)
    assert all(taken <= turns * QUANTUM + largest for taken in passed.values())


@given(st.integers(1, 400), st.integers(1, 60))
def test_a_quiet_project_is_in_the_next_frame_however_much_a_noisy_one_has_waiting(
    noisy: int, size: int
) -> None:
    queue = queue_of([("a", size)] * noisy)
    queue.put("quiet", Entry("quiet", -1, QUANTUM))
    assert any(entry.project == "quiet" for entry in queue.take_frame())


def test_equal_demand_gets_equal_bytes_whatever_the_size_of_its_requests() -> None:
    queue = queue_of([("a", 50)] * 400 + [("b", 400)] * 50 + [("c", 7)] * 3000)
    sent = Counter[str]()
    for _ in range(30):
        for entry in queue.take_frame():
            sent[entry.project] += entry.size_bytes
    assert max(sent.values()) - min(sent.values()) <= QUANTUM + 400


def test_a_project_that_had_nothing_waiting_saves_no_turns_for_later() -> None:
    queue = queue_of([("a", 10), ("b", 10)])
    for _ in range(50):
        queue.take_frame()
    for number in range(100):
        queue.put("a", Entry("a", number, 90))
        queue.put("b", Entry("b", number, 90))
    sent = Counter(entry.project for entry in queue.take_frame())
    assert abs(sent["a"] - sent["b"]) <= 1
