"""Sessions of accounts whose home this region is: begun, refreshed, ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from mesh.clock import wall_ms
from mesh.context import origin
from mesh.errors import CrossingRefused, NotFound, SankofaError, Unauthenticated
from mesh.ids import new_id
from mesh.signing import RowSigner
from mesh.tokens import MEMBER, USER, ends_forgotten_ms, verify
from sankofa.registry.v1.registry_pb2 import Row
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.core import OwnDirectory, RegistryPublisher
from services.org.sessions.tokens import RefreshTokens, Tokens
from services.org.signing import TokenSigner
from storage.records.sessions import SessionRecord, SessionRecords

GRACE = timedelta(seconds=30)
"""How long a used refresh token is answered again with the same successor: an answer may have been lost."""

MOST_SESSIONS = 100
"""Of one account. A further one ends that which was used the longest time ago."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token it is; `session_id` is empty in a token that names none.

    `org_id`: they came by this organisation's single sign-on, and may do what concerns that; empty: by their
    account.
    """

    user_id: str
    session_id: str
    org_id: str = ""


class Sessions:
    """The sessions that `region` has begun."""

    def __init__(
        self,
        *,
        region: str,
        records: SessionRecords,
        directory: OwnDirectory,
        publisher: RegistryPublisher,
        signer: RowSigner,
        tokens: TokenSigner,
        refresh_secret: bytes,
        token_lifetime: timedelta,
        idle: timedelta,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._region = region
        self._records = records
        self._directory = directory
        self._publisher = publisher
        self._signer = signer
        self._signing = tokens
        self._refresh_tokens = RefreshTokens(region, refresh_secret)
        self._token_lifetime = token_lifetime
        self._idle_ms = int(idle.total_seconds() * 1000)
        self._clock_ms = clock_ms

    async def announce(self) -> None:
        """At start: the directory learns again which sessions have ended."""
        await self.tell(await self._records.ends(self._clock_ms()))

    async def begin(self, user_id: str) -> Tokens:
        """A new session of someone who has shown who they are. Raises CrossingRefused(ACCOUNT_MOVED)."""
        session = self._new(user_id, self._idle_ms)
        if not await self._records.begin(session):
            raise CrossingRefused(ErrorReason.ERROR_REASON_ACCOUNT_MOVED)
        await self._end_oldest(session)
        return await self._tokens(session)

    async def tell(self, ended: Sequence[Row]) -> None:
        """Of sessions that the records have ended.

        This region refuses at once, the registry away or not; the others as soon as it passes it on.
        """
        if ended:
            await self._directory.put_own_rows([self._signer.sign(row) for row in ended])
            self._publisher.wake()

    async def begin_sso(self, user_id: str, org_id: str, home_region: str) -> str | None:
        """One of who came by an organisation's single sign-on: an access token, and no refresh token.

        None for who is no member any more. `home_region`: of the account that is linked to it, which can end
        it too; empty where there is none.
        """
        session = self._new(user_id, int(self._token_lifetime.total_seconds() * 1000), org_id)
        if not await self._records.begin(session):
            return None
        await self._end_oldest(session)
        claims = {"sub": user_id, "sid": session.session_id, "org_id": org_id}
        if home_region:
            claims["home"] = home_region
        return await self._signing.sign(claims, audience=MEMBER, lifetime=self._token_lifetime)

    async def refresh(self, token: str) -> Tokens:
        """The successor of a refresh token, once.

        Shown again within GRACE while its successor is not used, the same successor: the answer was lost.
        Any other reuse ends the session: two hold what one should. Raises Unauthenticated(SESSION_ENDED), and
        CrossingRefused(ACCOUNT_MOVED): its detail is the region to ask, as soon as that has the account.
        """
        shown = self._refresh_tokens.read(token)
        now, where = self._clock_ms(), origin()
        session = await self._records.find(shown.session_id)
        if session is None:
            await self._follow(shown.session_id)
        carried = None if session is None else session.carried
        if carried is not None and shown.number <= carried.number:
            genuine = shown.made_with(carried.key)
        else:
            genuine = self._refresh_tokens.made(shown)
        if not genuine:
            raise Unauthenticated
        if session is None or session.expires_at_ms <= now or session.org_id:
            raise _ended()
        if shown.number == session.generation:
            used = replace(
                session,
                generation=session.generation + 1,
                last_used_at_ms=now,
                expires_at_ms=now + self._idle_ms,
                address=where.address,
                user_agent=where.user_agent,
            )
            if await self._records.advance(used, shown.number):
                return await self._tokens(used)
            session = await self._records.find(shown.session_id)
        again = session is not None and shown.number == session.generation - 1
        if session is not None and again and now - session.last_used_at_ms <= GRACE.total_seconds() * 1000:
            return await self._tokens(session)
        await self._end([shown.session_id])
        raise _ended()

    def key_of(self, session_id: str) -> bytes:
        """With what this region makes a session's refresh tokens: what goes along where its account moves."""
        return self._refresh_tokens.key_of(session_id)

    async def sign_out(self, token: str | None, *, everywhere: bool) -> None:
        """Ends the caller's session, or every one of the account; or of the single sign-on that it is.

        Raises CrossingRefused(ACCOUNT_MOVED) for every one of an account that has left since.
        """
        caller = await self._at_home(token)
        if everywhere and not caller.org_id:
            await self.end_all(caller.user_id)
            return
        going_on: Sequence[SessionRecord] = ()
        if everywhere:
            going_on = await self._records.of(caller.user_id, self._clock_ms(), org_id=caller.org_id)
        await self._end({caller.session_id, *(session.session_id for session in going_on)})

    async def end_all(self, user_id: str) -> int:
        """Ends those of an account, with its single sign-ons; how many were here. Raises CrossingRefused."""
        now = self._clock_ms()
        ended = await self._records.end_all(user_id, now, ends_forgotten_ms(now))
        await self.tell(ended)
        return sum(row.session_end.session_id != user_id for row in ended)

    async def list(self, token: str | None) -> tuple[Caller, Sequence[SessionRecord]]:
        """The caller, and the account's sessions that are going on; or those of its single sign-on."""
        caller = await self._at_home(token)
        return caller, await self._records.of(caller.user_id, self._clock_ms(), org_id=caller.org_id)

    async def end(self, token: str | None, session_id: str) -> None:
        """Ends one of the account's sessions. Raises NotFound(SESSION_NOT_FOUND)."""
        _, going_on = await self.list(token)
        if session_id not in {session.session_id for session in going_on}:
            raise NotFound(ErrorReason.ERROR_REASON_SESSION_NOT_FOUND)
        await self._end([session_id])

    async def change_password(self, caller: Caller, password_hash: str) -> None:
        """Writes another password; every session but the caller's ends. Raises CrossingRefused."""
        now = self._clock_ms()
        rows = await self._records.change_password(
            caller.user_id,
            password_hash,
            keep=caller.session_id,
            now_ms=now,
            forget_after_ms=ends_forgotten_ms(now),
        )
        await self.tell(rows)

    def caller(self, token: str | None) -> Caller:
        """Who asks about their own account. Raises Unauthenticated, for another region's token too."""
        caller = self.holder(token)
        if caller.org_id:
            raise Unauthenticated
        return caller

    def holder(self, token: str | None) -> Caller:
        """Who holds a session that this region has begun, also by single sign-on. Raises Unauthenticated."""
        claims = verify(token, directory=self._directory, audience=(USER, MEMBER))
        if claims.issuer_region != self._region:
            raise Unauthenticated
        return Caller(claims.subject, str(claims.extra.get("sid", "")), claims.only_org or "")

    def _new(self, user_id: str, lasts_ms: int, org_id: str = "") -> SessionRecord:
        now, where = self._clock_ms(), origin()
        return SessionRecord(
            session_id=new_id("ses"),
            user_id=user_id,
            generation=0,
            created_at_ms=now,
            last_used_at_ms=now,
            expires_at_ms=now + lasts_ms,
            address=where.address,
            user_agent=where.user_agent,
            org_id=org_id,
        )

    async def _end_oldest(self, begun: SessionRecord) -> None:
        going_on = await self._records.of(begun.user_id, begun.created_at_ms, org_id=begun.org_id)
        await self._end([old.session_id for old in going_on[MOST_SESSIONS:]])

    async def _at_home(self, token: str | None) -> Caller:
        """As `holder`. Raises Unauthenticated where the account has moved, too: a refresh helps."""
        caller = self.holder(token)
        if not caller.org_id and not await self._records.at_home(caller.user_id):
            raise Unauthenticated
        return caller

    async def _follow(self, session_id: str) -> None:
        """Raises CrossingRefused(ACCOUNT_MOVED) for a session that another region has by now."""
        region = await self._records.moved_to(session_id)
        if region is not None:
            raise CrossingRefused(ErrorReason.ERROR_REASON_ACCOUNT_MOVED, detail=region)

    async def _end(self, session_ids: Sequence[str] | set[str]) -> None:
        if session_ids:
            now = self._clock_ms()
            await self.tell(await self._records.end(list(session_ids), now, ends_forgotten_ms(now)))

    async def _tokens(self, session: SessionRecord) -> Tokens:
        claims = {"sub": session.user_id, "sid": session.session_id}
        access = await self._signing.sign(claims, audience=USER, lifetime=self._token_lifetime)
        return Tokens(access, self._refresh_tokens.make(session.session_id, session.generation))


def _ended() -> SankofaError:
    return Unauthenticated(ErrorReason.ERROR_REASON_SESSION_ENDED)
