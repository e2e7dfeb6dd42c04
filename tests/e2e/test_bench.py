"""`residency bench ingest`, short: its structure, and that the store holds what was acknowledged."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

RATES = ("per_second", "floor_per_second", "ratio", "stored_per_second", "stored_ratio")
ARGUMENTS = ("--seconds", "1", "--rounds", "1", "-c", "16", "--json")


def test_the_benchmark_stores_exactly_what_it_saw_acknowledged(tmp_path: Path) -> None:
    assert shutil.which("wrk"), "the load generator is missing: install the Debian package `wrk`"
    command = (sys.executable, "-m", "cli.main", "bench", "ingest", *ARGUMENTS, "--folder", str(tmp_path))
    ran = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert report["equal"] and report["stored"] == report["acknowledged"] > 0
    assert report["generator"] == "wrk" and report["generator_version"] != "unknown"
    loads = [(row["what"], row["events_per_request"], row["connections"]) for row in report["rows"]]
    assert loads == [("single events", 1, 16), ("batches of 100", 100, 16), ("batches of 1000", 1000, 16)]
    for row in report["rows"]:
        assert row["acknowledged"] > 0 and all(row[rate] > 0 for rate in RATES)
        assert (row["refused"], row["broken"]) == (0, 0)
        assert set(row["cpu_s_per_million"]) == {"rest", "cell", "wrk"}
        assert 0 < row["latency"]["p50_ms"] <= row["latency"]["p99_ms"] <= row["latency"]["p999_ms"]
    queryable = report["queryable"]
    assert queryable["probes"] > 0 and 0 < queryable["p50_ms"] <= queryable["p99_ms"]
    assert not list(tmp_path.iterdir()), "the benchmark left its folder behind"
