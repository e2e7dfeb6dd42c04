"""The new region's half: takes what comes under a grant, and the organisation when it is handed over.

Whoever gets here has shown a good grant: the guard has checked its signature, its time and both ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mesh.clock import wall_ms
from mesh.errors import Conflict, Forbidden, InvalidInput
from mesh.hints import LoginHints
from mesh.identity import Identity
from mesh.sealing import NONCE_BYTES, SealingKey, info_of
from mesh.signing import RowSigner, RowVerifier
from sankofa.org.v1.transfer_pb2 import BeginResponse
from sankofa.registry.v1.registry_pb2 import Handover, SignedRow
from sankofa.residency.v1.error_pb2 import ErrorReason
from sankofa.residency.v1.grant_pb2 import OrgGrant
from services.org.core import OwnDirectory, RegistryPublisher
from services.org.signal import ChangeSignal
from services.org.transfer.words import Reached, key_message, operation_row
from storage.records.moves.arrivals import COPYING, Arrival
from storage.records.moves.rows import TableDigest
from storage.records.records import Moves


@dataclass(frozen=True, slots=True)
class Finished:
    """What the old region tells at the end: what it has left, for how long nothing could be changed."""

    left: Sequence[TableDigest]
    files_left: int
    write_pause_ms: int
    accounts: int

    @property
    def erased(self) -> bool:
        """Whether each table was counted, and nothing is there."""
        return bool(self.left) and not self.files_left and not any(each.rows for each in self.left)


class Receiver:
    """What comes to this region."""

    def __init__(
        self,
        *,
        region: str,
        moves: Moves,
        directory: OwnDirectory,
        publisher: RegistryPublisher,
        signer: RowSigner,
        verifier: RowVerifier,
        hints: LoginHints,
        changes: ChangeSignal,
        reached: Reached,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._region = region
        self._arrivals, self._accounts = moves.arrivals, moves.accounts
        self._directory = directory
        self._publisher = publisher
        self._signer = signer
        self._verifier = verifier
        self._hints = hints
        self._changes = changes
        self._reached = reached
        self._clock_ms = clock_ms
        self._keys: dict[str, SealingKey] = {}

    async def begin(self, grant: OrgGrant) -> BeginResponse:
        """A key to seal to. What was copied before is forgotten, unless the organisation is here already."""
        self._require_to_here(grant)
        source, now = Identity.parse(grant.source).region, self._clock_ms()
        await self._arrivals.begin(
            Arrival(grant.operation_id, grant.org_id, source, grant.epoch, COPYING, now)
        )
        key = self._keys[grant.operation_id] = SealingKey()
        self._reached("target begun")
        return BeginResponse(
            public_key=key.public_bytes,
            certificate_der=self._signer.certificate_der,
            signature=self._signer.sign_message(key_message(grant, key.public_bytes)),
        )

    async def put(self, grant: OrgGrant, cursor: int, nonce: bytes, sealed: bytes) -> None:
        """The next rows. Raises Conflict (out of turn, or the key is gone: begin again), InvalidInput."""
        body = self._open(grant, str(cursor), nonce, sealed)
        await self._arrivals.put(grant.operation_id, cursor, nonce, body)
        self._reached("target put")

    async def verify(self, grant: OrgGrant, tables: Sequence[TableDigest]) -> list[str]:
        """Tables that differ."""
        here = {
            each.table: each for each in await self._arrivals.digests(grant.operation_id, grant.digest_key)
        }
        there = {each.table: each for each in tables}
        return sorted(name for name in here | there if here.get(name) != there.get(name))

    async def take(self, grant: OrgGrant, word: Handover, tables: Sequence[TableDigest]) -> SignedRow:
        """The organisation is here: in records, access feed, directory, registry, in that order.

        So whoever is sent here by the registry finds it, and a guard that knows of it. Raises Forbidden,
        Conflict, Unavailable; a repeat goes on where the first one ended.
        """
        self._require_word(grant, word)
        if word.org_id != grant.org_id or word.epoch != grant.epoch:
            raise Forbidden(ErrorReason.ERROR_REASON_GRANT_INVALID)
        row = await self._arrivals.take(grant.operation_id, word, tables, grant.digest_key)
        self._reached("target taken")
        await self._changes.notify()
        signed = self._signer.sign(row)
        await self._directory.put_own_rows([signed])
        await self._publisher.put([row])
        self._reached("target published")
        self._publisher.wake()
        return signed

    def signer_row(self) -> SignedRow:
        """With what the row is checked."""
        return self._signer.signer_row()

    async def take_account(
        self, grant: OrgGrant, user_id: str, word: Handover, nonce: bytes, sealed: bytes
    ) -> None:
        """An account is here, with its memberships; then the registry says so. As `take`."""
        self._require_word(grant, word)
        if not word.login_hint:
            raise Forbidden(ErrorReason.ERROR_REASON_GRANT_INVALID)
        rows = self._open(grant, user_id, nonce, sealed)
        row = await self._accounts.take(user_id, word, rows, self._hints.hint)
        self._reached("target account taken")
        await self._changes.notify()
        await self._publisher.put([row])
        self._publisher.wake()

    async def finish(self, grant: OrgGrant, told: Finished) -> None:
        """The old region has nothing left: another operation may begin. Raises Conflict where it has."""
        if not told.erased:
            raise Conflict
        arrival = await self._arrivals.find(grant.operation_id)
        if arrival is None or not arrival.taken:
            raise Conflict
        begun = arrival.begun_at_ms
        await self._publisher.put(
            [operation_row(self._region, grant.org_id, grant.operation_id, begun, finished=True)]
        )
        self._reached("target released")
        await self._arrivals.finish(
            grant.operation_id,
            now_ms=self._clock_ms(),
            write_pause_ms=told.write_pause_ms,
            accounts=told.accounts,
        )
        self._keys.pop(grant.operation_id, None)

    async def abandon(self, grant: OrgGrant) -> None:
        """Nothing of it is here."""
        await self._arrivals.abandon(grant.operation_id)
        self._keys.pop(grant.operation_id, None)

    def _open(self, grant: OrgGrant, place: str, nonce: bytes, sealed: bytes) -> bytes:
        key = self._keys.get(grant.operation_id)
        if key is None:
            raise Conflict(ErrorReason.ERROR_REASON_TRANSFER_REPLAYED, detail="begin again")
        if len(nonce) != NONCE_BYTES:
            raise InvalidInput(detail=f"a nonce has {NONCE_BYTES} bytes")
        return key.open(sealed, info=info_of(grant.operation_id, grant.epoch, place, nonce))

    def _require_to_here(self, grant: OrgGrant) -> None:
        """Either end may call the other; what comes, comes from the source."""
        if Identity.parse(grant.target).region != self._region:
            raise Forbidden(ErrorReason.ERROR_REASON_GRANT_INVALID)

    def _require_word(self, grant: OrgGrant, word: Handover) -> None:
        self._require_to_here(grant)
        source = Identity.parse(grant.source).region
        if (word.from_region, word.to_region) != (source, self._region):
            raise Forbidden(ErrorReason.ERROR_REASON_GRANT_INVALID)
        self._verifier.check_handover(word)
