"""Drives what leaves this region, step by step. Each step is on disk before the next, and may be repeated."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

from mesh.clock import wall_ms
from mesh.errors import Conflict, SankofaError, Unavailable
from mesh.mail import Mailer
from mesh.node import Node
from mesh.signing import RowSigner, RowVerifier
from sankofa.org.v1 import transfer_pb2 as pb
from sankofa.registry.v1.registry_pb2 import Handover
from services.org.claims import Claims
from services.org.core import OwnDirectory, RegistryPublisher
from services.org.signal import ChangeSignal
from services.org.transfer.accounts import AccountMoves
from services.org.transfer.sending import Sending
from services.org.transfer.words import Reached, new_word, nothing, operation_row
from storage.records.moves.departures import Departure
from storage.records.moves.rows import encode
from storage.records.records import Moves

__all__ = ["Mover", "Reached", "nothing"]

_log = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 0.1
LAST_RETRY_S: Final = 2.0
LOOK_EVERY_S: Final = 5.0
MIRROR_WAIT_S: Final = 15.0
MIRROR_POLL_S: Final = 0.2
_IN_FLIGHT: Final = "another operation on the organisation is in flight: wait until it is done"


class Mover:
    """One task for each departure. `patience`: how long one may be fenced before it is given up.

    `forget_files` deletes the files of what has no rows here any more; how many are left.
    """

    def __init__(
        self,
        *,
        node: Node,
        moves: Moves,
        directory: OwnDirectory,
        publisher: RegistryPublisher,
        signer: RowSigner,
        verifier: RowVerifier,
        changes: ChangeSignal,
        mailer: Mailer,
        forget_files: Callable[[], Awaitable[int]],
        accounts: AccountMoves,
        claims: Claims,
        patience: timedelta,
        reached: Reached,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._node = node
        self._departures = moves.departures
        self._directory = directory
        self._publisher = publisher
        self._signer, self._verifier = signer, verifier
        self._changes = changes
        self._mailer = mailer
        self._forget_files = forget_files
        self._accounts = accounts
        self._claims = claims
        self._patience_ms = int(patience / timedelta(milliseconds=1))
        self._reached = reached
        self._clock_ms = clock_ms
        self._due = asyncio.Event()
        self._moved = asyncio.Condition()
        self._steps: Mapping[int, Callable[[Departure, Sending], Awaitable[None]]] = {
            pb.ASSIGNMENT_STEP_CLAIMING: self._claim,
            pb.ASSIGNMENT_STEP_FENCED: self._copy,
            pb.ASSIGNMENT_STEP_COPIED: self._hand_over,
            pb.ASSIGNMENT_STEP_HANDED_OVER: self._switch,
            pb.ASSIGNMENT_STEP_SWITCHED: self._move_accounts,
            pb.ASSIGNMENT_STEP_ACCOUNTS_MOVED: self._erase,
            pb.ASSIGNMENT_STEP_ERASED: self._finish,
            pb.ASSIGNMENT_STEP_ABANDONED: self._release,
        }

    async def run(self) -> None:
        """Runs until cancelled: goes on with what is under way, and begins what is asked for."""
        driven: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._due.clear()
                try:
                    for departure in await self._departures.unfinished():
                        task = driven.get(departure.operation_id)
                        if task is None or task.done():
                            driven[departure.operation_id] = tasks.create_task(self._drive(departure))
                except SankofaError as error:
                    _log.warning("departures are looked at again later: %s", error)
                try:
                    async with asyncio.timeout(LOOK_EVERY_S):
                        await self._due.wait()
                except TimeoutError:
                    continue

    def wake(self) -> None:
        """Says that there is a new departure."""
        self._due.set()

    async def until(self, operation_id: str, timeout_s: float) -> Departure:
        """Waits until one is beyond its claim, or for a while; as it is then."""
        departure = await self._departures.find(operation_id)
        try:
            async with asyncio.timeout(timeout_s), self._moved:
                while departure.step == pb.ASSIGNMENT_STEP_CLAIMING:
                    await self._moved.wait()
                    departure = await self._departures.find(operation_id)
        except TimeoutError:
            pass
        return departure

    async def _drive(self, departure: Departure) -> None:
        """Steps until the end, at whatever address the catalogue has for the other region."""
        while not departure.ended:
            address = self._address(departure.to_region)
            if not address:
                await asyncio.sleep(FIRST_RETRY_S)  # the directory is new, the catalogue on its way
                continue
            async with self._node.channel(departure.to_region, address) as channel:
                sending = Sending(
                    departure=departure,
                    source=self._node.credentials.identity,
                    signer=self._signer,
                    verifier=self._verifier,
                    channel=channel,
                )
                departure = await self._step_on(departure, sending, address)

    async def _step_on(self, departure: Departure, sending: Sending, address: str) -> Departure:
        """Until the end, or another address. Who is away is asked again after 0.1 s, doubling to 2 s."""
        retry_s = FIRST_RETRY_S
        while not departure.ended and self._address(departure.to_region) == address:
            try:
                await self._steps[departure.step](departure, sending)
                departure = await self._departures.find(departure.operation_id)
                retry_s = FIRST_RETRY_S
            except SankofaError as error:
                _log.info("%s waits at step %d: %s", departure.operation_id, departure.step, error)
                departure = await self._after(departure, error)
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, LAST_RETRY_S)
            sending.follow(departure)
            async with self._moved:
                self._moved.notify_all()
        return departure

    async def _claim(self, departure: Departure, sending: Sending) -> None:
        """The registry lets one operation begin; then nothing of the organisation changes any more."""
        begun = departure.begun_at_ms
        row = operation_row(
            self._node.region, departure.org_id, departure.operation_id, begun, finished=False
        )
        try:
            await self._publisher.put([row])
        except Conflict:
            await self._departures.abandon(departure, _IN_FLIGHT)
            return
        self._reached("claimed")
        async with self._claims.closed(departure.org_id):
            await self._departures.fence(departure, self._clock_ms())
        self._reached("fenced")

    async def _copy(self, departure: Departure, sending: Sending) -> None:
        """From the beginning, whatever was copied before: it takes less than finding out."""
        rows = await self._send(departure, sending)
        await self._departures.reach(departure.operation_id, pb.ASSIGNMENT_STEP_COPIED, rows=rows)
        self._reached("copied")

    async def _send(self, departure: Departure, sending: Sending) -> int:
        await sending.begin()
        cursor = rows = 0
        async with self._departures.bodies(departure.org_id) as bodies:
            async for body in bodies:
                cursor, rows = cursor + 1, rows + len(body.rows)
                await sending.put(cursor, encode(body))
                self._reached("copying")
        return rows

    async def _hand_over(self, departure: Departure, sending: Sending) -> None:
        """Compares; then gives the organisation away, by a word that is on disk before it is sent."""
        tables = await self._departures.digests(departure)
        differing = await sending.verify(tables)
        if differing:
            _log.warning("%s: %s differ: they are copied again", departure.operation_id, ", ".join(differing))
            await self._departures.reach(departure.operation_id, pb.ASSIGNMENT_STEP_FENCED)
            raise Unavailable
        self._reached("verified")
        unsigned = new_word(self._node.region, departure.to_region, departure.epoch, org_id=departure.org_id)
        word = self._signer.sign_handover(unsigned)
        await self._departures.hand_over(departure, word.SerializeToString(deterministic=True), tables)
        self._reached("handed over")

    async def _switch(self, departure: Departure, sending: Sending) -> None:
        """The new region takes it, and tells the registry. From here on this region sends everybody there."""
        word = Handover.FromString(departure.word)
        try:
            row = await sending.take(word, departure.tables)
        except Conflict:
            await self._send(departure, sending)  # it has lost what it had: all of it is still here
            row = await sending.take(word, departure.tables)
        self._reached("taken")
        await self._directory.apply([row])
        now = self._clock_ms()
        await self._departures.reach(departure.operation_id, pb.ASSIGNMENT_STEP_SWITCHED, switched_at=now)
        self._reached("switched")

    async def _move_accounts(self, departure: Departure, sending: Sending) -> None:
        await self._accounts.go_with(departure, sending)
        await self._departures.reach(departure.operation_id, pb.ASSIGNMENT_STEP_ACCOUNTS_MOVED)
        self._reached("accounts moved")

    async def _erase(self, departure: Departure, sending: Sending) -> None:
        """Nothing is left in tables, files and mails. The access feeds begin anew, without its rows."""
        left = await self._departures.erase(departure)
        if any(each.rows for each in left) or await self._forget_files():
            raise Unavailable
        await self._mailer.forget(departure.org_id)
        await self._accounts.leave_nothing()
        await self._changes.begin_anew()
        await self._mirror_erased(departure)
        await self._departures.reach(departure.operation_id, pb.ASSIGNMENT_STEP_ERASED)
        self._reached("erased")

    async def _mirror_erased(self, departure: Departure) -> None:
        """Ingest erases the mirror of a log that has left. Where it is away, the reassignment says so."""
        deadline = time.monotonic() + MIRROR_WAIT_S
        while await self._departures.mirrored(departure.org_id):
            if time.monotonic() > deadline:
                raise Unavailable(
                    detail="the mirror of its audit log is not erased yet: the region's ingest does that"
                )
            await asyncio.sleep(MIRROR_POLL_S)

    async def _finish(self, departure: Departure, sending: Sending) -> None:
        """The new region lets another operation begin."""
        await sending.finish(await self._departures.left(departure), files_left=await self._forget_files())
        self._reached("finished")
        step, now = pb.ASSIGNMENT_STEP_DONE, self._clock_ms()
        await self._departures.reach(departure.operation_id, step, finished_at=now)

    async def _release(self, departure: Departure, sending: Sending) -> None:
        """What was given up is forgotten by the others as well."""
        if departure.fenced_at_ms:
            await sending.abandon()
        if departure.reason != _IN_FLIGHT:
            await self._publisher.put(
                [
                    operation_row(
                        self._node.region,
                        departure.org_id,
                        departure.operation_id,
                        departure.begun_at_ms,
                        finished=True,
                    )
                ]
            )
        await self._departures.end(departure.operation_id, self._clock_ms())

    async def _after(self, departure: Departure, error: SankofaError) -> Departure:
        """As it is after a step that failed: with the reason said, or given up; unchanged if nobody knows."""
        try:
            await self._give_up(departure, error)
            return await self._departures.find(departure.operation_id)
        except SankofaError as worse:
            _log.warning("%s: the records do not answer: %s", departure.operation_id, worse)
            return departure

    async def _give_up(self, departure: Departure, error: SankofaError) -> None:
        """Before the handover, where the other region does not come back in time, or will not have it."""
        now = await self._departures.find(departure.operation_id)
        if now.step == pb.ASSIGNMENT_STEP_ABANDONED:
            return
        fenced_ms = self._clock_ms() - now.fenced_at_ms if now.fenced_at_ms else 0
        if now.handed_over or fenced_ms < self._patience_ms:
            await self._departures.explain(departure.operation_id, error.public_text)
            return
        _log.warning("%s is given up: %s", departure.operation_id, error)
        await self._departures.abandon(now, f"{departure.to_region} did not take it: {error.public_text}")

    def _address(self, region: str) -> str:
        fact = self._directory.region(region)
        return "" if fact is None else fact.org_at
