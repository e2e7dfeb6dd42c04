"""How the old region calls the new one: under a grant that it renews, rows sealed to the key it was given."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from mesh.client import GuardedChannel
from mesh.errors import Conflict
from mesh.grants import LONGEST, make_grant
from mesh.identity import Identity
from mesh.sealing import NONCE_BYTES, info_of, seal
from mesh.signing import RowSigner, RowVerifier
from sankofa.org.v1 import transfer_pb2 as pb
from sankofa.org.v1.transfer_pb2_grpc import TransferServiceStub
from sankofa.registry.v1.registry_pb2 import Handover, SignedRow
from sankofa.residency.v1.grant_pb2 import OrgGrant
from services.org.transfer.words import key_message, to_messages
from storage.records.moves.departures import Departure
from storage.records.moves.rows import TableDigest

LONG_S: Final = 60.0
"""What takes time by the row: 80 µs of CPU for each, measured with 20,000, comparing and taking together."""
RENEW_BEFORE: Final = timedelta(minutes=5)


class Sending:
    """One departure's calls to its new region. All raise SankofaError."""

    def __init__(
        self,
        *,
        departure: Departure,
        source: Identity,
        signer: RowSigner,
        verifier: RowVerifier,
        channel: GuardedChannel,
    ) -> None:
        self._departure = departure
        self._source, self._target = source, Identity(departure.to_region, "cell")
        self._signer, self._verifier = signer, verifier
        self._stub = TransferServiceStub(channel)
        self._grant: OrgGrant | None = None
        self._renew_at_s = 0.0
        self._sealed_to: bytes | None = None

    async def begin(self) -> None:
        """Asks for a key, and believes it if that region's row signer has signed it."""
        grant = self._permission()
        answer = await self._stub.Begin(pb.BeginRequest(grant=grant))
        message = key_message(grant, answer.public_key)
        self._verifier.check_message(self._target.region, answer.certificate_der, answer.signature, message)
        self._sealed_to = answer.public_key

    async def put(self, cursor: int, body: bytes) -> None:
        """Sends the next rows."""
        nonce, sealed = self._seal(str(cursor), body)
        await self._stub.Put(
            pb.PutRequest(grant=self._permission(), cursor=cursor, nonce=nonce, sealed=sealed)
        )

    async def verify(self, tables: Sequence[TableDigest]) -> list[str]:
        """Tables that differ there."""
        request = pb.VerifyRequest(grant=self._permission(), tables=to_messages(tables))
        return list((await self._stub.Verify(request, timeout=LONG_S)).differing)

    async def take(self, word: Handover, tables: Sequence[TableDigest]) -> SignedRow:
        """Hands the organisation over; the row that the registry has now, if its region has signed it."""
        request = pb.TakeRequest(grant=self._permission(), handover=word, tables=to_messages(tables))
        answer = await self._stub.Take(request, timeout=LONG_S)
        self._verifier.add(answer.signer)
        self._verifier.check(answer.row)
        row: SignedRow = answer.row
        return row

    async def take_account(self, user_id: str, word: Handover, rows: bytes) -> None:
        """Hands an account over."""
        nonce, sealed = self._seal(user_id, rows)
        await self._stub.TakeAccount(
            pb.TakeAccountRequest(
                grant=self._permission(), user_id=user_id, handover=word, nonce=nonce, sealed=sealed
            )
        )

    async def finish(self, left: Sequence[TableDigest], *, files_left: int) -> None:
        """Tells what is left here: nothing."""
        departure = self._departure
        await self._stub.Finish(
            pb.FinishRequest(
                grant=self._permission(),
                left=to_messages(left),
                write_pause_ms=departure.write_pause_ms,
                accounts=departure.accounts,
                files_left=files_left,
            )
        )

    async def abandon(self) -> None:
        """Tells that it stays here."""
        await self._stub.Abandon(pb.AbandonRequest(grant=self._permission()))

    def follow(self, departure: Departure) -> None:
        """Takes the departure as it is now."""
        self._departure = departure

    def _permission(self) -> OrgGrant:
        if self._grant is None or time.monotonic() >= self._renew_at_s:
            departure = self._departure
            self._grant = make_grant(
                signer=self._signer,
                org_id=departure.org_id,
                operation_id=departure.operation_id,
                epoch=departure.epoch,
                source=self._source,
                target=self._target,
                digest_key=departure.digest_key,
            )
            self._renew_at_s = time.monotonic() + (LONGEST - RENEW_BEFORE).total_seconds()
        return self._grant

    def _seal(self, place: str, plain: bytes) -> tuple[bytes, bytes]:
        if self._sealed_to is None:
            raise Conflict(detail="nothing has begun")
        nonce = secrets.token_bytes(NONCE_BYTES)
        info = info_of(self._departure.operation_id, self._departure.epoch, place, nonce)
        return nonce, seal(plain, self._sealed_to, info=info)
