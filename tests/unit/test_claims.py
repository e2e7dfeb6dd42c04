"""An organisation is not fenced between the claim of an e-mail and what that was for."""

from __future__ import annotations

import asyncio

import pytest

from mesh.errors import Unavailable
from services.org.claims import Claims


async def test_a_fence_waits_for_claims_that_have_begun_and_lets_none_begin_meanwhile() -> None:
    claims, order = Claims(), list[str]()

    async def fence() -> None:
        async with claims.closed("org_1"):
            order.append("fenced")

    async with claims.claiming("org_1"):
        fencing = asyncio.create_task(fence())
        await asyncio.sleep(0)  # it has begun to wait
        with pytest.raises(Unavailable):
            async with claims.claiming("org_1"):
                pass
        async with claims.claiming("org_2"):
            order.append("another")
        order.append("claimed")
    await fencing
    assert order == ["another", "claimed", "fenced"]
    async with claims.claiming("org_1"):
        pass


async def test_a_claim_that_failed_holds_nothing_up() -> None:
    claims = Claims()
    with pytest.raises(ValueError, match="no"):
        async with claims.claiming("org_1"):
            raise ValueError("no")
    async with claims.closed("org_1"):
        pass
