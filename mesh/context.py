"""Who is calling, from where, and who acts: set by the server's hop and by who decides, read by handlers."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from google.protobuf.message import Message

from mesh.errors import SankofaError
from mesh.identity import Identity
from sankofa.residency.v1.options_pb2 import Plane

REQUEST_ID, ADDRESS, AGENT = "x-request-id", "x-client-address", "x-client-agent"
PERSONAL_METADATA = {ADDRESS, AGENT}
PERSONAL_PLANES = {Plane.PLANE_ORG, Plane.PLANE_DATA}
"""Where a person's address and agent may travel."""

LONGEST_ORIGIN = 256


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, as the shim that took it says; empty where nobody outside has asked."""

    request_id: str = ""
    address: str = ""
    user_agent: str = ""

    def metadata(self, plane: Plane) -> list[tuple[str, str]]:
        """What of it a call on this plane may carry."""
        every = ((REQUEST_ID, self.request_id), (ADDRESS, self.address), (AGENT, self.user_agent))
        return [
            (name, value)
            for name, value in every
            if value and (name not in PERSONAL_METADATA or plane in PERSONAL_PLANES)
        ]

    @classmethod
    def of(cls, request_id: str, address: str, user_agent: str) -> Origin:
        """Cut to what fits, and to what gRPC's metadata can hold: printable ASCII."""
        return cls(*(_plain(text) for text in (request_id, address, user_agent)))


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something. `user_id` may also be token/tok_… (an API token), `operator/…`, `system/…`."""

    user_id: str
    email: str = ""
    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True, slots=True)
class CallContext:
    """The caller as its certificate says, the rpc ("/package.Service/Method"), a user's bearer token.

    `admit` guards one request inside a frame: why it is refused, counted and traced, or None.
    """

    caller: Identity
    rpc: str
    token: str | None
    admit: Callable[[Message], SankofaError | None]
    origin: Origin = field(default_factory=Origin)


_current: ContextVar[CallContext] = ContextVar("sankofa_call")
_outside: ContextVar[Origin] = ContextVar("sankofa_origin", default=Origin())  # noqa: B039 - it is frozen
_acting: ContextVar[Actor] = ContextVar("sankofa_actor")


def current() -> CallContext:
    """The call being handled. Raises LookupError outside a handler: there is no default caller."""
    return _current.get()


def enter(call: CallContext) -> None:
    """Sets the call for the handler's own task."""
    _current.set(call)
    _outside.set(call.origin)


def origin() -> Origin:
    """Where the request at hand came from; empty outside of one."""
    return _outside.get()


def came_from(outside: Origin) -> None:
    """Sets it, for the task that handles a request from outside the mesh."""
    _outside.set(outside)


def act_as(user_id: str, email: str = "") -> Actor:
    """Says who acts from here on in this task, once it is known who it is."""
    actor = Actor(user_id, email, origin())
    _acting.set(actor)
    return actor


def acting() -> Actor:
    """Who acts. Raises LookupError where nobody has said: no change is anonymous."""
    return _acting.get()


def _plain(text: str) -> str:
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text[:LONGEST_ORIGIN])
