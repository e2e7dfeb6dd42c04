"""A home region vouches for a person to an organisation of any region, so that they can become its member."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from mesh.context import current
from mesh.directory import Directory
from mesh.errors import NotFound, Unauthenticated
from mesh.tokens import INTRODUCTION, USER, verify
from sankofa.org.v1.account_pb2 import IntroduceRequest, IntroduceResponse
from sankofa.org.v1.account_pb2_grpc import AccountServiceServicer
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.signing import TokenSigner
from storage.records.orgs import OrgRecords

LIFETIME: Final = timedelta(minutes=5)


class Introductions:
    """Of the accounts whose home is `region`."""

    def __init__(
        self, *, region: str, records: OrgRecords, directory: Directory, tokens: TokenSigner
    ) -> None:
        self._region = region
        self._records = records
        self._directory = directory
        self._tokens = tokens

    async def introduce(self, token: str | None, org_id: str) -> str:
        """A JWT of the audience "introduction" for one organisation: sub, email, org_id.

        Remembers to ask there for their membership. Raises Unauthenticated, NotFound.
        """
        claims = verify(token, directory=self._directory, audience=USER)
        account = await self._records.account_of(claims.subject)
        if claims.issuer_region != self._region or account is None:
            raise Unauthenticated
        if self._directory.org(org_id) is None:
            raise NotFound(ErrorReason.ERROR_REASON_ORG_NOT_FOUND)
        await self._records.point(account.user_id, org_id)
        said = {"sub": account.user_id, "email": account.email, "org_id": org_id}
        return await self._tokens.sign(said, audience=INTRODUCTION, lifetime=LIFETIME)


class AccountServicer(AccountServiceServicer):
    """AccountService on the wire."""

    def __init__(self, *, introductions: Introductions) -> None:
        self._introductions = introductions

    async def Introduce(self, request: IntroduceRequest, context: object) -> IntroduceResponse:
        """For five minutes."""
        introduction = await self._introductions.introduce(current().token, request.org_id)
        return IntroduceResponse(introduction=introduction)
