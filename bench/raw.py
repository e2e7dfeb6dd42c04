"""The floor of queries: the SQL that a question becomes, sent straight to an engine of its own.

`python -m bench.raw ANALYTICS_FOLDER PROJECT_ID` opens a copy of the cell's store with the cell's limits and
answers one line for each `Ask`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from bench.fill import MEMORY_BYTES
from bench.percentile import percentile
from bench.questions import QUESTIONS, Question
from mesh.regions import DEFAULT_REGION
from services.query.config import QueryConfig
from services.query.core import Answers
from storage.analytics.engine import Engine
from storage.analytics.handles import Parameters
from storage.analytics.queries import AnalyticsQueries, Scope


class Ask(msgspec.Struct, frozen=True):
    """Asks a question's SQL again and again for so many seconds, once at least."""

    question: str
    seconds: float


class Told(msgspec.Struct, frozen=True):
    """The answer's substance, and what each pass over its statements took. CPU is of the whole process."""

    answer: list[Any]
    statements: int
    passes: int
    p50_ms: float
    p99_ms: float
    cpu_ms: float


class Recorder:
    """Passes statements on to the engine, and remembers them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.statements: list[tuple[str, Parameters | None]] = []

    async def query(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """As Engine.query."""
        self.statements.append((sql, parameters))
        return await self._engine.query(sql, parameters)


def tell(engine: Engine, project_id: str, question: Question, seconds: float) -> Told:
    """Asks once through the code that the cell runs, then only its statements, one after the other."""
    recorder = Recorder(engine)
    answers = Answers(store=AnalyticsQueries(engine=recorder))
    scope = Scope(project_id, "live" if question.environment == "live" else "test")
    answer = asyncio.run(_answer(question, answers, scope))
    reader, took_ms = engine.reader(), list[float]()
    reader.query_rows("SELECT 1")  # this thread's client, which the first statement would pay for
    begun, cpu_begun = time.monotonic(), time.process_time()
    while not took_ms or time.monotonic() - begun < seconds:
        pass_begun = time.perf_counter()
        for sql, parameters in recorder.statements:
            reader.query_rows(sql, parameters)
        took_ms.append((time.perf_counter() - pass_begun) * 1000)
    cpu_ms = (time.process_time() - cpu_begun) * 1000 / len(took_ms)
    p50, p99 = percentile(took_ms, 50), percentile(took_ms, 99)
    return Told(list(answer), len(recorder.statements), len(took_ms), p50, p99, cpu_ms)


async def _answer(question: Question, answers: Answers, scope: Scope) -> list[Any]:
    return list(await question.asked(answers, scope))


def main(folder: Path, project_id: str) -> None:
    """Answers until standard input ends."""
    limits = QueryConfig().limits()
    engine = Engine.embedded(folder, region=DEFAULT_REGION, max_memory_bytes=MEMORY_BYTES, limits=limits)
    questions = {question.name: question for question in QUESTIONS}
    try:
        for line in sys.stdin:
            ask = msgspec.json.decode(line, type=Ask)
            told = tell(engine, project_id, questions[ask.question], ask.seconds)
            print(msgspec.json.encode(told).decode(), flush=True)
    finally:
        engine.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
