"""Whom an organisation's directory has made a member and nobody has signed in as yet."""

from __future__ import annotations

from sqlalchemy import and_, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.hints import normalise
from storage.records.sso import Vouched
from storage.records.tables import members, scim_users, sso_identities


async def expected(connection: AsyncConnection, org_id: str, vouched: Vouched) -> str | None:
    """The user id of who has the e-mail that the provider vouches for.

    Nobody who has an account of their own, and nobody whom the provider knows by another subject: an e-mail
    gives nobody what is somebody's already.
    """
    named = and_(scim_users.c.org_id == members.c.org_id, scim_users.c.user_id == members.c.user_id)
    known = exists().where(
        sso_identities.c.org_id == org_id,
        sso_identities.c.issuer == vouched.issuer,
        sso_identities.c.user_id == members.c.user_id,
    )
    query = select(members.c.user_id, members.c.email).join_from(members, scim_users, named)
    waiting = query.where(members.c.org_id == org_id, members.c.home_region == "", ~known)
    email = normalise(vouched.email)
    for row in await connection.execute(waiting):
        if normalise(row.email) == email:
            user_id: str = row.user_id
            return user_id
    return None
