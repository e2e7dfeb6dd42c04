"""The projects of a region: created from tickets, their keys minted and revoked, who may use them followed.

What lives here: ProjectService, ApiTokenService, a project's audit log and what goes out of it, and the
receiving end of every region's access feed, which also says what plans grant. What does not: events.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Protocol

from mesh.node import Node
from mesh.server import Service
from mesh.signing import RowSigner
from mesh.tasks import background
from sankofa.ingest.v1 import access_pb2, api_token_pb2, project_audit_pb2, project_pb2
from sankofa.ingest.v1.access_pb2_grpc import add_AccessReceiptServiceServicer_to_server
from sankofa.ingest.v1.api_token_pb2_grpc import add_ApiTokenServiceServicer_to_server
from sankofa.ingest.v1.project_audit_pb2_grpc import add_ProjectAuditServiceServicer_to_server
from sankofa.ingest.v1.project_pb2_grpc import add_ProjectServiceServicer_to_server
from services.ingest.plans import ToldPlans
from services.ingest.projects.access_feed import AccessFeed, AccessWriter
from services.ingest.projects.api_token_service import ApiTokenServicer
from services.ingest.projects.api_tokens import ApiTokens, TokenWriter
from services.ingest.projects.audit import ProjectAuditServicer
from services.ingest.projects.core import DirectoryWriter, OutboxPublisher, Projects
from services.ingest.projects.facts import ProjectFacts
from services.ingest.projects.grants import Grants
from services.ingest.projects.outgoing import Admins, Ways, build_outgoing
from services.ingest.projects.receipts import Receipts, ReceiptServicer
from services.ingest.projects.service import ProjectServicer
from storage.records.api_tokens import ApiTokenRecords
from storage.records.audit.reading import AuditRecords
from storage.records.projects import ProjectRecords


class ProjectsDirectory(DirectoryWriter, AccessWriter, TokenWriter, Protocol):
    """The cell's directory, as its one writer sees it."""


async def build(
    *,
    node: Node,
    stack: AsyncExitStack,
    records: ProjectRecords,
    audit_records: AuditRecords,
    api_tokens: ApiTokenRecords,
    directory: ProjectsDirectory,
    publisher: OutboxPublisher,
    signer: RowSigner,
    ways: Ways,
    plans: ToldPlans,
) -> list[Service]:
    """Wires the service, restores the directory's own rows from the records and starts the access feeds.

    `plans` is told what these say.
    """
    facts = ProjectFacts(records=records, directory=directory)
    tokens = ApiTokens(records=api_tokens, directory=directory)
    projects = Projects(
        region=node.region,
        records=records,
        directory=directory,
        facts=facts,
        tokens=tokens,
        publisher=publisher,
        signer=signer,
        plans=plans,
    )
    await projects.restore()
    await tokens.restore()
    grants = Grants(records=records, directory=directory, facts=facts, plans=plans)
    receipts = Receipts()
    feed = AccessFeed(node=node, directory=directory, grants=grants, receipts=receipts, region=node.region)
    background(feed.run(), name="access feeds", stack=stack)
    descriptor = project_pb2.DESCRIPTOR.services_by_name["ProjectService"]
    audit = ProjectAuditServicer(directory=directory, records=audit_records)
    admins = Admins(directory=directory, records=records)
    outgoing = build_outgoing(region=node.region, stack=stack, admins=admins, ways=ways)
    return [
        *outgoing,
        Service(add_ProjectServiceServicer_to_server, ProjectServicer(projects=projects), descriptor),
        Service(
            add_ProjectAuditServiceServicer_to_server,
            audit,
            project_audit_pb2.DESCRIPTOR.services_by_name["ProjectAuditService"],
        ),
        Service(
            add_ApiTokenServiceServicer_to_server,
            ApiTokenServicer(tokens=tokens),
            api_token_pb2.DESCRIPTOR.services_by_name["ApiTokenService"],
        ),
        Service(
            add_AccessReceiptServiceServicer_to_server,
            ReceiptServicer(receipts=receipts),
            access_pb2.DESCRIPTOR.services_by_name["AccessReceiptService"],
        ),
    ]
