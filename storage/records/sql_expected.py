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
    mailed = (members.c.org_id == org_id, members.c.email_key == normalise(vouched.email))
    query = select(members.c.user_id).join_from(members, scim_users, named)
    user_id: str | None = await connection.scalar(
        query.where(*mailed, members.c.home_region == "", ~known).limit(1)
    )
    return user_id
