"""Exports of an organisation's audit log: ordered, made in the background, fetched by a signed link.

What lives here: who may. What does not: how files are made (mesh/exports), what is in them
(storage/records/audit/table.py), and the log.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from mesh.exports import export_handlers, start_exporter
from mesh.exports.exporter import Exporter
from mesh.exports.links import Links
from mesh.permissions import OrgAction
from mesh.plans import Feature, require_feature
from mesh.server import Service
from sankofa.org.v1 import export_pb2
from sankofa.org.v1.export_pb2_grpc import add_AuditExportServiceServicer_to_server
from services.org.callers import Callers
from storage.blobs.folder import BlobFolder
from storage.records.audit.chain import AuditRow
from storage.records.audit.table import ORG_COLUMNS, Csv
from storage.records.records import Deliveries


class Admins:
    """An ExportGate: asked of the records at each request."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    async def orders(self, token: str | None, scope: str) -> str:
        """As ExportGate says."""
        member = await self._callers.member(token, scope, OrgAction.EXPORT_AUDIT)
        require_feature(member.org.plan, Feature.AUDIT_CSV)
        return member.user_id

    async def sees(self, token: str | None, scope: str) -> str:
        """As ExportGate says."""
        return (await self._callers.member(token, scope, OrgAction.EXPORT_AUDIT)).user_id

    async def still_sees(self, user_id: str, scope: str) -> str:
        """As ExportGate says."""
        return (await self._callers.member_by_id(user_id, scope, OrgAction.EXPORT_AUDIT)).user_id


def build_exporter(
    *, stack: AsyncExitStack, deliveries: Deliveries, files: BlobFolder, every_s: float
) -> Exporter[AuditRow]:
    """Starts what makes the files, and deletes them."""
    form = Csv(ORG_COLUMNS)
    return start_exporter(stack=stack, records=deliveries.exports, files=files, form=form, every_s=every_s)


def build_exports(
    *,
    callers: Callers,
    deliveries: Deliveries,
    files: BlobFolder,
    links: Links,
    exporter: Exporter[AuditRow],
) -> Service:
    """Wires the service."""
    handlers = export_handlers(
        gate=Admins(callers),
        records=deliveries.exports,
        files=files,
        exporter=exporter,
        links=links,
        messages=export_pb2,
        whose="org_id",
    )
    descriptor = export_pb2.DESCRIPTOR.services_by_name["AuditExportService"]
    return Service(add_AuditExportServiceServicer_to_server, handlers, descriptor)
