"""The mirror of the region's audit logs in its analytics store: kept in step with the records, and read.

What lives here: copying, erasing, comparing and counting. What does not: how rows rest in the store
(storage/analytics/audit_mirror.py), and what the records know of it (storage/records/audit/mirrored.py).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from mesh.admin import Gauges
from mesh.server import Service
from mesh.tasks import background
from sankofa.ingest.v1 import audit_mirror_pb2
from sankofa.ingest.v1.audit_mirror_pb2_grpc import add_AuditMirrorServiceServicer_to_server
from services.ingest.mirror.comparing import Comparer
from services.ingest.mirror.copying import AuditMirror
from services.ingest.mirror.counting import Counter
from services.ingest.mirror.service import AuditMirrorServicer
from storage.analytics.audit_mirror import AuditMirrorStore
from storage.analytics.engine import Engine
from storage.records.audit.mirrored import MirrorRecords
from storage.records.audit.reading import AuditRecords

COUNT_EVERY_S = 3600.0
"""Between two counts of what the store should have."""


def build_mirror(
    *,
    stack: AsyncExitStack,
    engine: Engine,
    audit_records: AuditRecords,
    records: MirrorRecords,
    every_s: float,
    gauges: list[Gauges],
) -> list[Service]:
    """Starts the mirror, which runs until `stack` closes, and wires the service that compares it."""
    store = AuditMirrorStore(engine=engine)
    stack.push_async_callback(asyncio.to_thread, store.close)
    mirror = AuditMirror(records=records, store=store, every_s=every_s, count_every_s=COUNT_EVERY_S)
    background(mirror.run(), name="audit mirror", stack=stack)
    gauges.append(mirror.gauges)
    comparer = Comparer(audit=audit_records, records=records, store=store)
    counter = Counter(audit=audit_records, records=records, store=store)
    return [
        Service(
            add_AuditMirrorServiceServicer_to_server,
            AuditMirrorServicer(comparer=comparer, counter=counter),
            audit_mirror_pb2.DESCRIPTOR.services_by_name["AuditMirrorService"],
        )
    ]
