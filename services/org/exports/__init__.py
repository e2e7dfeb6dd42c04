"""Exports of an organisation's audit log: ordered, made in the background, fetched by a signed link.

What lives here: AuditExportService, the CSV, and the exporter, which makes what was ordered and deletes what
is over. What does not: the log.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from mesh.server import Service
from mesh.tasks import background
from sankofa.org.v1 import export_pb2
from sankofa.org.v1.export_pb2_grpc import add_AuditExportServiceServicer_to_server
from services.org.callers import Callers
from services.org.exports.core import Exports
from services.org.exports.exporter import Exporter
from services.org.exports.links import Links
from services.org.exports.service import AuditExportServicer
from storage.blobs.folder import BlobFolder
from storage.records.exports import ExportRecords


def build_exports(
    *,
    region: str,
    stack: AsyncExitStack,
    callers: Callers,
    records: ExportRecords,
    files: BlobFolder,
    secret: bytes,
    every_s: float,
) -> Service:
    """Wires the service and starts the exporter. `secret`: what the key of the links is derived from."""
    exporter = Exporter(records=records, files=files, every_s=every_s)
    background(exporter.run(), name="audit exports", stack=stack)
    exports = Exports(
        callers=callers, records=records, files=files, exporter=exporter, links=Links(secret, region)
    )
    return Service(
        add_AuditExportServiceServicer_to_server,
        AuditExportServicer(exports=exports),
        export_pb2.DESCRIPTOR.services_by_name["AuditExportService"],
    )
