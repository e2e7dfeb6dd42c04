"""Reads the spans of a stopped cell: `python -m tests.support.spans ANALYTICS_FOLDER REGION`, JSON lines.

chDB opens one path per process, and a running cell holds its own: so another process reads, afterwards.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from storage.analytics.engine import Engine

_SQL = """
    SELECT TraceId AS trace_id, SpanId AS span_id, ParentSpanId AS parent_id, ServiceName AS service,
        SpanName AS name, SpanKind AS kind, ResourceAttributes['cloud.region'] AS cloud_region,
        SpanAttributes['sankofa.caller.region'] AS caller, SpanAttributes['sankofa.callee.region'] AS callee,
        SpanAttributes['sankofa.plane'] AS plane, SpanAttributes['sankofa.verdict'] AS verdict
    FROM otel_traces ORDER BY Timestamp
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSpan:
    """A span as a region keeps it; `stored_in` is that region."""

    stored_in: str
    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    cloud_region: str
    caller: str
    callee: str
    plane: str
    verdict: str

    def __str__(self) -> str:
        hop = f" {self.plane} {self.caller} → {self.callee}" if self.plane else ""
        refused = " refused" if self.verdict == "refused" else ""
        return f"{self.stored_in} {self.service} {self.kind} {self.name}{hop}{refused}"


def spans_of(analytics: Path, region: str) -> list[StoredSpan]:
    """Every span that a stopped region has, oldest first."""
    command = (sys.executable, "-m", "tests.support.spans", str(analytics), region)
    read = subprocess.run(command, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    return [StoredSpan(stored_in=region, **json.loads(line)) for line in read.stdout.splitlines()]


def tree(spans: Iterable[StoredSpan], trace_id: str) -> list[str]:
    """A trace as indented lines: callees below their caller, siblings in the order of their start."""
    mine = [span for span in spans if span.trace_id == trace_id]
    ids = {span.span_id for span in mine}

    def below(parent: str, depth: int) -> list[str]:
        lines = []
        for span in mine:
            top = depth == 0 and span.parent_id not in ids
            if top or (depth > 0 and span.parent_id == parent):
                lines.append("  " * depth + str(span))
                lines += below(span.span_id, depth + 1)
        return lines

    return below("", 0)


def _main(analytics: Path, region: str) -> None:
    engine = Engine.embedded(analytics, region=region, max_memory_bytes=1 << 30)
    try:
        for row in engine.reader().query_named(_SQL):
            sys.stdout.write(json.dumps(row) + "\n")
    finally:
        engine.close()


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2])
