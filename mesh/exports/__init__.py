"""Exports: a log as a file, ordered, made in the background, fetched by a signed link, gone after a day.

Knows neither whose log it is, nor where it and the file rest, nor how a file is written: a service says who
may (`ExportGate`), storage keeps orders, rows and files (`records.py`), and a `Form` writes.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from mesh.exports.core import ExportGate, Exports
from mesh.exports.exporter import Exporter, Form
from mesh.exports.handlers import ExportHandlers
from mesh.exports.links import Links
from mesh.exports.records import ExportRecords, Files
from mesh.numbered import R
from mesh.tasks import background


def start_exporter(
    *, stack: AsyncExitStack, records: ExportRecords[R], files: Files, form: Form[R], every_s: float
) -> Exporter[R]:
    """An exporter at work until `stack` closes."""
    exporter = Exporter(records=records, files=files, form=form, every_s=every_s)
    background(exporter.run(), name="audit exports", stack=stack)
    return exporter


def export_handlers(
    *,
    gate: ExportGate,
    records: ExportRecords[R],
    files: Files,
    exporter: Exporter[R],
    links: Links,
    messages: Any,
    whose: str,
) -> ExportHandlers:
    """The handlers of one kind of log, whose files an exporter makes."""
    exports = Exports(gate=gate, records=records, files=files, ordered=exporter.wake, links=links)
    return ExportHandlers(exports=exports, messages=messages, whose=whose)
