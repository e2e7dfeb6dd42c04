"""SsoService on the wire: parse, call, convert."""

from __future__ import annotations

from mesh.context import current
from sankofa.org.v1 import sso_pb2 as pb
from sankofa.org.v1.org_pb2 import Org, User
from sankofa.org.v1.sso_pb2_grpc import SsoServiceServicer
from services.org.sso.settings import Settings
from services.org.sso.signing_in import Came, SigningIn
from storage.records.sso import SsoSettings


class SsoServicer(SsoServiceServicer):
    """Handlers of one region."""

    def __init__(self, *, region: str, settings: Settings, signing_in: SigningIn) -> None:
        self._region = region
        self._settings = settings
        self._signing_in = signing_in

    async def GetSso(self, request: pb.GetSsoRequest, context: object) -> pb.GetSsoResponse:
        """What is set."""
        settings, redirect_uri = await self._settings.get(current().token, request.org_id)
        return pb.GetSsoResponse(settings=_message(settings), redirect_uri=redirect_uri)

    async def PutSso(self, request: pb.PutSsoRequest, context: object) -> pb.PutSsoResponse:
        """All of it."""
        wanted = _settings(request.settings)
        settings, redirect_uri = await self._settings.put(current().token, request.org_id, wanted)
        return pb.PutSsoResponse(settings=_message(settings), redirect_uri=redirect_uri)

    async def DeleteSso(self, request: pb.DeleteSsoRequest, context: object) -> pb.DeleteSsoResponse:
        """Whatever was set."""
        await self._settings.delete(current().token, request.org_id)
        return pb.DeleteSsoResponse()

    async def StartSso(self, request: pb.StartSsoRequest, context: object) -> pb.StartSsoResponse:
        """The way to the provider."""
        link = (current().token or "") if request.link else None
        begun = await self._signing_in.start(
            request.org_id, browser=request.browser, return_to=request.return_to, link=link
        )
        return pb.StartSsoResponse(url=begun.url, secure=begun.secure)

    async def FinishSso(self, request: pb.FinishSsoRequest, context: object) -> pb.FinishSsoResponse:
        """The way back."""
        came = Came(request.state, request.code, request.iss, request.error, request.browser)
        signed = await self._signing_in.finish(request.org_id, came)
        member, org = signed.member, signed.member.org
        return pb.FinishSsoResponse(
            token=signed.token,
            user=User(
                user_id=member.user_id,
                email=signed.email,
                home_region=member.home_region or self._region,
            ),
            org=Org(
                org_id=org.org_id,
                name=org.name,
                plan=org.plan,
                primary_region=self._region,
                role=member.role,
            ),
            return_to=signed.return_to,
        )


def _settings(message: pb.SsoSettings) -> SsoSettings:
    return SsoSettings(
        message.issuer,
        message.client_id,
        message.client_secret_name,
        message.default_role,
        tuple(message.allowed_domains),
        message.required,
    )


def _message(settings: SsoSettings) -> pb.SsoSettings:
    return pb.SsoSettings(
        issuer=settings.issuer,
        client_id=settings.client_id,
        client_secret_name=settings.client_secret_name,
        default_role=settings.default_role,
        allowed_domains=settings.allowed_domains,
        required=settings.required,
    )
