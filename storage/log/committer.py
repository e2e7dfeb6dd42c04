"""Natural group commit: everything that arrived while the last commit ran goes into the next one.

No linger: waiting 2 ms for company caps 64 clients at 25k events/s (measured).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from storage.log import Entry, LogFailed

Outcome = int | Exception
Store = Callable[[list[Sequence[Entry]]], list[Outcome]]


class _Waiting(NamedTuple):
    entries: Sequence[Entry]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[int]


class Committer:
    """One thread that stores what waits. `store` answers, for each append, its first seq or its error."""

    def __init__(self, *, store: Store, name: str) -> None:
        self._store = store
        self._waiting: list[_Waiting] = []
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def append(self, entries: Sequence[Entry]) -> int:
        """Waits for the commit that holds the entries; raises what the commit raised."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()
        with self._wake:
            if self._closed:
                raise LogFailed(detail="the log is closed")
            self._waiting.append(_Waiting(entries, loop, done))
            if len(self._waiting) == 1:
                self._wake.notify()
        return await done

    def close(self) -> None:
        """Finishes what waits, then stops."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._take():
            try:
                outcomes = self._store([waiting.entries for waiting in batch])
            except Exception as error:
                outcomes = [error] * len(batch)
            _answer(batch, outcomes)

    def _take(self) -> list[_Waiting]:
        with self._wake:
            while not self._waiting and not self._closed:
                self._wake.wait()
            batch, self._waiting = self._waiting, []
            return batch


def _answer(batch: list[_Waiting], outcomes: list[Outcome]) -> None:
    """Wakes each event loop once for the whole commit: a wake-up costs more than an append."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[int], Outcome]]] = {}
    for waiting, outcome in zip(batch, outcomes, strict=True):
        by_loop.setdefault(waiting.loop, []).append((waiting.done, outcome))
    for loop, answers in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, answers)


def _settle(answers: list[tuple[asyncio.Future[int], Outcome]]) -> None:
    for done, outcome in answers:
        if done.done():
            continue  # cancelled: the entries are stored, and no one waits for the answer
        if isinstance(outcome, Exception):
            done.set_exception(outcome)
        else:
            done.set_result(outcome)
