"""SsoRecords in SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.clock import wall_ms
from mesh.errors import Conflict
from mesh.hints import normalise
from mesh.permissions import org_role_name
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.residency.v1.error_pb2 import ErrorReason
from storage.records.change import org_change
from storage.records.engine import Database
from storage.records.members import Joining
from storage.records.orgs import Membership, OrgRecord
from storage.records.sql_access import refresh
from storage.records.sql_expected import expected
from storage.records.sql_memberships import insert_member, require_room
from storage.records.sql_orgs import SqlOrgRecords
from storage.records.sql_scim_tokens import end_token
from storage.records.sso import SignIn, SsoSettings, Vouched
from storage.records.tables import members, orgs, sso_identities, sso_settings, sso_sign_ins

MOST_SIGN_INS = 5_000
"""Of one organisation, begun and not ended: who begins more drives out the oldest of that organisation."""


class SqlSsoRecords:
    """Of the organisations whose primary region this is."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._orgs = SqlOrgRecords(database)

    async def org(self, org_id: str) -> OrgRecord | None:
        """As SsoRecords says."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(orgs).where(orgs.c.org_id == org_id))).one_or_none()
        return None if row is None else OrgRecord(row.org_id, row.name, row.plan, row.epoch, row.created_at)

    async def settings(self, org_id: str) -> SsoSettings | None:
        """As SsoRecords says."""
        async with self._database.read() as connection:
            return await _settings(connection, org_id)

    async def put_settings(self, org_id: str, settings: SsoSettings) -> None:
        """As SsoRecords says."""
        async with org_change(self._database, org_id) as change:
            connection = change.connection
            before = await _settings(connection, org_id)
            if before == settings:
                change.nothing()
                return
            await connection.execute(delete(sso_settings).where(sso_settings.c.org_id == org_id))
            await connection.execute(insert(sso_settings).values(org_id=org_id, **_values(settings)))
            await refresh(connection, org_id)
            action = "sso.created" if before is None else "sso.updated"
            change.note(action, "sso", org_id, before=_told(before), after=_told(settings))

    async def delete_settings(self, org_id: str) -> None:
        """As SsoRecords says."""
        async with org_change(self._database, org_id) as change:
            before = await _settings(change.connection, org_id)
            if before is None:
                change.nothing()
                return
            await change.connection.execute(delete(sso_settings).where(sso_settings.c.org_id == org_id))
            await end_token(change, org_id)
            await refresh(change.connection, org_id)
            change.note("sso.deleted", "sso", org_id, before=_told(before))

    async def begin(self, sign_in: SignIn, *, now_ms: int) -> None:
        """As SsoRecords says."""
        table, mine = sso_sign_ins, sso_sign_ins.c.org_id == sign_in.org_id
        newest = select(table.c.state_hash).where(mine).order_by(table.c.expires_at.desc())
        async with self._database.write() as connection:
            await connection.execute(delete(table).where(table.c.expires_at <= now_ms))
            too_many = newest.offset(MOST_SIGN_INS - 1)
            oldest = (await connection.scalars(too_many)).all()
            await connection.execute(delete(table).where(table.c.state_hash.in_(oldest)))
            await connection.execute(insert(table).values(_sign_in_values(sign_in)))

    async def take(self, org_id: str, state_hash: bytes, *, now_ms: int) -> SignIn | None:
        """As SsoRecords says."""
        table = sso_sign_ins
        this = delete(table).where(table.c.state_hash == state_hash, table.c.org_id == org_id)
        async with self._database.write() as connection:
            row = (await connection.execute(this.returning(*table.c))).one_or_none()
        return None if row is None or row.expires_at <= now_ms else _sign_in(row)

    async def home(self, org_id: str, user_id: str) -> str | None:
        """As SsoRecords says."""
        this = (members.c.org_id == org_id, members.c.user_id == user_id)
        async with self._database.read() as connection:
            found: str | None = await connection.scalar(select(members.c.home_region).where(*this))
        return found

    async def identity(self, org_id: str, vouched: Vouched) -> str | None:
        """As SsoRecords says."""
        async with self._database.read() as connection:
            return await _identity(connection, org_id, vouched)

    async def admit(self, org_id: str, vouched: Vouched, user_id: str, role: OrgRole) -> str:
        """As SsoRecords says."""
        async with org_change(self._database, org_id) as change:
            connection = change.connection
            if (known := await _identity(connection, org_id, vouched)) is not None:
                change.nothing()
                return known
            if await _email_is_a_members(connection, org_id, normalise(vouched.email)):
                raise Conflict(
                    ErrorReason.ERROR_REASON_SSO_LINK_NEEDED,
                    detail="a member has this e-mail: log in by password, then POST /api/v1/sso/link",
                )
            await require_room(connection, org_id)
            joining = Joining(user_id, vouched.email, home_region="", at_ms=wall_ms())
            await insert_member(connection, org_id, role, joining)
            await _know(connection, org_id, vouched, user_id)
            await refresh(connection, org_id)
            after = {"role": org_role_name(role), "email": vouched.email, "issuer": vouched.issuer}
            change.note("member.provisioned", "member", user_id, after=after)
            return user_id

    async def expected(self, org_id: str, vouched: Vouched) -> str | None:
        """As SsoRecords says."""
        async with self._database.read() as connection:
            return await expected(connection, org_id, vouched)

    async def claim(self, org_id: str, vouched: Vouched, user_id: str) -> None:
        """As SsoRecords says."""
        async with org_change(self._database, org_id) as change:
            connection = change.connection
            if await expected(connection, org_id, vouched) != user_id:
                raise Conflict(ErrorReason.ERROR_REASON_SSO_LINK_NEEDED, detail="begin again")
            this = (
                sso_identities.c.org_id == org_id,
                sso_identities.c.issuer == vouched.issuer,
                sso_identities.c.subject == vouched.subject,
            )
            before = await _identity(connection, org_id, vouched)
            await connection.execute(delete(sso_identities).where(*this))
            await _know(connection, org_id, vouched, user_id)
            after = {"issuer": vouched.issuer, "subject": vouched.subject}
            change.note("sso.identity.claimed", "member", user_id, before={"user_id": before}, after=after)

    async def link(self, org_id: str, vouched: Vouched, user_id: str) -> None:
        """As SsoRecords says."""
        async with org_change(self._database, org_id) as change:
            connection = change.connection
            known = await _identity(connection, org_id, vouched)
            if known == user_id:
                change.nothing()
                return
            if known is not None and await _is_member(connection, org_id, known):
                raise Conflict(
                    ErrorReason.ERROR_REASON_SSO_LINK_NEEDED,
                    detail="another member signs in as this person: an Admin has to remove that member first",
                )
            mine = (sso_identities.c.org_id == org_id, sso_identities.c.issuer == vouched.issuer)
            before = await connection.execute(
                delete(sso_identities)
                .where(*mine, sso_identities.c.user_id == user_id)
                .returning(sso_identities.c.subject)
            )
            replaced = [row.subject for row in before]
            if known is not None:
                this = update(sso_identities).where(*mine, sso_identities.c.subject == vouched.subject)
                await connection.execute(this.values(user_id=user_id))
            else:
                await _know(connection, org_id, vouched, user_id)
            after = {"issuer": vouched.issuer, "subject": vouched.subject}
            change.note("sso.identity.linked", "member", user_id, before={"subjects": replaced}, after=after)

    async def membership(self, org_id: str, user_id: str) -> Membership | None:
        """As SsoRecords says."""
        return await self._orgs.membership(org_id, user_id)


async def _settings(connection: AsyncConnection, org_id: str) -> SsoSettings | None:
    query = select(sso_settings).where(sso_settings.c.org_id == org_id)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return SsoSettings(
        row.issuer,
        row.client_id,
        row.client_secret_name,
        row.default_role,
        tuple(row.allowed_domains),
        row.required,
    )


def _values(settings: SsoSettings) -> dict[str, Any]:
    return {
        "issuer": settings.issuer,
        "client_id": settings.client_id,
        "client_secret_name": settings.client_secret_name,
        "default_role": settings.default_role,
        "allowed_domains": list(settings.allowed_domains),
        "required": settings.required,
    }


def _told(settings: SsoSettings | None) -> dict[str, Any] | None:
    """For the audit log: the secret's name is one of a file, and no secret."""
    if settings is None:
        return None
    return _values(settings) | {"default_role": org_role_name(settings.default_role)}


