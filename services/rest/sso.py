"""Single sign-on: thin routes that ask the organisation's primary region, which any shim finds in the state.

Between the two visits a cookie holds the browser to its own sign-in (RFC 9700, 4.7): a link with somebody
else's code and state signs nobody in.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mesh.directory import Directory
from mesh.errors import InvalidInput, NotFound, Unauthenticated
from mesh.permissions import org_role_name
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.org.v1.sso_pb2 import (
    DeleteSsoRequest,
    FinishSsoRequest,
    GetSsoRequest,
    GetSsoResponse,
    PutSsoRequest,
    PutSsoResponse,
    SsoSettings,
    StartSsoRequest,
)
from sankofa.org.v1.sso_pb2_grpc import SsoServiceStub
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest import render
from services.rest.cells import Cells
from services.rest.primaries import Primaries
from services.rest.routing import bearer, read_json, reply, resource

COOKIE: Final = "sankofa_sso"
MAX_AGE_S: Final = 600
PATH: Final = "/api/v1"
_BROWSER = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch
_ROLES: Final = {"member": OrgRole.ORG_ROLE_MEMBER, "admin": OrgRole.ORG_ROLE_ADMIN}


class NewSso(msgspec.Struct):
    """PUT /api/v1/sso."""

    issuer: str
    client_id: str
    client_secret_name: str
    allowed_domains: list[str]
    default_role: str = "member"
    required: bool = False


class Link(msgspec.Struct):
    """POST /api/v1/sso/link."""

    org_id: str
    return_to: str = ""


class Sso:
    """Settings of an organisation, and the two visits of a sign-in."""

    def __init__(self, *, directory: Directory, cells: Cells, primaries: Primaries) -> None:
        self._directory = directory
        self._cells = cells
        self._primaries = primaries

    def routes(self) -> list[Route]:
        """Every route of single sign-on."""
        return [
            resource("/api/v1/sso", GET=self.get, PUT=self.put, DELETE=self.delete),
            resource("/api/v1/sso/link", POST=self.link),
            resource("/api/v1/auth/sso/start", GET=self.start),
            resource("/api/v1/auth/sso/callback", GET=self.callback),
        ]

    async def get(self, http: HttpRequest) -> Response:
        """What is set."""
        token, org_id = bearer(http), _org_id(http)
        sso = await self._of(await self._primaries.of(token, org_id))
        return reply(_told(await self._cells.call(sso.GetSso, GetSsoRequest(org_id=org_id), token=token)))

    async def put(self, http: HttpRequest) -> Response:
        """Sets all of it, once the provider has shown that it can be used."""
        token, org_id = bearer(http), _org_id(http)
        body = await read_json(http, NewSso)
        if body.default_role not in _ROLES:
            raise InvalidInput(detail="default_role is member or admin")
        settings = SsoSettings(
            issuer=body.issuer,
            client_id=body.client_id,
            client_secret_name=body.client_secret_name,
            default_role=_ROLES[body.default_role],
            allowed_domains=body.allowed_domains,
            required=body.required,
        )
        sso = await self._of(await self._primaries.of(token, org_id))
        request = PutSsoRequest(org_id=org_id, settings=settings)
        return reply(_told(await self._cells.call(sso.PutSso, request, token=token)))

    async def delete(self, http: HttpRequest) -> Response:
        """Ends it."""
        token, org_id = bearer(http), _org_id(http)
        sso = await self._of(await self._primaries.of(token, org_id))
        await self._cells.call(sso.DeleteSso, DeleteSsoRequest(org_id=org_id), token=token)
        return reply({"ok": True})

    async def start(self, http: HttpRequest) -> Response:
        """Begins a sign-in: a browser is sent on, anybody else is told where to."""
        return_to = http.query_params.get("return_to", "")
        return await self._begin(http, StartSsoRequest(org_id=_org_id(http), return_to=return_to))

    async def link(self, http: HttpRequest) -> Response:
        """Begins one that binds the provider's person to the account of the caller."""
        token, body = bearer(http), await read_json(http, Link)
        request = StartSsoRequest(org_id=body.org_id, return_to=body.return_to, link=True)
        return await self._begin(http, request, token)

    async def callback(self, http: HttpRequest) -> Response:
        """Ends it, and answers as a log-in does."""
        sent = http.query_params
        state, browser = sent.get("state", ""), http.cookies.get(COOKIE, "")
        org_id = state.partition(".")[0]
        fact = self._directory.org(org_id)
        if fact is None or not _BROWSER(browser):
            raise Unauthenticated(ErrorReason.ERROR_REASON_SSO_STATE_INVALID)
        if sent.get("iss") == "":
            raise InvalidInput(detail="iss is the issuer, or is not sent (RFC 9207)")  # empty is not absent
        request = FinishSsoRequest(
            org_id=org_id,
            state=state,
            code=sent.get("code", ""),
            iss=sent.get("iss", ""),
            error=sent.get("error", ""),
            browser=browser,
        )
        sso = await self._of(fact.primary_region)
        signed = await self._cells.call(sso.FinishSso, request)
        answer = {
            "ok": True,
            "token": signed.token,
            "user": render.user(signed.user),
            "orgs": [render.org(signed.org)],
            "return_to": signed.return_to or None,
        }
        return _private(reply(answer))

    async def _begin(self, http: HttpRequest, request: StartSsoRequest, token: str = "") -> Response:
        # The same for all tabs of a browser, so that two sign-ins at once both come to their end.
        known = http.cookies.get(COOKIE, "")
        request.browser = known if _BROWSER(known) else secrets.token_urlsafe(32)
        fact = self._directory.org(request.org_id)
        if fact is None:
            raise NotFound(ErrorReason.ERROR_REASON_SSO_NOT_SET)
        sso = await self._of(fact.primary_region)
        begun = await self._cells.call(sso.StartSso, request, token=token)
        shown = not token and "text/html" in http.headers.get("accept", "")
        answer = RedirectResponse(begun.url, 302) if shown else reply({"ok": True, "url": begun.url})
        answer.set_cookie(
            COOKIE,
            request.browser,
            max_age=MAX_AGE_S,
            path=PATH,
            secure=begun.secure,
            httponly=True,
            samesite="lax",
        )
        return _private(answer)

    async def _of(self, region: str) -> SsoServiceStub:
        return await self._cells.sso(region)


def _org_id(http: HttpRequest) -> str:
    org_id = http.query_params.get("org_id", "")
    if not org_id:
        raise InvalidInput(detail="org_id is required")
    return org_id


def _private(answer: Response) -> Response:
    """Kept by nobody on the way, and its address told to nobody."""
    answer.headers["cache-control"] = "no-store"
    answer.headers["referrer-policy"] = "no-referrer"
    return answer


def _told(found: GetSsoResponse | PutSsoResponse) -> render.Json:
    settings = found.settings
    return {
        "ok": True,
        "issuer": settings.issuer,
        "client_id": settings.client_id,
        "client_secret_name": settings.client_secret_name,
        "default_role": org_role_name(settings.default_role),
        "allowed_domains": list(settings.allowed_domains),
        "required": settings.required,
        "redirect_uri": found.redirect_uri,
    }
