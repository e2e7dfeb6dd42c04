"""Statements that run, by query id: one of each at a time, and each can be told to end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.clickhouse.errors import refused


@dataclass(slots=True)
class Statement:
    """One that runs. `stop_arriving` ends a wait for more of its body."""

    query_id: str
    stop_arriving: Callable[[], None]
    killed: bool = False

    def check(self) -> None:
        """Raises ServerError where it was killed: the engine ends a killed streamed insert without a word."""
        if self.killed:
            raise refused(394, "QUERY_WAS_CANCELLED", "Query was cancelled")


class Running:
    """All of one server."""

    def __init__(self) -> None:
        self._by_id: dict[str, Statement] = {}
        self._ended = threading.Condition()

    @contextmanager
    def run(self, query_id: str, stop_arriving: Callable[[], None]) -> Iterator[Statement]:
        """Holds the id for the block. Raises ServerError where another statement has it."""
        with self._ended:
            if query_id in self._by_id:
                what = f"Query with id = {query_id} is already running"
                raise refused(216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING", what)
            statement = self._by_id[query_id] = Statement(query_id, stop_arriving)
        try:
            yield statement
        finally:
            with self._ended:
                del self._by_id[query_id]
                self._ended.notify_all()

    def kill(self, query_ids: list[str]) -> list[Statement]:
        """Tells them to end; those that run."""
        with self._ended:
            found = [self._by_id[query_id] for query_id in query_ids if query_id in self._by_id]
        for statement in found:
            statement.killed = True
            statement.stop_arriving()
        return found

    def wait(self, statements: list[Statement]) -> None:
        """Returns when none of them runs."""
        with self._ended:
            self._ended.wait_for(lambda: not any(self._by_id.get(one.query_id) is one for one in statements))
