"""What a receiver can check a delivery by: its id, and an HMAC over the time and the very bytes.

The scheme is that of Stripe's webhooks, which receivers have code for: `t=…,v1=…`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

SIGNATURE: Final = "X-Sankofa-Signature"
DELIVERY_ID: Final = "X-Sankofa-Delivery"


def new_secret() -> str:
    """`whsec_` and 64 hex digits; all of it, as it is written, is the key of the HMAC."""
    return f"whsec_{secrets.token_hex(32)}"


def signature(secret: str, at_s: int, body: bytes) -> str:
    """The value of X-Sankofa-Signature at a time, unix seconds."""
    told = b"%d.%s" % (at_s, body)
    return f"t={at_s},v1={hmac.new(secret.encode(), told, hashlib.sha256).hexdigest()}"


def delivery_id(webhook_id: str, seq: int) -> str:
    """The same at every attempt to send a row of the log to a webhook, replays included."""
    return f"dlv_{webhook_id.removeprefix('whk_')}_{seq}"


def seq_of(webhook_id: str, delivery: str) -> int | None:
    """The row's number in a delivery id of this webhook; None for anything else."""
    prefix, _, number = delivery.rpartition("_")
    if prefix != f"dlv_{webhook_id.removeprefix('whk_')}" or not (number.isdecimal() and number.isascii()):
        return None
    return int(number) if len(number) <= 18 else None
