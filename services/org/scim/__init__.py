"""SCIM 2.0 (RFC 7643, 7644): an organisation's own directory says who its members and teams are.

What lives here: the directory's token, and what it may change. What does not: the protocol over HTTP
(services/rest/scim), and how people come in (services/org/sso). docs/sso.md says what becomes of whom.
"""

from __future__ import annotations

from mesh.server import Service
from sankofa.org.v1 import scim_pb2
from sankofa.org.v1.scim_pb2_grpc import (
    add_ScimServiceServicer_to_server,
    add_ScimTokenServiceServicer_to_server,
)
from services.org.callers import Callers
from services.org.members.access_wait import AccessWait
from services.org.scim.groups import Groups
from services.org.scim.service import ScimServicer, ScimTokenServicer
from services.org.scim.tokens import Tokens
from services.org.scim.users import Users
from storage.records.scim import ScimGroupRecords, ScimRecords
from storage.records.sso import SsoRecords


def build_scim(
    *,
    callers: Callers,
    records: ScimRecords,
    groups: ScimGroupRecords,
    sso: SsoRecords,
    wait: AccessWait,
) -> list[Service]:
    """Wires both services."""
    tokens = Tokens(records=records, sso=sso, callers=callers)
    servicer = ScimServicer(
        users=Users(records=records, sso=sso, tokens=tokens, wait=wait),
        groups=Groups(records=groups, tokens=tokens, wait=wait),
    )
    services = scim_pb2.DESCRIPTOR.services_by_name
    return [
        Service(add_ScimServiceServicer_to_server, servicer, services["ScimService"]),
        Service(
            add_ScimTokenServiceServicer_to_server, ScimTokenServicer(tokens), services["ScimTokenService"]
        ),
    ]
