"""Reassigning an organisation's primary region: what its Owner may ask, and what either region does then.

assignments.py answers Owners, audited.py an auditor. mover.py drives what leaves here, step by step, each on
disk before the next; sending.py is how it calls the other region. receiving.py takes what comes. What does
not live here: how rows are read, compared and erased (storage/records/moves), and who may call at all
(mesh/grants.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

from mesh.hints import LoginHints
from mesh.mail import Mailer
from mesh.node import Node
from mesh.server import Service
from mesh.signing import RowSigner, RowVerifier
from mesh.tasks import background
from sankofa.org.v1 import transfer_pb2
from sankofa.org.v1.transfer_pb2_grpc import (
    add_AssignmentServiceServicer_to_server,
    add_TransferAuditServiceServicer_to_server,
    add_TransferServiceServicer_to_server,
)
from services.org.callers import Callers
from services.org.claims import Claims
from services.org.core import Orgs, OwnDirectory, RegistryPublisher
from services.org.signal import ChangeSignal
from services.org.transfer.accounts import AccountMoves
from services.org.transfer.assignments import Assignments
from services.org.transfer.audited import TransferAuditServicer
from services.org.transfer.mover import Mover, Reached, nothing
from services.org.transfer.pointers import Pointers
from services.org.transfer.receiving import Receiver
from services.org.transfer.service import AssignmentServicer, TransferServicer
from storage.records.members import MemberRecords
from storage.records.records import Moves

__all__ = ["build_transfer"]


def build_transfer(
    *,
    node: Node,
    stack: AsyncExitStack,
    callers: Callers,
    orgs: Orgs,
    moves: Moves,
    directory: OwnDirectory,
    publisher: RegistryPublisher,
    signer: RowSigner,
    hints: LoginHints,
    changes: ChangeSignal,
    mailer: Mailer,
    forget_files: Callable[[], Awaitable[int]],
    members: MemberRecords,
    session_key: Callable[[str], bytes],
    claims: Claims,
    patience: timedelta,
    reached: Reached = nothing,
) -> list[Service]:
    """Wires both ends, and goes on with what was under way when the process ended."""
    verifier = RowVerifier(node.credentials.authorities)
    accounts = AccountMoves(
        region=node.region,
        accounts=moves.accounts,
        pointers=Pointers(node=node, directory=directory, accounts=moves.accounts, members=members),
        hints=hints,
        signer=signer,
        session_key=session_key,
        reached=reached,
    )
    mover = Mover(
        node=node,
        moves=moves,
        directory=directory,
        publisher=publisher,
        signer=signer,
        verifier=verifier,
        changes=changes,
        mailer=mailer,
        forget_files=forget_files,
        accounts=accounts,
        claims=claims,
        patience=patience,
        reached=reached,
    )
    background(mover.run(), name="org mover", stack=stack)
    receiver = Receiver(
        region=node.region,
        moves=moves,
        directory=directory,
        publisher=publisher,
        signer=signer,
        verifier=verifier,
        hints=hints,
        changes=changes,
        reached=reached,
    )
    assignments = Assignments(
        region=node.region, callers=callers, orgs=orgs, directory=directory, moves=moves, mover=mover
    )
    services = transfer_pb2.DESCRIPTOR.services_by_name
    return [
        Service(
            add_AssignmentServiceServicer_to_server,
            AssignmentServicer(region=node.region, assignments=assignments),
            services["AssignmentService"],
        ),
        Service(
            add_TransferServiceServicer_to_server,
            TransferServicer(receiver=receiver),
            services["TransferService"],
        ),
        Service(
            add_TransferAuditServiceServicer_to_server,
            TransferAuditServicer(region=node.region, moves=moves),
            services["TransferAuditService"],
        ),
    ]
