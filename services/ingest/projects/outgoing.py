"""What goes out of a project's audit log, from its own region: webhooks and exports, for its Admins."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from mesh.access import authorise, authorise_known
from mesh.directory import Directory
from mesh.errors import Unavailable
from mesh.exports import export_handlers, start_exporter
from mesh.exports.links import Links
from mesh.permissions import ProjectAction
from mesh.plans import Feature, require_feature
from mesh.server import Service
from mesh.webhooks import WayOut, start_webhooks
from mesh.webhooks.payload import Payload
from sankofa.project.v1 import export_pb2, webhook_pb2
from sankofa.project.v1.export_pb2_grpc import add_AuditExportServiceServicer_to_server
from sankofa.project.v1.webhook_pb2_grpc import add_WebhookServiceServicer_to_server
from storage.blobs.folder import BlobFolder
from storage.records.audit.public import row_json
from storage.records.audit.table import PROJECT_COLUMNS, Csv
from storage.records.projects import ProjectRecords
from storage.records.records import Deliveries

_EXPORTS, _WEBHOOKS = ProjectAction.EXPORT_PROJECT_AUDIT, ProjectAction.MANAGE_PROJECT_WEBHOOKS


@dataclass(frozen=True, slots=True)
class Ways:
    """Of the logs of this region's projects: cursors and orders, the folder of files, and the way out."""

    deliveries: Deliveries
    files: BlobFolder
    out: WayOut
    export_every_s: float


class Admins:
    """A WebhookGate and an ExportGate, decided from the region's own directory and records."""

    def __init__(self, *, directory: Directory, records: ProjectRecords) -> None:
        self._directory = directory
        self._records = records

    async def manager(self, token: str | None, scope: str, *, mutation: bool) -> None:
        """As WebhookGate says."""
        authorise(self._directory, token, scope, _WEBHOOKS, mutation=mutation)

    async def orders(self, token: str | None, scope: str) -> str:
        """As ExportGate says. Raises Unavailable until the organisation's region has told the plan."""
        principal = authorise(self._directory, token, scope, _EXPORTS, mutation=True)
        plan = await self._records.plan(scope)
        if plan is None:
            raise Unavailable(detail="the plan of the project's organisation is not known here yet")
        require_feature(plan, Feature.AUDIT_CSV)
        return principal.user_id

    async def sees(self, token: str | None, scope: str) -> str:
        """As ExportGate says."""
        return authorise(self._directory, token, scope, _EXPORTS, mutation=False).user_id

    async def still_sees(self, user_id: str, scope: str) -> str:
        """As ExportGate says."""
        return authorise_known(self._directory, user_id, scope, _EXPORTS).user_id


def build_outgoing(*, region: str, stack: AsyncExitStack, admins: Admins, ways: Ways) -> list[Service]:
    """Wires both services, and starts the deliverer and the exporter."""
    webhooks = start_webhooks(
        stack=stack,
        gate=admins,
        records=ways.deliveries.webhooks,
        cursors=ways.deliveries.cursors,
        payload=Payload("project_id", row_json),
        way=ways.out,
        messages=webhook_pb2,
    )
    exporter = start_exporter(
        stack=stack,
        records=ways.deliveries.exports,
        files=ways.files,
        form=Csv(PROJECT_COLUMNS),
        every_s=ways.export_every_s,
    )
    exports = export_handlers(
        gate=admins,
        records=ways.deliveries.exports,
        files=ways.files,
        exporter=exporter,
        links=Links(ways.out.secret, region),
        messages=export_pb2,
        whose="project_id",
    )
    return [
        Service(
            add_WebhookServiceServicer_to_server,
            webhooks,
            webhook_pb2.DESCRIPTOR.services_by_name["WebhookService"],
        ),
        Service(
            add_AuditExportServiceServicer_to_server,
            exports,
            export_pb2.DESCRIPTOR.services_by_name["AuditExportService"],
        ),
    ]
