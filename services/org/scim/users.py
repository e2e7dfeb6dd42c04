"""Users of a directory: members of the organisation, and who was one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mesh.clock import wall_ms
from mesh.errors import InvalidInput, NotFound, SankofaError
from mesh.hints import normalise
from mesh.ids import new_id
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.members.access_wait import AccessWait
from services.org.naming import require_email
from services.org.scim.tokens import Tokens
from storage.records.scim import ScimFields, ScimPage, ScimRecords, ScimUser
from storage.records.sso import SsoRecords, SsoSettings

LONGEST: Final = 255
"""Characters of a name or a number of the directory's."""
MEMBER: Final = OrgRole.ORG_ROLE_MEMBER
OWNER: Final = OrgRole.ORG_ROLE_OWNER
NO_ROLE: Final = OrgRole.ORG_ROLE_UNSPECIFIED


class Users:
    """Of the organisations whose primary region this is. All methods take the directory's token.

    They raise Unauthenticated, Forbidden(PLAN_REQUIRED), Unavailable.
    """

    def __init__(
        self,
        *,
        records: ScimRecords,
        sso: SsoRecords,
        tokens: Tokens,
        wait: AccessWait,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._records = records
        self._sso = sso
        self._tokens = tokens
        self._wait = wait
        self._clock_ms = clock_ms

    async def page(self, token: str | None, org_id: str, page: ScimPage) -> tuple[list[ScimUser], int]:
        """Some of them, and how many there are."""
        await self._tokens.authenticate(token, org_id)
        return await self._records.users(org_id, page)

    async def create(self, token: str | None, org_id: str, fields: ScimFields) -> ScimUser:
        """A member under a user id of their own, who comes in by single sign-on.

        Raises InvalidInput, Conflict(ALREADY_MEMBER), NotFound(SSO_NOT_SET).
        """
        await self._tokens.authenticate(token, org_id)
        settings = _set(await self._sso.settings(org_id))
        fields = _understood(fields)
        _require_allowed(fields, settings)
        if fields.role == OWNER:
            raise _owners()
        if fields.role == NO_ROLE:
            fields = replace(fields, role=settings.default_role)
        user = await self._records.create_user(org_id, new_id("usr"), fields, self._clock_ms())
        await self._wait.told(org_id)
        return user

    async def replace(
        self, token: str | None, org_id: str, user_id: str, fields: ScimFields, version: str
    ) -> ScimUser:
        """All that the directory says of them; effective in all regions that can be reached when it answers.

        Raises InvalidInput, NotFound(MEMBER_NOT_FOUND), Conflict (ALREADY_MEMBER, LAST_OWNER,
        CHANGED_MEANWHILE), and NotFound(SSO_NOT_SET) for who is to be a member again.
        """
        await self._tokens.authenticate(token, org_id)
        fields, settings = _understood(fields), await self._sso.settings(org_id)

        def judges(before: ScimFields, after: ScimFields) -> None:
            if not after.active:
                return
            if after.role not in (NO_ROLE, before.role) and OWNER in (before.role, after.role):
                raise _owners()
            if not before.active or normalise(before.email) != normalise(after.email):
                _require_allowed(after, _set(settings))

        user, ended = await self._records.replace_user(
            org_id,
            user_id,
            fields,
            version=version,
            default_role=MEMBER if settings is None else settings.default_role,
            judges=judges,
            at_ms=self._clock_ms(),
        )
        await self._wait.told(org_id, ended)
        return user

    async def delete(self, token: str | None, org_id: str, user_id: str) -> None:
        """Raises NotFound(MEMBER_NOT_FOUND), Conflict(LAST_OWNER)."""
        await self._tokens.authenticate(token, org_id)
        ended = await self._records.delete_user(org_id, user_id)
        await self._wait.told(org_id, ended)


def _set(settings: SsoSettings | None) -> SsoSettings:
    if settings is None:
        raise NotFound(ErrorReason.ERROR_REASON_SSO_NOT_SET)
    return settings


def _understood(fields: ScimFields) -> ScimFields:
    """A user name that is an e-mail is one where no other is given. Raises InvalidInput."""
    name = fields.user_name.strip()
    for what, text, least in (("userName", name, 1), ("externalId", fields.external_id, 0)):
        if not least <= len(text) <= LONGEST or not text.isprintable():
            raise InvalidInput(detail=f"{what} has {least} to {LONGEST} printable characters")
    if not fields.email and "@" not in name:
        raise InvalidInput(detail="emails: one is needed where the userName is none")
    return replace(fields, user_name=name, email=require_email(fields.email or name))


def _require_allowed(fields: ScimFields, settings: SsoSettings) -> None:
    """Who can't come in by the provider is not made a member."""
    if normalise(fields.email).rpartition("@")[2] not in settings.allowed_domains:
        raise InvalidInput(detail="emails: of no domain that single sign-on allows (allowed_domains)")


def _owners() -> SankofaError:
    return InvalidInput(detail="roles: an Owner makes and unmakes Owners, a directory can't")
