"""The registry rows that say what the records hold: the same for the outbox and for the directory."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sankofa.registry.v1.registry_pb2 import ApiKey, Handover, JwtKey, LoginHint, Org, Pin, Row
from storage.records.orgs import OrgRecord
from storage.records.projects import KeyRecord, ProjectRecord
from storage.records.tables import org_handovers, orgs


def pin_row(project: ProjectRecord) -> Row:
    """Where a project is."""
    return Row(region=project.region, pin=Pin(project_id=project.project_id, org_id=project.org_id))


def key_row(region: str, key: KeyRecord) -> Row:
    """Which project a key opens, or that it opens nothing any more."""
    fact = ApiKey(
        key_hash=key.key_hash,
        key_id=key.key_id,
        project_id=key.project_id,
        environment=key.environment,
        revoked=key.revoked_at_ms is not None,
    )
    return Row(region=region, api_key=fact)


def org_row(region: str, org: OrgRecord) -> Row:
    """That this is an organisation's primary region."""
    return Row(region=region, org=Org(org_id=org.org_id, epoch=org.epoch))


async def moved_org_row(connection: AsyncConnection, region: str, org_id: str) -> Row:
    """The same, with how it came here."""
    epoch = (await connection.execute(select(orgs.c.epoch).where(orgs.c.org_id == org_id))).scalar_one()
    words = await words_of(connection, org_handovers, org_handovers.c.org_id == org_id)
    return Row(region=region, org=Org(org_id=org_id, epoch=epoch, handovers=words))


async def words_of(connection: AsyncConnection, table: Table, these: ColumnElement[bool]) -> list[Handover]:
    """How something came here, in order."""
    found = await connection.scalars(select(table.c.word).where(these).order_by(table.c.epoch))
    return [Handover.FromString(word) for word in found]


def hint_row(region: str, hint: str, handovers: Sequence[Handover] = ()) -> Row:
    """That an account's home is here, and how it came to be."""
    return Row(region=region, login_hint=LoginHint(hint=hint, handovers=handovers))


def jwt_key_row(region: str, kid: str, public_key: bytes, *, retired: bool = False) -> Row:
    """With what the region's tokens are verified, or are no more."""
    return Row(region=region, jwt_key=JwtKey(kid=kid, public_key=public_key, retired=retired))
