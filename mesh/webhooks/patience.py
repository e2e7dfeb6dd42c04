"""When a delivery is tried again, and when it is given up."""

from __future__ import annotations

from typing import Final

from mesh.webhooks.records import Failure, Webhook

FIRST_WAIT_MS: Final = 5_000
LONGEST_WAIT_MS: Final = 3_600_000
GIVE_UP_AFTER_MS: Final = 24 * 3_600_000


def after_failure(webhook: Webhook, error: str, now_ms: int) -> Failure:
    """5 s after the first failure of a streak, each wait twice the one before, an hour at most."""
    wait_ms = min(FIRST_WAIT_MS << min(webhook.failures, 20), LONGEST_WAIT_MS)
    since_ms = webhook.failing_since_ms or now_ms
    return Failure(error, webhook.failures + 1, since_ms, now_ms + wait_ms)


def given_up_before(failure: Failure, now_ms: int) -> int:
    """Rows from before this time are given up: they, and the receiver, have had 24 hours. 0: none."""
    over_ms = now_ms - GIVE_UP_AFTER_MS
    return over_ms if over_ms >= failure.since_ms else 0
