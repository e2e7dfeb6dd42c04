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


def start_exports(
    *,
    stack: AsyncExitStack,
    gate: ExportGate,
    records: ExportRecords[R],
    files: Files,
    form: Form[R],
    links: Links,
    every_s: float,
    messages: Any,
    whose: str,
    exporter: Exporter[R] | None = None,
) -> ExportHandlers:
    """The handlers of one kind of log, and an exporter at work, where none is yet, until `stack` closes."""
    if exporter is None:
        exporter = start_exporter(stack=stack, records=records, files=files, form=form, every_s=every_s)
    exports = Exports(gate=gate, records=records, files=files, ordered=exporter.wake, links=links)
    return ExportHandlers(exports=exports, messages=messages, whose=whose)
