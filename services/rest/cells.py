"""Stubs for the cells of all regions and for the registry, each over one guarded channel."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.protobuf.message import Message

from mesh.client import GuardedChannel
from mesh.context import origin
from mesh.directory import Directory, RegionFact
from mesh.errors import Conflict, CrossingRefused, Forbidden, InvalidInput, NotFound, Unavailable
from mesh.node import Node
from mesh.regions import GLOBAL
from mesh.signing import RowVerifier
from sankofa.ingest.v1.erasure_pb2_grpc import ErasureServiceStub
from sankofa.ingest.v1.project_pb2_grpc import ProjectServiceStub
from sankofa.org.v1.account_pb2_grpc import AccountServiceStub
from sankofa.org.v1.member_pb2_grpc import MemberServiceStub, TeamServiceStub
from sankofa.org.v1.org_pb2_grpc import OrgServiceStub
from sankofa.org.v1.plan_pb2_grpc import PlanServiceStub
from sankofa.org.v1.scim_pb2_grpc import ScimServiceStub, ScimTokenServiceStub
from sankofa.org.v1.second_factor_pb2_grpc import SecondFactorServiceStub
from sankofa.org.v1.session_pb2_grpc import SessionServiceStub
from sankofa.org.v1.sso_pb2_grpc import SsoServiceStub
from sankofa.org.v1.transfer_pb2_grpc import AssignmentServiceStub
from sankofa.query.v1.query_pb2_grpc import QueryServiceStub
from sankofa.registry.v1.registry_pb2 import FindLoginHintRequest
from sankofa.registry.v1.registry_pb2_grpc import RegistryServiceStub
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.following import FollowingChannel, Waits
from services.rest.lookups import LookUps

T = TypeVar("T")
log = logging.getLogger(__name__)


class Cells:
    """Whom the shim calls. Its own cell's DATA plane, every cell's ORG and CONTROL planes, the registry."""

    def __init__(
        self,
        *,
        node: Node,
        directory: Directory,
        cell_address: str,
        query_address: str,
        registry_address: str,
        timeout_s: float,
        lookups: LookUps,
    ) -> None:
        self._node = node
        self._timeout_s = timeout_s
        self._lookups = lookups
        self._directory = directory
        self._rows = RowVerifier(node.credentials.authorities)
        self._channels: dict[tuple[str, str], GuardedChannel] = {}
        self.internal: GuardedChannel = node.channel(node.region, cell_address)
        self._registry: GuardedChannel = node.channel(GLOBAL, registry_address)
        self._answers: GuardedChannel = (
            node.channel(node.region, query_address) if query_address else self.internal
        )
        self.query = QueryServiceStub(self._answers)
        self.erasure = ErasureServiceStub(self.internal)
        self.registry = RegistryServiceStub(self._registry)

    async def org(self, region: str) -> OrgServiceStub:
        """Accounts and organisations in a region. Raises like `_channel`."""
        return OrgServiceStub(await self.orgs_channel(region))

    async def sessions(self, region: str) -> SessionServiceStub:
        """Sessions of a region's accounts. Raises like `_channel`."""
        return SessionServiceStub(await self._org_channel(region))

    async def second_factors(self, region: str) -> SecondFactorServiceStub:
        """Second factors of a region's accounts. Raises like `_channel`."""
        return SecondFactorServiceStub(await self._org_channel(region))

    async def assignments(self, region: str) -> AssignmentServiceStub:
        """Reassignments of organisations in a region. Raises like `_channel`."""
        return AssignmentServiceStub(await self.orgs_channel(region))

    async def members(self, region: str) -> MemberServiceStub:
        """The people of organisations in a region. Raises like `_channel`."""
        return MemberServiceStub(await self.orgs_channel(region))

    async def teams(self, region: str) -> TeamServiceStub:
        """Teams of organisations in a region. Raises like `_channel`."""
        return TeamServiceStub(await self.orgs_channel(region))

    async def accounts(self, region: str) -> AccountServiceStub:
        """Accounts whose home is a region. Raises like `_channel`."""
        return AccountServiceStub(await self.orgs_channel(region))

    async def orgs_channel(self, region: str) -> FollowingChannel:
        """For stubs of the ORG plane: calls about an organisation follow it. Raises like `_channel`."""
        return FollowingChannel(await self._org_channel(region), self._primary_channel)

    async def at_home(self, hint: str, ask: Callable[[str], Awaitable[T]]) -> T | None:
        """Asks the home region of an account, the new one where it is moving; None for no such account.

        Raises RateLimited(LOOKUP_THROTTLED), and what `ask` does.
        """
        self.count_look_up()
        waits = Waits(self._timeout_s)
        while (home := await self.home_of(hint)) is not None:
            try:
                return await ask(home)
            except CrossingRefused as error:
                if not await waits.for_(error):
                    raise
        return None

    async def following(self, home: str, ask: Callable[[str], Awaitable[T]]) -> T:
        """Asks the region where an account was, and then the one that it says the account has moved to."""
        waits = Waits(self._timeout_s)
        while True:
            try:
                return await ask(home)
            except CrossingRefused as error:
                if not await waits.for_(error):
                    raise
                if self._directory.region(error.detail) is not None:
                    home = error.detail

    def count_look_up(self) -> None:
        """Whoever asks is about to learn whether an e-mail has an account. Raises RateLimited."""
        self._lookups.count(origin().address)

    async def plans(self, region: str) -> PlanServiceStub:
        """Plans of a region's organisations. Raises like `_channel`."""
        return PlanServiceStub(await self.orgs_channel(region))

    async def sso(self, region: str) -> SsoServiceStub:
        """Single sign-on of a region's organisations. Raises like `_channel`."""
        return SsoServiceStub(await self.orgs_channel(region))

    async def scim(self, region: str) -> ScimServiceStub:
        """What directories of organisations in a region ask for. Raises like `_channel`."""
        return ScimServiceStub(await self.orgs_channel(region))

    async def scim_tokens(self, region: str) -> ScimTokenServiceStub:
        """Tokens of those directories. Raises like `_channel`."""
        return ScimTokenServiceStub(await self.orgs_channel(region))

    async def projects(self, region: str) -> ProjectServiceStub:
        """Projects of a region. Raises like `_channel`."""
        return ProjectServiceStub(await self._channel(region, lambda fact: fact.federated_address))

    async def home_of(self, hint: str) -> str | None:
        """The home region of an account, as that region itself has signed it; None for no such account.

        The registry is not believed: an e-mail and a password go where this says. Raises Unavailable.
        """
        found = await self.call(self.registry.FindLoginHint, FindLoginHintRequest(hint=hint))
        if not found.HasField("row"):
            return None
        try:
            self._rows.add(found.signer)
            self._rows.check(found.row)
        except Forbidden as error:
            log.error("the registry's answer about an account is not signed by its region: %s", error)
            raise Unavailable() from None
        if found.row.row.login_hint.hint != hint:
            log.error("the registry answered about another account than it was asked for")
            raise Unavailable()
        home: str = found.row.row.region
        return home

    async def call(self, rpc: Callable[..., Awaitable[T]], request: Message, *, token: str = "") -> T:
        """Calls with the shim's deadline, and the caller's token where there is one. Raises SankofaError."""
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        return await rpc(request, timeout=self._timeout_s, metadata=metadata)

    async def close(self) -> None:
        """Closes every channel."""
        for channel in {*self._channels.values(), self.internal, self._answers, self._registry}:
            await channel.close()

    async def _org_channel(self, region: str) -> GuardedChannel:
        return await self._channel(region, lambda fact: fact.org_at)

    async def _primary_channel(self, org_id: str) -> GuardedChannel:
        """Where an organisation is now. Raises NotFound, and like `_channel`."""
        fact = self._directory.org(org_id)
        if fact is None:
            raise NotFound(ErrorReason.ERROR_REASON_ORG_NOT_FOUND)
        return await self._org_channel(fact.primary_region)

    async def _channel(self, region: str, address_of: Callable[[RegionFact], str]) -> GuardedChannel:
        """One of a region's federated ports. Raises 400 for an unknown region, 409 for a closed one, 503."""
        fact = self._directory.region(region)
        if fact is None and not self._directory.regions():
            raise Unavailable()
        if fact is None:
            raise InvalidInput(ErrorReason.ERROR_REASON_REGION_UNKNOWN)
        if fact.status != "open":
            raise Conflict(ErrorReason.ERROR_REASON_REGION_NOT_OPEN)
        address = address_of(fact)
        if not address:
            raise Unavailable()
        if (region, address) not in self._channels:
            self._channels[region, address] = self._node.channel(region, address)
        return self._channels[region, address]
