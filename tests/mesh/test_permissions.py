"""Every rpc about an organisation asks the permission table: called by a stranger and by a plain Member."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from mesh.context import act_as
from mesh.planes import shape_of
from sankofa.org.v1 import export_pb2, member_pb2, org_pb2, plan_pb2, scim_pb2, transfer_pb2, webhook_pb2
from sankofa.residency.v1.options_pb2 import SUBJECT_ORG
from services.org.config import OrgConfig
from tests.support.cells import PASSWORD, Cells, bearer, reason_of
from tests.support.nodes import EU
from tests.support.roles import put_member

pytestmark = [pytest.mark.disk, pytest.mark.network]

CONTRACTS = (org_pb2, member_pb2, plan_pb2, transfer_pb2, webhook_pb2, export_pb2, scim_pb2)
OPERATORS = {"SetPlan"}
NOT_A_PERSONS = {
    "AcceptInvitation": "shows a secret",
    "Download": "shows a signed link",
    "FindPeople": "a cell asks",
    **dict.fromkeys(scim_pb2.DESCRIPTOR.services_by_name["ScimService"].methods_by_name, "a directory's"),
}
FOR_MEMBERS = {"ListProjects", "ListMembers", "ListTeams", "RemoveMember", "GetUsage"}
"""What a Member may ask; to remove oneself is to leave."""


def methods() -> list[MethodDescriptor]:
    return [
        method
        for contract in CONTRACTS
        for service in contract.DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if shape_of(method.input_type).subject == SUBJECT_ORG
        and "org_id" in method.input_type.fields_by_name
        and method.name not in NOT_A_PERSONS.keys() | OPERATORS
    ]


@pytest.fixture
async def cells(pki: Path, tmp_path: Path) -> AsyncIterator[Cells]:
    async with Cells(pki, tmp_path, (EU,), OrgConfig(heartbeat_s=0.1)) as running:
        yield running


async def test_no_rpc_of_an_organisation_is_for_strangers_and_few_are_for_members(cells: Cells) -> None:
    cell, owner = cells.of[EU], await cells.sign_up(EU)
    other = org_pb2.SignUpRequest(region=EU, email="eve@example.org", password=PASSWORD, org_name="Other")
    eve = await cell.orgs().SignUp(other)
    assert len(methods()) >= 20

    async def refusals() -> dict[str, str]:
        found = {}
        for method in methods():
            kind, answer = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
            call = cell.channel().unary_unary(  # type: ignore[attr-defined]
                f"/{method.containing_service.full_name}/{method.name}",
                request_serializer=kind.SerializeToString,
                response_deserializer=answer.FromString,
            )
            request = kind(org_id=owner.org_id)
            if method.name not in FOR_MEMBERS or not member:
                found[method.name] = await reason_of(call(request, metadata=bearer(eve.token)))
        return found

    member = False
    strangers = await refusals()
    assert {name: why for name, why in strangers.items() if why != "PERMISSION_DENIED"} == {}
    act_as("usr_test")
    await put_member(cell.records.orgs, owner.org_id, eve.user.user_id, 1, EU)  # type: ignore[arg-type]
    member = True
    assert {name: why for name, why in (await refusals()).items() if why != "PERMISSION_DENIED"} == {}
