"""`residency bench …`, short: the shape of each report and its own equalities, never a time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.questions import QUESTIONS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

RATES = ("per_second", "floor_per_second", "ratio", "stored_per_second", "stored_ratio")


def report_of(folder: Path, *arguments: str) -> Any:
    """Runs a benchmark to its end; nothing of it may be left."""
    assert shutil.which("wrk"), "the load generator is missing: install the Debian package `wrk`"
    command = (sys.executable, "-m", "cli.main", "bench", *arguments, "--json", "--folder", str(folder))
    ran = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, ran.stderr
    assert not list(folder.iterdir()), "the benchmark left its folder behind"
    return json.loads(ran.stdout)


def test_the_benchmark_stores_exactly_what_it_saw_acknowledged(tmp_path: Path) -> None:
    report = report_of(tmp_path, "ingest", "--seconds", "1", "--rounds", "1", "-c", "16")
    assert report["equal"] and report["stored"] == report["acknowledged"] > 0
    assert report["machine"]["generator"] == "wrk" and report["machine"]["generator_version"] != "unknown"
    loads = [(row["what"], row["events_per_request"], row["connections"]) for row in report["rows"]]
    assert loads == [("single events", 1, 16), ("batches of 100", 100, 16), ("batches of 1000", 1000, 16)]
    for row in report["rows"]:
        assert row["acknowledged"] > 0 and all(row[rate] > 0 for rate in RATES)
        assert (row["refused"], row["broken"]) == (0, 0)
        assert set(row["cpu_s_per_million"]) == {"rest", "cell", "wrk"}
        assert 0 < row["latency"]["p50_ms"] <= row["latency"]["p99_ms"] <= row["latency"]["p999_ms"]
    queryable = report["queryable"]
    assert queryable["probes"] > 0 and 0 < queryable["p50_ms"] <= queryable["p99_ms"]


def test_answers_over_http_say_what_the_same_sql_says(tmp_path: Path) -> None:
    report = report_of(tmp_path, "query", "--rows", "5000", "--seconds", "0.2", "--rounds", "1")
    assert report["machine"]["generator"] == "wrk"
    assert (report["store"]["rows"], report["store"]["people"]) == (5000, 50)
    names = [row["what"] for row in report["rows"]]
    assert names == [question.name for question in QUESTIONS]
    for row in report["rows"]:
        assert row["equal"] and row["answers"] > 0 and row["floor_answers"] > 0
        assert row["statements"] >= 1
        assert 0 < row["p50_ms"] <= row["p99_ms"] and 0 < row["floor_p50_ms"] <= row["floor_p99_ms"]
        assert row["overhead_ms"] == pytest.approx(row["p50_ms"] - row["floor_p50_ms"])
        assert set(row["cpu_ms"]) == {"rest", "cell"}


def test_the_log_takes_what_was_acknowledged_under_many_keys(tmp_path: Path) -> None:
    keys = ("-k", "100", "-k", "3000", "-r", "1", "-r", "2")
    report = report_of(tmp_path, "scale", *keys, "--seconds", "0.5", "--rounds", "1")
    assert [(row["keys"], row["regions"]) for row in report["rows"]] == [(100, 1), (3000, 1), (100, 2)]
    for row in report["rows"]:
        assert row["equal"] and row["acknowledged"] > 0
        assert set(row["cpu_us"]) == {"rest", "cell"}
        assert set(row["pss_mib"]) == {"registry", "router", "edge", "rest", "cell"}
        alone = [row["pss_mib"][role] for role in ("registry", "router", "edge")]
        of_regions = [row["pss_mib"][role] * row["regions"] for role in ("rest", "cell")]
        assert row["total_pss_mib"] == pytest.approx(sum(alone) + sum(of_regions))
        assert row["lookup_ratio"] == pytest.approx(row["lookup_us"] / report["rows"][0]["lookup_us"])
    assert report["rows"][1]["directory_bytes"] > report["rows"][0]["directory_bytes"]


def test_what_a_full_log_held_is_stored_after_a_kill(tmp_path: Path) -> None:
    report = report_of(tmp_path, "start", "--rounds", "1", "--log-mib", "16")
    assert len(report["rows"]) == 4
    for row in report["rows"]:
        assert row["ready_s"] > 0 and row["cpu_s"] > 0 and row["floor_cpu_s"] > 0
        assert row["ratio"] == pytest.approx(row["ready_s"] / row["floor_s"])
    full = report["full_log"]
    assert full["equal"] and full["stored"] == full["log"]["rows"] > 0
    assert 0 <= full["rows_at_kill"] <= full["log"]["rows"]
    assert full["ready_s"] > 0 and full["drained_s"] > 0
