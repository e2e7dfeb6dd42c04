"""What an Owner sets, checked against the provider before it is kept."""

from __future__ import annotations

from mesh.allowlists import AllowLists
from mesh.egress import checked_url
from mesh.errors import InvalidInput, NotFound
from mesh.permissions import OrgAction
from mesh.plans import Feature, require_feature
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.callers import Callers
from services.org.signal import ChangeSignal
from services.org.sso.callback import Callback
from services.org.sso.provider import Providers
from storage.records.sso import SsoRecords, SsoSettings
from storage.secrets import SecretFiles

LONGEST_CLIENT_ID = 255


class Settings:
    """Of the organisations whose primary region this is."""

    def __init__(
        self,
        *,
        records: SsoRecords,
        callers: Callers,
        providers: Providers,
        secrets: SecretFiles,
        changes: ChangeSignal,
        callback: Callback,
    ) -> None:
        self._records = records
        self._callers = callers
        self._providers = providers
        self._secrets = secrets
        self._changes = changes
        self._callback = callback

    async def get(self, token: str | None, org_id: str) -> tuple[SsoSettings, str]:
        """What is set, and the redirect URI. Raises Forbidden, NotFound(SSO_NOT_SET)."""
        await self._callers.member(token, org_id, OrgAction.READ_SSO)
        settings = await self._records.settings(org_id)
        if settings is None:
            raise NotFound(ErrorReason.ERROR_REASON_SSO_NOT_SET)
        return settings, self._callback.url()

    async def put(self, token: str | None, org_id: str, wanted: SsoSettings) -> tuple[SsoSettings, str]:
        """Sets all of it, as it was understood.

        Raises Forbidden (PLAN_REQUIRED too), InvalidInput (SSO_PROVIDER_UNUSABLE and EGRESS_REFUSED too),
        Unavailable.
        """
        member = await self._callers.member(token, org_id, OrgAction.SET_SSO)
        require_feature(member.org.plan, Feature.SSO)
        settings = _understood(wanted)
        await self._secrets.read(org_id, settings.client_secret_name)
        await self._providers.look_up(settings.issuer)
        await self._records.put_settings(org_id, settings)
        await self._changes.notify()
        return settings, self._callback.url()

    async def delete(self, token: str | None, org_id: str) -> None:
        """Ends it, on any plan. Raises Forbidden."""
        await self._callers.member(token, org_id, OrgAction.SET_SSO)
        await self._records.delete_settings(org_id)
        await self._changes.notify()


def _understood(wanted: SsoSettings) -> SsoSettings:
    issuer = checked_url(wanted.issuer)
    if issuer.query or issuer.fragment:
        raise InvalidInput(detail="issuer has no query and no fragment")
    if not 1 <= len(wanted.client_id) <= LONGEST_CLIENT_ID or not wanted.client_id.isprintable():
        raise InvalidInput(detail=f"client_id has 1 to {LONGEST_CLIENT_ID} printable characters")
    if wanted.default_role not in (OrgRole.ORG_ROLE_MEMBER, OrgRole.ORG_ROLE_ADMIN):
        raise InvalidInput(detail="default_role is member or admin: an Owner is made by an Owner")
    try:
        domains = AllowLists.of(domains=wanted.allowed_domains, networks=()).domains
    except ValueError as error:
        raise InvalidInput(detail=f"allowed_domains: {error}") from None
    # Many organisations share one issuer of a large provider: without a domain, anybody there could come in.
    if not domains or any(domain.startswith("*") for domain in domains):
        raise InvalidInput(detail="allowed_domains has at least one e-mail domain, each in full")
    return SsoSettings(
        wanted.issuer,
        wanted.client_id,
        wanted.client_secret_name,
        wanted.default_role,
        domains,
        wanted.required,
    )
