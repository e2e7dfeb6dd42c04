"""Settings of ingest: section [ingest], environment SANKOFA_INGEST_*."""

from __future__ import annotations

from typing import Annotated

import msgspec


class IngestConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes and times of the region's way in."""

    writer_batch_rows: int = 50_000
    """Most rows of one insert into the analytics store."""

    writer_linger_ms: int = 250
    """Least time between two inserts, so that batches fill, milliseconds."""

    writer_busy_linger_ms: int = 1_000
    """The same where hundreds of rows wait: fewer and larger inserts leave the engine less to merge."""

    project_share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.8
    """The part of the log's bound that one project may hold while no other wants any; docs/pressure.md."""

    max_frames: Annotated[int, msgspec.Meta(ge=1)] = 4
    """Frames that are read at once, 64 MiB each at most; the next one waits its turn."""

    span_queue: int = 50_000
    """Spans that may wait for their insert; beyond it the oldest are dropped and counted."""

    span_flush_ms: int = 500
    """Time between two inserts of spans, milliseconds."""

    retention_look_s: float = 3_600.0
    """Time between two looks at the days that stored events carry, seconds. Changes of retention reach them
    with the next one. It rewrites the parts that hold them, so all changes of that time share it.
    """

    audit_mirror_every_s: float = 2.0
    """Time between two looks for rows of audit logs that the analytics store has no copy of, seconds."""

    usage_every_s: float = 2.0
    """How old the count of live events may be that an organisation's primary region has, seconds."""

    webhook_look_s: float = 1.0
    """Between two looks for rows of projects' audit logs that a webhook has not been sent, seconds."""

    export_look_s: float = 10.0
    """Between two looks for exports of projects' audit logs to make and files to delete, seconds."""

    ledger_flush_ms: int = 1_000
    """Time between two inserts of ledger counters, milliseconds."""
