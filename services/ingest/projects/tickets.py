"""Tickets: one project, in one region, permitted by its organisation's primary region."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, cast

import jwt
import msgspec

from mesh.clock import wall_ms
from mesh.directory import AccessFact, Directory, OrgFact
from mesh.errors import Forbidden, Unauthenticated, Unavailable
from mesh.plans import Plan, is_plan
from mesh.tokens import PROVISION, verify
from sankofa.org.v1.org_pb2 import ProjectRole
from sankofa.residency.v1.error_pb2 import ErrorReason

WAIT_S, POLL_S = 2.0, 0.02
"""A new organisation's row may reach this directory a moment after its ticket does."""


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    org_id: str
    project_id: str
    name: str
    region: str
    role: int
    home_region: str
    epoch: int
    retention_days: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    plan: str = ""
    """Of both, what an older primary region does not say here its access feed will."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a verified ticket permits, and what its creator may do then."""

    primary_region: str
    name: str
    creator: AccessFact
    retention_days: int
    plan: Plan | None


async def read_ticket(token: str, *, directory: Directory, region: str, wait_s: float = WAIT_S) -> Ticket:
    """Raises Forbidden(TICKET_INVALID): forged, expired, of another region, or not by the primary region.

    Raises Unavailable where this directory does not come to know the organisation and its region's key.
    """
    kid, said = _unverified(token)
    org = await _organisation(directory, said, kid, wait_s)
    try:
        verify(token, directory=directory, audience=PROVISION)
    except Unauthenticated:
        raise _invalid() from None
    if said.iss not in org.vouching(wall_ms()) or said.region != region:
        raise _invalid()
    role = cast("ProjectRole", said.role)
    # The number is the issuer's. Whatever the primary of now has said of this role already is newer.
    epoch = said.epoch if said.iss == org.primary_region else 0
    creator = AccessFact(said.sub, said.project_id, said.org_id, role, said.home_region, epoch)
    plan = said.plan if is_plan(said.plan) else None
    return Ticket(org.primary_region, said.name, creator, said.retention_days, plan)


def _invalid() -> Forbidden:
    return Forbidden(ErrorReason.ERROR_REASON_TICKET_INVALID)


def _unverified(token: str) -> tuple[str, _Claims]:
    """The key's id and the claims, to know what to wait for. Nothing is believed yet."""
    try:
        kid = jwt.get_unverified_header(token).get("kid", "")
        return str(kid), msgspec.convert(jwt.decode(token, options={"verify_signature": False}), _Claims)
    except (jwt.InvalidTokenError, msgspec.ValidationError):
        raise _invalid() from None


async def _organisation(directory: Directory, said: _Claims, kid: str, wait_s: float) -> OrgFact:
    deadline = asyncio.get_running_loop().time() + wait_s
    while (org := directory.org(said.org_id)) is None or directory.jwt_key(said.iss, kid) is None:
        if org is not None and said.iss not in org.vouching(wall_ms()):
            raise _invalid()
        if asyncio.get_running_loop().time() >= deadline:
            raise Unavailable
        await asyncio.sleep(POLL_S)
    return org
