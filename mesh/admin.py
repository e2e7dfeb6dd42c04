"""The admin port, loopback only: health with its reasons, and metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from mesh.ledger import Ledger
from sankofa.residency.v1.ledger_pb2 import Side, Verdict
from sankofa.residency.v1.options_pb2 import Plane

Scope = Mapping[str, Any]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Reasons = Callable[[], Mapping[str, str]]
"""Why a process is not ready, by part; empty when it is."""
Gauges = Callable[[], Mapping[str, float | str]]
"""Figures by name; a word, of a small set of them, is the label of a 1, and none is no figure at all."""


class MeshCollector(Collector):
    """The ledger's edges and the stores' gauges as Prometheus metrics; labels name regions and rpcs only."""

    def __init__(self, ledger: Ledger, gauges: Gauges) -> None:
        self._ledger = ledger
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        """Reads the counters as they are now."""
        labels = ("side", "caller_region", "callee_region", "rpc", "plane", "verdict")
        calls = CounterMetricFamily("sankofa_ledger_requests", "Requests by edge.", labels=labels)
        size = CounterMetricFamily("sankofa_ledger_bytes", "Bytes by edge.", labels=labels)
        for edge in self._ledger.report().edges:
            values = (
                Side.Name(edge.side).removeprefix("SIDE_").lower(),
                edge.caller_region,
                edge.callee_region,
                edge.rpc,
                Plane.Name(edge.plane).removeprefix("PLANE_"),
                Verdict.Name(edge.verdict).removeprefix("VERDICT_").lower(),
            )
            calls.add_metric(values, edge.requests)
            size.add_metric(values, edge.bytes)
        yield from (calls, size)
        for name, value in self._gauges().items():
            text = name.replace("_", " ")
            if isinstance(value, str):
                said = GaugeMetricFamily(f"sankofa_{name}", text, labels=(name.rpartition("_")[2],))
                if value:
                    said.add_metric((value,), 1)
                yield said
            else:
                yield GaugeMetricFamily(f"sankofa_{name}", text, value=value)


def admin_app(*, ledger: Ledger, reasons: Reasons, gauges: Gauges) -> Any:
    """An ASGI app: /healthz (lives), /readyz (200, or 503 with the reasons), /metrics."""
    registry = CollectorRegistry()
    registry.register(MeshCollector(ledger, gauges))

    async def app(scope: Scope, _receive: object, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/metrics":
            await _answer(send, 200, generate_latest(registry), CONTENT_TYPE_LATEST)
        elif scope["path"] in ("/healthz", "/readyz"):
            waiting = reasons() if scope["path"] == "/readyz" else {}
            body = msgspec.json.encode({"ok": not waiting, "waiting_for": waiting})
            await _answer(send, 503 if waiting else 200, body, "application/json")
        else:
            await _answer(send, 404, b'{"ok":false,"error":"Not found"}', "application/json")

    return app


async def _answer(send: Send, status: int, body: bytes, content_type: str) -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
