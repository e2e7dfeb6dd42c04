"""How an invitation is accepted: by an account that its home vouches for, or with a password."""

from __future__ import annotations

from collections.abc import Callable

from mesh.clock import wall_ms
from mesh.directory import Directory
from mesh.errors import Conflict, Forbidden, InvalidInput, Unauthenticated
from mesh.hints import LoginHints, normalise
from mesh.ids import new_id
from mesh.secrets import hash_of
from mesh.tokens import INTRODUCTION, verify
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.claims import Claims
from services.org.core import RegistryPublisher
from services.org.members.access_wait import AccessWait
from services.org.naming import require_password
from services.org.passwords import Passwords
from storage.records.members import Invitation, Joining, MemberRecords
from storage.records.orgs import Account, Membership
from storage.records.rows import hint_row


class Joinings:
    """Invitations to organisations whose primary region is `region`, accepted."""

    def __init__(
        self,
        *,
        region: str,
        records: MemberRecords,
        directory: Directory,
        publisher: RegistryPublisher,
        hints: LoginHints,
        passwords: Passwords,
        wait: AccessWait,
        claims: Claims,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._region = region
        self._records = records
        self._directory = directory
        self._publisher = publisher
        self._hints = hints
        self._passwords = passwords
        self._wait = wait
        self._claims = claims
        self._clock_ms = clock_ms

    async def accept(self, org_id: str, secret: str, *, introduction: str, password: str) -> Membership:
        """Uses an invitation up. Exactly one of `introduction` and `password` is given.

        Raises NotFound (INVITATION_NOT_FOUND), Unauthenticated (the introduction), Forbidden
        (INVITATION_OF_ANOTHER), Conflict (ALREADY_MEMBER, EMAIL_TAKEN), InvalidInput, Unavailable.
        """
        if bool(introduction) == bool(password):
            raise InvalidInput(detail="sign in to accept, or send a password for a new account")
        hashed = hash_of(secret)
        invitation = await self._records.invited(org_id, hashed, self._clock_ms())
        if introduction:
            member = await self._records.accept(org_id, hashed, self._introduced(introduction, invitation))
        else:
            require_password(password)
            async with self._claims.claiming(org_id):
                await self._records.require_open(org_id)
                joining = await self._new_account(password, invitation)
                member = await self._records.accept(org_id, hashed, joining)
        self._publisher.wake()
        await self._wait.told(org_id)
        return member

    def _introduced(self, introduction: str, invitation: Invitation) -> Joining:
        """Whom the account's home has introduced to this organisation, and to no other."""
        claims = verify(introduction, directory=self._directory, audience=INTRODUCTION)
        if claims.extra.get("org_id") != invitation.org_id:
            raise Unauthenticated
        email = str(claims.extra.get("email", ""))
        if normalise(email) != invitation.email_key:
            raise Forbidden(ErrorReason.ERROR_REASON_INVITATION_OF_ANOTHER)
        return Joining(claims.subject, email, claims.issuer_region, self._clock_ms())

    async def _new_account(self, password: str, invitation: Invitation) -> Joining:
        """Its home is here. Claims the e-mail at the registry first; killed then, a repeat completes."""
        hashed, hint = await self._passwords.hash(password), self._hints.hint(invitation.email)
        try:
            await self._publisher.put([hint_row(self._region, hint)])
        except Conflict:
            raise Conflict(ErrorReason.ERROR_REASON_EMAIL_TAKEN) from None
        now = self._clock_ms()
        account = Account(new_id("usr"), invitation.email, invitation.email_key, hashed, now)
        return Joining(account.user_id, account.email, self._region, now, account, hint)
