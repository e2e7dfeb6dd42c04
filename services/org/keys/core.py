"""The exchange of the key that signs, in steps that are each on disk before the next begins.

announced   the registry is told of the key; it signs nothing
signing     every directory had it: tokens are signed with it from now on, everywhere in the region at once
verifying   the one before signs no more; its tokens go on being good
retired     its last token has run out: its row says so, and its private half is erased

Killed anywhere, the region goes on from there when it starts again: nobody has to remember anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeAlias

from mesh.clock import wall_ms
from mesh.errors import InvalidInput, SankofaError
from mesh.signing import RowSigner
from mesh.tokens import MARGIN, TokenKey
from sankofa.registry.v1.directory_pb2 import (
    TOKEN_KEY_STANDING_RETIRED,
    TOKEN_KEY_STANDING_VERIFIES,
    TokenKeyStanding,
)
from services.org.core import OwnDirectory, RegistryPublisher
from services.org.keys.directories import Directories, Heard
from storage.records.keys import KeyRecord, KeyRecords, KeyState
from storage.records.rows import jwt_key_row

_log = logging.getLogger(__name__)

ASK_S: Final = 0.5
"""Between two rounds of asking, while a key is announced."""
LATELY: Final = timedelta(days=1)
"""Directories are asked about keys that were retired since."""

_EXPECTED: Final[Mapping[KeyState, TokenKeyStanding]] = {
    KeyState.ANNOUNCED: TOKEN_KEY_STANDING_VERIFIES,
    KeyState.SIGNING: TOKEN_KEY_STANDING_VERIFIES,
    KeyState.VERIFYING: TOKEN_KEY_STANDING_VERIFIES,
    KeyState.RETIRED: TOKEN_KEY_STANDING_RETIRED,
}
"""What every directory has to make of a key."""


Behind: TypeAlias = dict[str, str]
"""Regions with a directory that has not heard of a key's state, and what is known of it."""


class Rotation:
    """Of one region's keys."""

    def __init__(
        self,
        *,
        records: KeyRecords,
        directories: Directories,
        own: OwnDirectory,
        publisher: RegistryPublisher,
        signer: RowSigner,
        longest: timedelta,
        look_s: float,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._records = records
        self._directories = directories
        self._own = own
        self._publisher = publisher
        self._signer = signer
        self._longest = longest
        self._look_s = look_s
        self._clock_ms = clock_ms
        self._asked = asyncio.Event()

    async def rotate(self, without: Sequence[str]) -> str:
        """Announces another key, or joins the exchange that is under way; the kid of what is going to sign.

        `without`: regions that are not waited for. Raises InvalidInput for one that is not in the catalogue.
        """
        unknown = sorted({*without} - {region.id for region in self._own.regions()})
        if unknown:
            raise InvalidInput(detail=f"no region {unknown[0]} in the catalogue")
        key = await self._records.announce(TokenKey.generate(), self._longest, without)
        row = jwt_key_row(self._signer.region, key.kid, key.public_bytes)
        await self._own.put_own_rows([self._signer.sign(row)])
        self._publisher.wake()
        self._asked.set()
        return key.kid

    async def listed(self) -> list[tuple[KeyRecord, Behind]]:
        """Every key, the newest first, and where its state is not known yet, as of now."""
        keys = await self._records.keys()
        since_ms = self._clock_ms() - int(LATELY.total_seconds() * 1000)
        current = [key for key in keys if not key.retired_at_ms or key.retired_at_ms > since_ms]
        heard = await self._directories.ask([key.kid for key in current])
        behind = {key.kid: _behind(key, place, heard) for place, key in enumerate(current)}
        return [(key, behind.get(key.kid, {})) for key in keys]

    async def run(self) -> None:
        """Carries on whatever is under way, until cancelled."""
        while True:
            announced = False
            self._asked.clear()
            try:
                announced = await _to_its_end(self.step())
            except SankofaError as error:
                _log.warning("token keys are looked at again later: %s", error.public_text)
            try:
                async with asyncio.timeout(ASK_S if announced else self._look_s):
                    await self._asked.wait()
            except TimeoutError:
                continue

    async def step(self) -> bool:
        """The next step of each key, if its time has come; whether one waits for directories after it."""
        rows = await self._records.retire(self._clock_ms())
        if rows:
            await self._own.put_own_rows([self._signer.sign(row) for row in rows])
            self._publisher.wake()
            _log.info("retired token keys: %s", ", ".join(row.jwt_key.kid for row in rows))
        announced = next((key for key in await self._records.keys() if key.state == KeyState.ANNOUNCED), None)
        if announced is None:
            return False
        heard = await self._directories.ask([announced.kid])
        behind = _behind(announced, 0, heard)
        if not heard or behind.keys() - {*announced.without}:
            return True
        if await self._records.sign_with(announced.kid, self._clock_ms(), MARGIN):
            _log.info("token key %s signs from now on", announced.kid)
        return False


async def _to_its_end(step: Coroutine[None, None, bool]) -> bool:
    """Cancelled, waits for what has begun: a call of aiosqlite's that is cut off can hang the loop's end."""
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _behind(key: KeyRecord, place: int, heard: Sequence[Heard]) -> Behind:
    """Directories that make something else of a key than its state says."""
    late: Behind = {}
    for one in heard:
        if one.why:
            late[one.region] = one.why
        elif one.standings[place : place + 1] != [_EXPECTED[key.state]]:
            late[one.region] = "takes it still" if key.state == KeyState.RETIRED else "does not have it yet"
    return late
