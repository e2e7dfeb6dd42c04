"""Sessions: thin routes that find an account's home in its tokens, and ask it."""

from __future__ import annotations

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.directory import Directory
from mesh.errors import Unauthenticated
from mesh.tokens import MEMBER, USER, verify
from sankofa.org.v1.session_pb2 import (
    ChangePasswordRequest,
    EndSessionRequest,
    ListSessionsRequest,
    RefreshRequest,
    RefreshResponse,
    Session,
    SignOutRequest,
)
from services.rest import render
from services.rest.cells import Cells
from services.rest.routing import bearer, home_of_caller, read_json, reply, resource


class Refresh(msgspec.Struct):
    """POST /api/v1/auth/refresh."""

    refresh_token: str


class SignOut(msgspec.Struct):
    """POST /api/v1/auth/signout."""

    everywhere: bool = False


class NewPassword(msgspec.Struct):
    """POST /api/v1/auth/password."""

    old_password: str
    new_password: str


class Sessions:
    """What somebody does about their own sessions."""

    def __init__(self, *, directory: Directory, cells: Cells) -> None:
        self._directory = directory
        self._cells = cells

    def routes(self) -> list[Route]:
        """Every route of sessions."""
        return [
            resource("/api/v1/auth/refresh", POST=self.refresh),
            resource("/api/v1/auth/signout", POST=self.sign_out),
            resource("/api/v1/auth/password", POST=self.change_password),
            resource("/api/v1/auth/sessions", GET=self.list_sessions),
            resource("/api/v1/auth/sessions/{session_id}", DELETE=self.end_session),
        ]

    async def refresh(self, http: HttpRequest) -> Response:
        """The next pair of tokens, from the region that the token names, or where its account went."""
        token = (await read_json(http, Refresh)).refresh_token
        region = token.partition(".")[2].partition(".")[0]
        if self._directory.region(region) is None:
            raise Unauthenticated
        tokens = await self._cells.following(region, lambda home: self._refreshed(home, token))
        return reply({"ok": True, "token": tokens.token, "refresh_token": tokens.refresh_token})

    async def _refreshed(self, home: str, token: str) -> RefreshResponse:
        request = RefreshRequest(region=home, refresh_token=token)
        return await self._cells.call((await self._cells.sessions(home)).Refresh, request)

    async def sign_out(self, http: HttpRequest) -> Response:
        """Ends this session, or all of the account's."""
        token, home = self._issuer(http)
        body = await read_json(http, SignOut)
        request = SignOutRequest(region=home, everywhere=body.everywhere)
        await self._cells.call((await self._cells.sessions(home)).SignOut, request, token=token)
        return reply({"ok": True})

    async def change_password(self, http: HttpRequest) -> Response:
        """Another password; all other sessions end."""
        token, home = home_of_caller(http, self._directory)
        body = await read_json(http, NewPassword)
        request = ChangePasswordRequest(
            region=home, old_password=body.old_password, new_password=body.new_password
        )
        await self._cells.call((await self._cells.sessions(home)).ChangePassword, request, token=token)
        return reply({"ok": True})

    async def list_sessions(self, http: HttpRequest) -> Response:
        """The account's sessions, the last used first."""
        token, home = self._issuer(http)
        stub = await self._cells.sessions(home)
        listed = await self._cells.call(stub.ListSessions, ListSessionsRequest(region=home), token=token)
        return reply({"ok": True, "sessions": [_session(each) for each in listed.sessions]})

    async def end_session(self, http: HttpRequest) -> Response:
        """Ends one of the account's sessions."""
        token, home = self._issuer(http)
        request = EndSessionRequest(region=home, session_id=http.path_params["session_id"])
        await self._cells.call((await self._cells.sessions(home)).EndSession, request, token=token)
        return reply({"ok": True})

    def _issuer(self, http: HttpRequest) -> tuple[str, str]:
        """The caller's token, and the region that began its session: the home. Raises Unauthenticated.

        Of a single sign-on that is the region that was its organisation's primary then.
        """
        token = bearer(http)
        return token, verify(token, directory=self._directory, audience=(USER, MEMBER)).issuer_region


def _session(session: Session) -> render.Json:
    return {
        "id": session.session_id,
        "created_at": render.timestamp(session.created_at_unix_ms),
        "last_used_at": render.timestamp(session.last_used_at_unix_ms),
        "expires_at": render.timestamp(session.expires_at_unix_ms),
        "address": session.address,
        "user_agent": session.user_agent,
        "current": session.current,
        "org_id": session.org_id or None,
    }
