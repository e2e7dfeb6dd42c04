"""Who may: a user or an API token in a project of this region, from the local directory alone; operators."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from mesh.api_tokens import actor_of, is_api_token
from mesh.context import act_as, current
from mesh.directory import AccessFact, Directory, ProjectFact
from mesh.errors import CrossingRefused, Forbidden, NotFound, Unauthenticated, Unavailable
from mesh.identity import OPERATOR
from mesh.permissions import ProjectAction, require, require_for_token
from mesh.secrets import hash_of
from mesh.tokens import Claims, verify_person
from sankofa.org.v1.org_pb2 import ProjectRole
from sankofa.residency.v1.error_pb2 import ErrorReason


@dataclass(frozen=True, slots=True)
class Principal:
    """A user whose token and role in one project have been checked.

    Of an API token: `user_id` is token/tok_…, and it has no home region.
    """

    user_id: str
    home_region: str
    role: ProjectRole


def authorise(
    directory: Directory, token: str | None, project_id: str, action: ProjectAction, *, mutation: bool
) -> Principal:
    """The user or the API token behind a bearer token, if their role in the project permits the action.

    Raises Unauthenticated (no or bad token, or one of a region that may not vouch for this user), NotFound
    (no such project here), Forbidden (role), Unavailable (the rows are past their lease: a mutation is not
    decided on them, and that a row is missing from them says nothing).
    """
    if is_api_token(token):
        return _authorise_token(directory, token, project_id, action)
    project = directory.project(project_id)
    claims = verify_person(token, directory=directory, org_id=project.org_id if project else None)
    if project is None:
        raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
    org = directory.org(project.org_id)
    fact = _fact(directory, claims.subject, project, mutation=mutation)
    vouching = () if org is None else org.vouching(time.time_ns() // 1_000_000)
    require_vouched(claims, fact.home_region, vouching)
    require(action, fact.role)
    act_as(claims.subject)
    return Principal(claims.subject, fact.home_region, fact.role)


def authorise_known(directory: Directory, user_id: str, project_id: str, action: ProjectAction) -> Principal:
    """As `authorise`, of a person who is known by other means than a token, for what changes nothing."""
    project = directory.project(project_id)
    if project is None:
        raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
    fact = _fact(directory, user_id, project, mutation=False)
    require(action, fact.role)
    act_as(user_id)
    return Principal(user_id, fact.home_region, fact.role)


def _authorise_token(directory: Directory, token: str, project_id: str, action: ProjectAction) -> Principal:
    """An API token is the project's own: no other region has a say in it, so no lease can run out."""
    fact = directory.api_token(hash_of(token))
    if fact is None:
        raise Unauthenticated
    if directory.project(project_id) is None:
        raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
    if fact.project_id != project_id:
        raise Forbidden(detail="the API token is another project's")
    require(action, fact.role)
    require_for_token(action)
    actor = act_as(actor_of(fact.token_id))
    return Principal(actor.user_id, "", fact.role)


def require_operator() -> None:
    """Holds to the caller's certificate. Raises CrossingRefused(ROLE_FORBIDDEN)."""
    if current().caller.role != OPERATOR:
        raise CrossingRefused(ErrorReason.ERROR_REASON_ROLE_FORBIDDEN)


def _fact(directory: Directory, user_id: str, project: ProjectFact, *, mutation: bool) -> AccessFact:
    org = directory.org(project.org_id)
    fresh = org is not None and directory.access_fresh(org.primary_region)
    fact = directory.access(user_id, project.project_id)
    if not fresh and (mutation or fact is None):
        raise Unavailable(ErrorReason.ERROR_REASON_ACCESS_STALE)
    if fact is None:
        raise Forbidden(detail="you have no role in this project, one of its Admins can give you one")
    return fact


def require_vouched(claims: Claims, home_region: str, vouching: Sequence[str]) -> None:
    """Holds to whose word counts for a member: their home region's, and the organisation's (`vouching`).

    Without a home region only the organisation's single sign-on counts: the member has no account, or the
    organisation takes nothing else. Raises Unauthenticated, Forbidden(SSO_REQUIRED).
    """
    by_sso = claims.only_org is not None
    if not by_sso and not home_region:
        raise Forbidden(ErrorReason.ERROR_REASON_SSO_REQUIRED)
    if claims.issuer_region not in (vouching if by_sso else (home_region, *vouching)):
        raise Unauthenticated


def vouched(claims: Claims, home_region: str, vouching: Sequence[str]) -> bool:
    """Whether a token counts for a member, as `require_vouched` says."""
    try:
        require_vouched(claims, home_region, vouching)
    except (Unauthenticated, Forbidden):
        return False
    return True