async def _identity(connection: AsyncConnection, org_id: str, vouched: Vouched) -> str | None:
    table = sso_identities
    query = select(table.c.user_id).where(
        table.c.org_id == org_id, table.c.issuer == vouched.issuer, table.c.subject == vouched.subject
    )
    found: str | None = await connection.scalar(query)
    return found


async def _know(connection: AsyncConnection, org_id: str, vouched: Vouched, user_id: str) -> None:
    values = {
        "org_id": org_id,
        "issuer": vouched.issuer,
        "subject": vouched.subject,
        "user_id": user_id,
        "email": vouched.email,
        "email_key": normalise(vouched.email),
        "created_at": wall_ms(),
    }
    await connection.execute(insert(sso_identities).values(values))


async def _is_member(connection: AsyncConnection, org_id: str, user_id: str) -> bool:
    this = (members.c.org_id == org_id, members.c.user_id == user_id)
    return await connection.scalar(select(members.c.user_id).where(*this)) is not None


async def _email_is_a_members(connection: AsyncConnection, org_id: str, email_key: str) -> bool:
    """Whether a member has it, in whatever spelling and whatever region their account is."""
    this = (members.c.org_id == org_id, members.c.email_key == email_key)
    return await connection.scalar(select(members.c.user_id).where(*this).limit(1)) is not None


def _sign_in_values(sign_in: SignIn) -> dict[str, Any]:
    return {
        "state_hash": sign_in.state_hash,
        "org_id": sign_in.org_id,
        "issuer": sign_in.issuer,
        "client_id": sign_in.client_id,
        "redirect_uri": sign_in.redirect_uri,
        "nonce": sign_in.nonce,
        "verifier": sign_in.verifier,
        "browser_hash": sign_in.browser_hash,
        "return_to": sign_in.return_to,
        "link_user_id": sign_in.link_user_id,
        "expires_at": sign_in.expires_at_ms,
    }


def _sign_in(row: Row[Any]) -> SignIn:
    return SignIn(
        row.state_hash,
        row.org_id,
        row.issuer,
        row.client_id,
        row.redirect_uri,
        row.nonce,
        row.verifier,
        row.browser_hash,
        row.return_to,
        row.link_user_id,
        row.expires_at,
    )
