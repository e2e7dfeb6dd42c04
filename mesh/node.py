"""One process's place in the mesh: who it is, what it knows, and the only way to call others."""

from __future__ import annotations

import grpc
from opentelemetry.trace import Tracer

from mesh.client import GuardedChannel
from mesh.directory import Directory
from mesh.grants import Grants
from mesh.guard import Ends, Guard
from mesh.hop import Hop
from mesh.identity import Credentials, Identity
from mesh.ledger import Ledger
from mesh.regions import GLOBAL
from mesh.server import OPTIONS
from mesh.signing import RowVerifier
from sankofa.residency.v1.ledger_pb2 import Side


class Node:
    """Holds what both ends of a hop need. `directory` is None where a process keeps none."""

    def __init__(
        self, *, credentials: Credentials, directory: Directory | None, ledger: Ledger, tracer: Tracer
    ) -> None:
        self.credentials = credentials
        self.directory = directory
        self.ledger = ledger
        self.tracer = tracer
        self._grants = Grants(RowVerifier(credentials.authorities))

    @property
    def region(self) -> str:
        """The serving region."""
        return self.credentials.identity.region

    def guard(self, caller: Identity, callee: Identity) -> Guard:
        """The guard of calls between these two."""
        return Guard(callee.region, self.directory, Ends(caller, callee, self._grants))

    def arrival(self, caller: Identity) -> Hop:
        """The server's end of calls from `caller`."""
        guard = self.guard(caller, self.credentials.identity)
        return Hop(Side.SIDE_SERVER, caller.region, self.region, guard, self.ledger, self.tracer)

    def channel(self, region: str, address: str) -> GuardedChannel:
        """A guarded channel to a server of `region`; only that region's authority is believed there."""
        callee = Identity(region, "registry" if region == GLOBAL else "cell")
        tls = grpc.ssl_channel_credentials(
            self.credentials.authorities[region], self.credentials.key_pem, self.credentials.certificate_pem
        )
        options = (*OPTIONS, ("grpc.ssl_target_name_override", callee.dns_name), *_RECONNECT)
        guard = self.guard(self.credentials.identity, callee)
        hop = Hop(Side.SIDE_CLIENT, self.region, region, guard, self.ledger, self.tracer)
        return GuardedChannel(grpc.aio.secure_channel(address, tls, options=options), hop)


_RECONNECT = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Also how long one attempt to connect may take: a shorter one fails the handshake of a busy cell.
    ("grpc.min_reconnect_backoff_ms", 5_000),
)
