"""Natural group commit: everything that arrived while the last commit ran goes into the next one.

No linger: waiting 2 ms for company caps 64 clients at 25k events/s (measured).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from storage.log import Append, LogFailed, Outcome, Rows, Table

_NOTHING: Final = Rows(Table.EVENTS, "", ())
Store = Callable[[list[Append]], list[Outcome]]


class _Waiting(NamedTuple):
    appends: Sequence[Append]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[list[Outcome]]


class Committer:
    """One thread that stores what waits. `store` answers each append, or raises where it stored none."""

    def __init__(self, *, store: Store, name: str) -> None:
        self._store = store
        self._waiting: list[_Waiting] = []
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        """Waits for the commit that holds the appends; raises what the commit raised."""
        if not appends or not all(part.rows for append in appends for part in append.parts or [_NOTHING]):
            raise ValueError("an append has at least one row")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[Outcome]] = loop.create_future()
        with self._wake:
            if self._closed:
                raise LogFailed(detail="the log is closed")
            self._waiting.append(_Waiting(appends, loop, done))
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
            outcomes: list[Outcome] | Exception
            try:
                outcomes = self._store([append for waiting in batch for append in waiting.appends])
            except Exception as error:
                outcomes = error
            _answer(batch, outcomes)

    def _take(self) -> list[_Waiting]:
        with self._wake:
            while not self._waiting and not self._closed:
                self._wake.wait()
            batch, self._waiting = self._waiting, []
            return batch


def _answer(batch: list[_Waiting], outcomes: list[Outcome] | Exception) -> None:
    """Wakes each event loop once for the whole commit: a wake-up costs more than an append."""
    answers: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[list[Outcome]], list[Outcome]]]] = {}
    at = 0
    for waiting in batch:
        if isinstance(outcomes, Exception):
            mine: list[Outcome] = []
        else:
            mine = outcomes[at : at + len(waiting.appends)]
        at += len(waiting.appends)
        answers.setdefault(waiting.loop, []).append((waiting.done, mine))
    failure = outcomes if isinstance(outcomes, Exception) else None
    for loop, some in answers.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, some, failure)


def _settle(
    answers: list[tuple[asyncio.Future[list[Outcome]], list[Outcome]]], failure: Exception | None
) -> None:
    for done, outcomes in answers:
        if done.done():
            continue  # cancelled: the appends are stored, and no one waits for the answer
        if failure is not None:
            done.set_exception(failure)
        else:
            done.set_result(outcomes)
