"""What a user may do in a project of this region, decided from the local directory alone."""

from __future__ import annotations

import time
from dataclasses import dataclass

from mesh.context import act_as
from mesh.directory import Directory
from mesh.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from mesh.permissions import ProjectAction, require
from mesh.tokens import USER, verify
from sankofa.org.v1.org_pb2 import ProjectRole
from sankofa.residency.v1.error_pb2 import ErrorReason


@dataclass(frozen=True, slots=True)
class Principal:
    """A user whose token and role in one project have been checked."""

    user_id: str
    home_region: str
    role: ProjectRole


def authorise(
    directory: Directory, token: str | None, project_id: str, action: ProjectAction, *, mutation: bool
) -> Principal:
    """The user behind a token, if their role in the project permits the action.

    Raises Unauthenticated (no or bad token, or one of a region that may not vouch for this user), NotFound
    (no such project here), Forbidden (role), Unavailable (the rows are past their lease: a mutation is not
    decided on them, and that a row is missing from them says nothing).
    """
    claims = verify(token, directory=directory, audience=USER)
    project = directory.project(project_id)
    if project is None:
        raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
    org = directory.org(project.org_id)
    fresh = org is not None and directory.access_fresh(org.primary_region)
    fact = directory.access(claims.subject, project_id)
    if not fresh and (mutation or fact is None):
        raise Unavailable(ErrorReason.ERROR_REASON_ACCESS_STALE)
    if fact is None:
        raise Forbidden(detail="you have no role in this project, one of its Admins can give you one")
    vouching = () if org is None else org.vouching(time.time_ns() // 1_000_000)
    if claims.issuer_region not in (fact.home_region, *vouching):
        raise Unauthenticated
    require(action, fact.role)
    act_as(claims.subject)
    return Principal(claims.subject, fact.home_region, fact.role)
