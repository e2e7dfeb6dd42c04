"""The guard's decision, plane by plane."""

from __future__ import annotations

import pytest

from mesh.directory import OrgFact
from mesh.errors import CrossingRefused
from mesh.guard import Guard
from mesh.planes import THIRD_PARTY, plane_of
from sankofa.ingest.v1.ingest_pb2 import AppendItem, AppendRequest
from sankofa.ingest.v1.project_pb2 import GetProjectRequest
from sankofa.org.v1.org_pb2 import ListProjectsRequest, LoginRequest, SignUpRequest
from sankofa.query.v1.query_pb2 import ListEventsRequest, Scope
from sankofa.residency.v1.error_pb2 import ErrorReason
from sankofa.residency.v1.ledger_pb2 import ListEdgesRequest, SweepRequest
from sankofa.residency.v1.options_pb2 import Plane
from tests.support.nodes import EU, US, MemoryDirectory

DIRECTORY = MemoryDirectory(
    pins={"proj_eu": EU, "proj_us": US},
    orgs={
        "org_eu": OrgFact("org_eu", EU, 1),
        "org_us": OrgFact("org_us", US, 1),
        "org_moved": OrgFact("org_moved", US, 2, EU),
    },
)
GUARD = Guard(EU, DIRECTORY)


def question(project: str) -> ListEventsRequest:
    return ListEventsRequest(scope=Scope(project_id=project))


def reason(plane: Plane, caller: str, request: object) -> str | None:
    refused = GUARD.refusal(plane, caller, request)  # type: ignore[arg-type]
    return None if refused is None else ErrorReason.Name(refused.reason).removeprefix("ERROR_REASON_")


@pytest.mark.parametrize(
    ("plane", "caller", "request_", "expected"),
    [
        (Plane.PLANE_DATA, EU, question("proj_eu"), None),
        (Plane.PLANE_DATA, US, question("proj_eu"), "CROSSING_FORBIDDEN"),
        (Plane.PLANE_DATA, US, question("proj_us"), "CROSSING_FORBIDDEN"),
        (Plane.PLANE_DATA, EU, question("proj_us"), "WRONG_REGION"),
        (Plane.PLANE_DATA, EU, question("proj_nowhere"), "PIN_UNKNOWN"),
        (Plane.PLANE_DATA, EU, question(""), "PIN_UNKNOWN"),
        (Plane.PLANE_DATA, EU, None, None),
        (Plane.PLANE_DATA, US, None, "CROSSING_FORBIDDEN"),
        (Plane.PLANE_DATA, "global", question("proj_eu"), "CROSSING_FORBIDDEN"),
        (Plane.PLANE_LOCAL, EU, SweepRequest(), None),
        (Plane.PLANE_LOCAL, US, SweepRequest(), "CROSSING_FORBIDDEN"),
        (Plane.PLANE_LOCAL, "global", SweepRequest(), "CROSSING_FORBIDDEN"),
        (Plane.PLANE_CONTROL, US, ListEdgesRequest(region=EU), None),
        (Plane.PLANE_CONTROL, US, ListEdgesRequest(region=US), "WRONG_REGION"),
        (Plane.PLANE_CONTROL, US, GetProjectRequest(project_id="proj_eu"), None),
        (Plane.PLANE_CONTROL, US, GetProjectRequest(project_id="proj_us"), "WRONG_REGION"),
        (Plane.PLANE_ORG, US, ListProjectsRequest(org_id="org_eu"), None),
        (Plane.PLANE_ORG, US, ListProjectsRequest(org_id="org_us"), "WRONG_REGION"),
        (Plane.PLANE_ORG, US, ListProjectsRequest(org_id="org_nowhere"), "PIN_UNKNOWN"),
        (Plane.PLANE_ORG, US, SignUpRequest(region=EU), None),
        (Plane.PLANE_ORG, US, SignUpRequest(region=US), "WRONG_REGION"),
        (Plane.PLANE_ORG, US, LoginRequest(hint="00"), None),
        (Plane.PLANE_ORG, US, ListProjectsRequest(org_id="org_moved"), "ORG_MOVED"),
        (Plane.PLANE_TRANSFER, EU, question("proj_eu"), "GRANT_INVALID"),
        (Plane.PLANE_TRANSFER, US, None, "GRANT_INVALID"),
    ],
)
def test_a_plane_lets_in_what_it_allows_and_nothing_else(
    plane: Plane, caller: str, request_: object, expected: str | None
) -> None:
    assert reason(plane, caller, request_) == expected


def test_each_item_of_a_frame_is_decided_by_itself() -> None:
    frame = AppendRequest(items=[AppendItem(project_id=name) for name in ("proj_eu", "proj_us", "")])
    refusals = [GUARD.admit(item) for item in frame.items]
    assert [refused and ErrorReason.Name(refused.reason) for refused in refusals] == [
        None,
        "ERROR_REASON_WRONG_REGION",
        "ERROR_REASON_PIN_UNKNOWN",
    ]


def test_a_method_without_a_plane_is_refused() -> None:
    with pytest.raises(CrossingRefused):
        plane_of("/someone.elses.Service/Call")


def test_third_party_services_stay_in_their_region() -> None:
    assert set(THIRD_PARTY.values()) == {Plane.PLANE_LOCAL}
