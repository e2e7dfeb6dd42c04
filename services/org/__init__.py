"""Org: accounts and organisations of the region, and what they permit in projects anywhere.

What lives here: sign-up, login, membership, tickets for new projects, the access feed and the
reconciliation of cut-off creations. What does not: the projects themselves, which their regions keep.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from mesh.egress import Egress
from mesh.exports.links import Links
from mesh.hints import LoginHints
from mesh.mail import Mailer
from mesh.node import Node
from mesh.server import Service
from mesh.signing import RowSigner
from mesh.tasks import background
from mesh.tokens import TokenKey
from mesh.webhooks import WayOut
from sankofa.org.v1 import account_pb2, org_pb2, session_pb2
from sankofa.org.v1.account_pb2_grpc import add_AccountServiceServicer_to_server
from sankofa.org.v1.org_pb2_grpc import add_AccessServiceServicer_to_server, add_OrgServiceServicer_to_server
from sankofa.org.v1.session_pb2_grpc import add_SessionServiceServicer_to_server
from services.org.access import AccessServicer
from services.org.accounts.introductions import LIFETIME as INTRODUCED
from services.org.accounts.introductions import AccountServicer, Introductions
from services.org.audit import build_audit
from services.org.callers import Callers
from services.org.claims import Claims
from services.org.config import OrgConfig
from services.org.core import Orgs, OwnDirectory, RegistryPublisher
from services.org.exports import build_exporter, build_exports
from services.org.keys import build_keys
from services.org.members import build_members
from services.org.members.access_wait import AccessWait
from services.org.passwords import Passwords
from services.org.plans import build_plans
from services.org.reconcile import Reconciler
from services.org.scim import build_scim
from services.org.second_factor import build_second_factor
from services.org.service import OrgServicer
from services.org.sessions.core import Sessions
from services.org.sessions.passwords import PasswordChange
from services.org.sessions.service import SessionServicer
from services.org.sessions.tokens import new_secret
from services.org.signal import ChangeSignal
from services.org.signing import TokenSigner
from services.org.sso import build_sso
from services.org.throttle import LoginThrottle
from services.org.transfer import build_transfer
from services.org.transfer.words import Reached, nothing
from services.org.webhooks import build_webhooks
from storage.blobs.folder import BlobFolder
from storage.records.audit.expiry import AuditExpiry
from storage.records.audit.reading import AuditRecords
from storage.records.keys import KeyRecords
from storage.records.members import MemberRecords, TeamRecords
from storage.records.orgs import OrgRecords
from storage.records.plans import PlanRecords
from storage.records.records import Deliveries, Moves
from storage.records.scim import ScimGroupRecords, ScimRecords
from storage.records.second_factors import SecondFactorRecords
from storage.records.sessions import SessionRecords
from storage.records.sso import SsoRecords


async def build(
    *,
    config: OrgConfig,
    node: Node,
    stack: AsyncExitStack,
    records: OrgRecords,
    plans: PlanRecords,
    session_records: SessionRecords,
    keys: KeyRecords,
    second_factors: SecondFactorRecords,
    directory: OwnDirectory,
    publisher: RegistryPublisher,
    signer: RowSigner,
    hints: LoginHints,
    moves: Moves,
    deliveries: Deliveries,
    audit_records: AuditRecords,
    audit_expiry: AuditExpiry,
    egress: Egress,
    files: BlobFolder,
    secret: bytes,
    members: MemberRecords,
    teams: TeamRecords,
    mailer: Mailer,
    sso: SsoRecords,
    scim: ScimRecords,
    scim_groups: ScimGroupRecords,
    secrets_dir: Path | None = None,
    reached: Reached = nothing,
) -> list[Service]:
    """Wires the services, announces the region's own rows and starts what runs beside them.

    `secret`: the mesh's own, of which keys are derived (mesh/keyring.py).
    """
    # Before there may be a new token key: the secret was derived from the one of before.
    refresh_secret, passwords = await keys.refresh_secret(new_secret), Passwords()
    longest = max(config.token_lifetime, config.ticket_lifetime, INTRODUCED)
    key_rows = await keys.begin(TokenKey.generate(), longest)
    tokens = TokenSigner(region=node.region, records=keys, longest=longest)
    callers = Callers(region=node.region, records=records, directory=directory)
    changes = ChangeSignal()
    throttle, claims = LoginThrottle(), Claims()
    sessions = Sessions(
        region=node.region,
        records=session_records,
        directory=directory,
        publisher=publisher,
        signer=signer,
        tokens=tokens,
        refresh_secret=refresh_secret,
        token_lifetime=config.token_lifetime,
        idle=config.session_idle,
    )
    proving, second_factor = build_second_factor(
        region=node.region,
        records=second_factors,
        accounts=records,
        sessions=sessions,
        passwords=passwords,
        throttle=throttle,
        hints=hints,
        secret=secret,
    )
    orgs = Orgs(
        region=node.region,
        records=records,
        directory=directory,
        callers=callers,
        publisher=publisher,
        signer=signer,
        tokens=tokens,
        hints=hints,
        passwords=passwords,
        throttle=throttle,
        begin_session=sessions.begin,
        require_factor=proving.require,
        changes=changes,
        ticket_lifetime=config.ticket_lifetime,
    )
    await orgs.announce(key_rows)
    await sessions.announce()
    change = PasswordChange(
        accounts=records, passwords=passwords, sessions=sessions, throttle=throttle, hints=hints
    )
    reconciler = Reconciler(
        node=node,
        directory=directory,
        records=records,
        changes=changes,
        after_s=config.reconcile_after_s,
        every_s=config.reconcile_every_s,
    )
    background(reconciler.run(), name="org reconciler", stack=stack)
    exporter = build_exporter(stack=stack, deliveries=deliveries, files=files, every_s=config.export_look_s)
    transfer = build_transfer(
        node=node,
        stack=stack,
        callers=callers,
        orgs=orgs,
        moves=moves,
        directory=directory,
        publisher=publisher,
        signer=signer,
        hints=hints,
        changes=changes,
        mailer=mailer,
        forget_files=exporter.forget,
        members=members,
        session_key=sessions.key_of,
        claims=claims,
        patience=config.assign_patience,
        reached=reached,
    )
    wait = AccessWait(
        node=node, directory=directory, records=members, changes=changes, tell=sessions.tell, stack=stack
    )
    people = build_members(
        region=node.region,
        members=members,
        teams=teams,
        directory=directory,
        callers=callers,
        publisher=publisher,
        hints=hints,
        passwords=passwords,
        wait=wait,
        claims=claims,
        mailer=mailer,
    )
    introductions = Introductions(region=node.region, records=records, directory=directory, tokens=tokens)
    access = AccessServicer(records=records, changes=changes, heartbeat_s=config.heartbeat_s)
    services = org_pb2.DESCRIPTOR.services_by_name
    webhooks = build_webhooks(
        stack=stack,
        callers=callers,
        deliveries=deliveries,
        way=WayOut(egress, secret, config.webhook_look_s),
    )
    audit = build_audit(
        stack=stack,
        callers=callers,
        records=audit_records,
        expiry=audit_expiry,
        expiry_every_s=config.audit_expiry_every_s,
    )
    exports = build_exports(
        callers=callers,
        deliveries=deliveries,
        files=files,
        links=Links(secret, node.region),
        exporter=exporter,
    )
    token_keys = build_keys(
        node=node,
        stack=stack,
        records=keys,
        directory=directory,
        publisher=publisher,
        signer=signer,
        tokens=tokens,
        look_s=config.key_look_s,
    )
    return [
        *transfer,
        token_keys,
        webhooks,
        exports,
        *audit,
        *people,
        Service(
            add_AccountServiceServicer_to_server,
            AccountServicer(introductions=introductions),
            account_pb2.DESCRIPTOR.services_by_name["AccountService"],
        ),
        Service(
            add_OrgServiceServicer_to_server,
            OrgServicer(region=node.region, orgs=orgs),
            services["OrgService"],
        ),
        Service(
            add_SessionServiceServicer_to_server,
            SessionServicer(sessions=sessions, passwords=change),
            session_pb2.DESCRIPTOR.services_by_name["SessionService"],
        ),
        second_factor,
        Service(add_AccessServiceServicer_to_server, access, services["AccessService"]),
        build_sso(
            node=node,
            records=sso,
            callers=callers,
            egress=egress,
            secrets_dir=secrets_dir,
            changes=changes,
            begin_session=sessions.begin_sso,
            callback_url=config.sso_callback_url,
        ),
        *build_scim(callers=callers, records=scim, groups=scim_groups, sso=sso, wait=wait),
        *build_plans(callers=callers, orgs=orgs, records=plans),
    ]
