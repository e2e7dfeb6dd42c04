"""Which uses of API tokens a REST process tells of: the first, and again after ten minutes or a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from mesh.directory import ApiTokenFact
from mesh.errors import Unavailable
from sankofa.ingest.v1.api_token_pb2 import NoteTokenUseRequest, NoteTokenUseResponse
from sankofa.org.v1.org_pb2 import ProjectRole
from services.rest.token_uses import MOST_WAITING, TOLD_EVERY_S, TokenUses


@dataclass
class Told:
    """What the cell was told, and a clock."""

    tokens: list[str] = field(default_factory=list)
    away: bool = False
    now_s: float = 0.0
    refused: int = 0
    heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(self, request: NoteTokenUseRequest, *, timeout: float) -> NoteTokenUseResponse:
        async with self.heard:
            self.heard.notify_all()
            if self.away:
                self.refused += 1
                raise Unavailable
            self.tokens.append(f"{request.project_id} {request.token_id}")
        return NoteTokenUseResponse()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5), self.heard:
            await self.heard.wait_for(condition)


def used(name: str) -> ApiTokenFact:
    return ApiTokenFact(name, "proj_1", ProjectRole.PROJECT_ROLE_VIEWER, 1)


async def settled(told: Told, uses: TokenUses, *names: str) -> list[str]:
    """Notes uses, and one of a token that nobody has used: when that was told of, so were they."""
    for name in names:
        uses.note(used(name))
    last = f"last_{told.now_s}_{len(told.tokens)}"
    uses.note(used(last))
    await told.until(lambda: f"proj_1 {last}" in told.tokens)
    return [name for name in told.tokens if "last" not in name]


async def test_a_token_s_use_is_told_once_in_ten_minutes() -> None:
    told = Told()
    async with TokenUses(noter=told, clock=lambda: told.now_s).running() as uses:
        assert await settled(told, uses, "a", "a", "b", "a") == ["proj_1 a", "proj_1 b"]
        told.now_s = TOLD_EVERY_S - 1
        assert len(await settled(told, uses, "a", "b")) == 2
        told.now_s = TOLD_EVERY_S
        assert await settled(told, uses, "a") == ["proj_1 a", "proj_1 b", "proj_1 a"]


async def test_what_a_cell_that_is_away_was_not_told_is_told_with_the_next_use() -> None:
    told = Told(away=True)
    async with TokenUses(noter=told, clock=lambda: told.now_s).running() as uses:
        uses.note(used("a"))
        await told.until(lambda: told.refused == 1)
        told.away = False
        assert await settled(told, uses, "a") == ["proj_1 a"]


async def test_noting_never_waits_and_never_keeps_more_than_it_may() -> None:
    told = Told()
    uses = TokenUses(noter=told, clock=lambda: told.now_s)
    for number in range(2 * MOST_WAITING):
        uses.note(used(f"tok_{number}"))
    async with uses.running():
        await told.until(lambda: len(told.tokens) == MOST_WAITING)
        assert len(await settled(told, uses)) == MOST_WAITING
