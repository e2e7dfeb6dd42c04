"""Who is calling: set by the server's hop, read by handlers."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from google.protobuf.message import Message

from mesh.errors import SankofaError
from mesh.identity import Identity


@dataclass(frozen=True, slots=True)
class CallContext:
    """The caller as its certificate says, the rpc ("/package.Service/Method"), a user's bearer token.

    `admit` guards one request inside a frame: why it is refused, counted and traced, or None.
    """

    caller: Identity
    rpc: str
    token: str | None
    admit: Callable[[Message], SankofaError | None]


_current: ContextVar[CallContext] = ContextVar("sankofa_call")


def current() -> CallContext:
    """The call being handled. Raises LookupError outside a handler: there is no default caller."""
    return _current.get()


def enter(call: CallContext) -> None:
    """Sets the call for the handler's own task."""
    _current.set(call)
