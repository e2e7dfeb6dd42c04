"""The audit logs: an organisation's, read by its Admins, and the proof of every chain of the region.

What lives here: OrgAuditService, AuditProofService, and the end of rows that are past their time. What does
not: how rows are written, which is in storage/records/change.py; and a project's log, which its own region
reads (services/ingest/projects).
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from mesh.server import Service
from mesh.tasks import background
from sankofa.org.v1 import audit_pb2
from sankofa.org.v1.audit_pb2_grpc import (
    add_AuditProofServiceServicer_to_server,
    add_OrgAuditServiceServicer_to_server,
)
from services.org.audit.core import OrgAudit
from services.org.audit.expiring import Expirer
from services.org.audit.proving import AuditProofServicer
from services.org.audit.service import OrgAuditServicer
from services.org.callers import Callers
from storage.records.audit.expiry import AuditExpiry
from storage.records.audit.reading import AuditRecords


def build_audit(
    *,
    stack: AsyncExitStack,
    callers: Callers,
    records: AuditRecords,
    expiry: AuditExpiry,
    expiry_every_s: float,
) -> list[Service]:
    """Wires both services, and starts what lets old rows go."""
    expirer = Expirer(records=expiry, every_s=expiry_every_s)
    background(expirer.run(), name="audit expiry", stack=stack)
    named = audit_pb2.DESCRIPTOR.services_by_name
    return [
        Service(
            add_OrgAuditServiceServicer_to_server,
            OrgAuditServicer(audit=OrgAudit(callers=callers, records=records)),
            named["OrgAuditService"],
        ),
        Service(
            add_AuditProofServiceServicer_to_server,
            AuditProofServicer(records=records),
            named["AuditProofService"],
        ),
    ]
