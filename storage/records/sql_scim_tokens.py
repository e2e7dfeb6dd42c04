"""The token of a directory, within a change of its organisation."""

from __future__ import annotations

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.records.change import Change
from storage.records.scim import ScimToken
from storage.records.tables import scim_tokens


async def token_of(connection: AsyncConnection, org_id: str) -> ScimToken | None:
    """The one that counts."""
    query = select(scim_tokens).where(scim_tokens.c.org_id == org_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else ScimToken(row.token_id, row.token_hash, row.created_at, row.created_by)


async def put_token(change: Change, org_id: str, token: ScimToken) -> None:
    """In the place of the one before."""
    values = {
        "token_id": token.token_id,
        "token_hash": token.token_hash,
        "created_at": token.created_at_ms,
        "created_by": token.created_by,
    }
    before = await token_of(change.connection, org_id)
    await change.connection.execute(delete(scim_tokens).where(scim_tokens.c.org_id == org_id))
    await change.connection.execute(insert(scim_tokens).values(org_id=org_id, **values))
    replaced = None if before is None else {"replaced": before.token_id}
    change.note("scim.token.created", "scim_token", token.token_id, before=replaced)


async def end_token(change: Change, org_id: str) -> bool:
    """Whether there was one."""
    before = await token_of(change.connection, org_id)
    if before is None:
        return False
    await change.connection.execute(delete(scim_tokens).where(scim_tokens.c.org_id == org_id))
    change.note("scim.token.revoked", "scim_token", before.token_id)
    return True
