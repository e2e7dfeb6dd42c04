"""SessionService on the wire: parse, call, convert."""

from __future__ import annotations

from mesh.context import current
from sankofa.org.v1 import session_pb2 as pb
from sankofa.org.v1.session_pb2_grpc import SessionServiceServicer
from services.org.sessions.core import Sessions
from services.org.sessions.passwords import PasswordChange


class SessionServicer(SessionServiceServicer):
    """Handlers of one region."""

    def __init__(self, *, sessions: Sessions, passwords: PasswordChange) -> None:
        self._sessions = sessions
        self._passwords = passwords

    async def Refresh(self, request: pb.RefreshRequest, context: object) -> pb.RefreshResponse:
        """The next pair."""
        tokens = await self._sessions.refresh(request.refresh_token)
        return pb.RefreshResponse(token=tokens.access, refresh_token=tokens.refresh)

    async def SignOut(self, request: pb.SignOutRequest, context: object) -> pb.SignOutResponse:
        """This one, or all."""
        await self._sessions.sign_out(current().token, everywhere=request.everywhere)
        return pb.SignOutResponse()

    async def ChangePassword(
        self, request: pb.ChangePasswordRequest, context: object
    ) -> pb.ChangePasswordResponse:
        """Whoever knows the old one."""
        await self._passwords.change(current().token, request.old_password, request.new_password)
        return pb.ChangePasswordResponse()

    async def ListSessions(self, request: pb.ListSessionsRequest, context: object) -> pb.ListSessionsResponse:
        """The caller's own account's."""
        caller, going_on = await self._sessions.list(current().token)
        sessions = [
            pb.Session(
                session_id=session.session_id,
                created_at_unix_ms=session.created_at_ms,
                last_used_at_unix_ms=session.last_used_at_ms,
                expires_at_unix_ms=session.expires_at_ms,
                address=session.address,
                user_agent=session.user_agent,
                current=session.session_id == caller.session_id,
                org_id=session.org_id,
            )
            for session in going_on
        ]
        return pb.ListSessionsResponse(sessions=sessions)

    async def EndSession(self, request: pb.EndSessionRequest, context: object) -> pb.EndSessionResponse:
        """One of the caller's own account."""
        await self._sessions.end(current().token, request.session_id)
        return pb.EndSessionResponse()
