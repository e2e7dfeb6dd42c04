"""What holds an account back from going with an organisation: others that its owner may be a member of.

An account points at an organisation from the moment it is introduced there, so that none is missed. That it
points at one whose membership has ended, or was never begun, is found out when it matters: where the account
might go. Who asks then hears it from the region that knows, whatever was lost before.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from mesh.clock import wall_ms
from mesh.directory import Directory
from mesh.errors import SankofaError, Unavailable
from mesh.node import Node
from sankofa.org.v1.member_pb2 import FindPeopleRequest, Person
from sankofa.org.v1.member_pb2_grpc import MemberServiceStub
from storage.records.members import MemberRecords
from storage.records.moves.accounts import Accounts

_log = logging.getLogger(__name__)


class Pointers:
    """Of the accounts whose home this region is."""

    def __init__(
        self, *, node: Node, directory: Directory, accounts: Accounts, members: MemberRecords
    ) -> None:
        self._node = node
        self._directory = directory
        self._accounts = accounts
        self._members = members

    async def settle(self, org_id: str) -> None:
        """Forgets what the accounts of an organisation's members point at in vain.

        A region that can't be asked keeps them: they stay, and go with their organisation another time.
        """
        asked: dict[str, dict[str, str]] = {}
        for account in await self._accounts.held_back(org_id):
            for other in account.org_ids:
                asked.setdefault(other, {})[account.user_id] = account.email
        for other, people in asked.items():
            try:
                known = await self._known(other, people)
            except SankofaError as error:
                _log.info("%s can't be asked for its members: %s", other, error.public_text)
                continue
            await self._accounts.point_no_more(people.keys() - known, other)

    async def _known(self, org_id: str, people: Mapping[str, str]) -> set[str]:
        org = self._directory.org(org_id)
        if org is None:
            raise Unavailable
        if org.primary_region == self._node.region:
            return await self._members.known(org_id, people, self._node.region, wall_ms())
        region = self._directory.region(org.primary_region)
        if region is None or not region.org_at:
            raise Unavailable
        request = FindPeopleRequest(
            org_id=org_id,
            people=[Person(user_id=user_id, email=email) for user_id, email in people.items()],
        )
        async with self._node.channel(org.primary_region, region.org_at) as channel:
            answer = await MemberServiceStub(channel).FindPeople(request)
        return set(answer.user_ids)
