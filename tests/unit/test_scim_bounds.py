"""What a directory's request may cost a shim, and whose is answered next."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Final

import msgspec
import pytest
from scim2_models import Context, Meta, PatchOp
from scim2_server.conditions import Conditions
from scim2_server.requests import ScimRequest

from mesh.errors import InvalidInput, RateLimited
from sankofa.org.v1.scim_pb2 import ListScimGroupsResponse, ReplaceScimGroupResponse, ScimGroup
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.scim.bounds import MOST_OPERATIONS, MOST_VALUES, BoundedService
from services.rest.scim.resources import PROVIDER, Group, GroupMember
from services.rest.scim.serving import Serving
from services.rest.scim.turns import MOST_WAITING, Turns

TOO_LARGE: Final = ErrorReason.ERROR_REASON_BODY_TOO_LARGE
TOO_MANY: Final = ErrorReason.ERROR_REASON_TOO_MANY_OPERATIONS
PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def adds(number: int, *, name: str = "Operations") -> bytes:
    """A PATCH that adds one member at a time."""
    each = [{"op": "add", "path": "members", "value": [{"value": f"usr_new{at}"}]} for at in range(number)]
    return msgspec.json.encode({"schemas": [PATCH], name: each})


def read(body: bytes) -> PatchOp[Group]:
    with PROVIDER:
        return BoundedService(PROVIDER).read_body(PatchOp[Group], body, "", Context.RESOURCE_PATCH_REQUEST)


def group(size: int) -> Group:
    members = [GroupMember(value=f"usr_{at}", ref=None) for at in range(size)]
    return Group(display_name="Growth", members=members, meta=Meta(resource_type="Group", version="1"))


@pytest.mark.parametrize("name", ["Operations", "operations"])
def test_operations_are_counted_before_any_is_validated(name: str) -> None:
    assert len(read(adds(3, name=name)).operations or ()) == 3
    with pytest.raises(InvalidInput, match="1,000 at most") as refused:
        read(adds(MOST_OPERATIONS + 1, name=name))
    assert refused.value.reason == TOO_MANY and refused.value.http_status == 413


def test_values_are_counted_before_any_is_validated() -> None:
    members: list[dict[str, str]] = [{}] * MOST_VALUES
    body = msgspec.json.encode({"schemas": list(Group.__schema__), "displayName": "G", "members": members})
    with pytest.raises(InvalidInput) as refused:
        BoundedService(PROVIDER).read_body(Group, body, "", Context.RESOURCE_CREATION_REQUEST)
    assert refused.value.reason == TOO_LARGE


def test_a_large_group_takes_fewer_operations_at_once_and_is_left_as_it_was() -> None:
    service, patch = BoundedService(PROVIDER), read(adds(50))
    small, large = group(100), group(5_000)
    with PROVIDER:
        changed = service.apply_patch(small, patch, Conditions())
        assert isinstance(changed, Group) and len(changed.members or ()) == 150
        with pytest.raises(InvalidInput, match="at most where they concern") as refused:
            service.apply_patch(large, patch, Conditions())
    assert refused.value.reason == TOO_MANY and len(large.members or ()) == 5_000


def test_a_filter_of_many_conditions_is_refused_or_counts_as_many_operations() -> None:
    service = BoundedService(PROVIDER)

    def removes(conditions: int) -> bytes:
        path = " or ".join(f'value eq "usr_{at:032d}"' for at in range(conditions))
        operation = {"op": "remove", "path": f"members[{path}]"}
        return msgspec.json.encode({"schemas": [PATCH], "Operations": [operation]})

    with PROVIDER:
        assert service.apply_patch(group(200), read(removes(15)), Conditions()) is None
        with pytest.raises(InvalidInput, match="Too many operations"):
            service.apply_patch(group(9_000), read(removes(15)), Conditions())
    with pytest.raises(InvalidInput, match="1,000 characters"):
        read(removes(30))


async def test_it_is_answered_off_the_loop_and_asks_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    patched: list[threading.Thread] = []
    apply_patch = BoundedService.apply_patch

    def noting(self: BoundedService, *arguments: Any) -> Any:
        patched.append(threading.current_thread())
        return apply_patch(self, *arguments)

    class Primary:
        ListScimGroups = ListScimGroupsResponse(
            total=1, groups=[ScimGroup(team_id="t", name="G", user_ids=["usr_0"])]
        )
        ReplaceScimGroup = ReplaceScimGroupResponse(group=ScimGroup(team_id="t", name="G"))

    async def reach() -> Any:
        return Primary()

    async def call(rpc: Any, request: Any) -> Any:
        assert threading.current_thread() is threading.main_thread()
        return rpc

    monkeypatch.setattr(BoundedService, "apply_patch", noting)
    asked = ScimRequest("PATCH", "/root", "/Groups/t", {}, {}, adds(1))
    answer = await Serving().answer(asked, reach=reach, call=call, org_id="org_1")
    assert answer.status_code == 204, answer.body
    assert patched and threading.main_thread() not in patched


async def test_an_organisations_requests_follow_each_other_and_hold_up_no_other() -> None:
    turns, order, came, go = Turns(), list[str](), asyncio.Event(), asyncio.Event()

    async def one(org_id: str) -> None:
        async with turns.of(org_id):
            order.append(org_id)
            if org_id == "org_2":
                came.set()
            await go.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(MOST_WAITING + 1):
            group.create_task(one("org_1"))
        group.create_task(one("org_2"))
        await came.wait()
        assert order == ["org_1", "org_2"]
        with pytest.raises(RateLimited, match="waiting"):
            await one("org_1")
        go.set()
    assert order.count("org_1") == MOST_WAITING + 1
    async with turns.of("org_1"):
        pass
