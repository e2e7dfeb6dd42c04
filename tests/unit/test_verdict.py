"""The audit's judgement, rule by rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cli.verdict import Judgement, Outcome, judge
from sankofa.org.v1.transfer_pb2 import ListTransfersResponse, Transfer
from sankofa.residency.v1.ledger_pb2 import (
    SIDE_CLIENT,
    SIDE_SERVER,
    VERDICT_ALLOWED,
    VERDICT_REFUSED,
    Edge,
    ListEdgesResponse,
    ReportRequest,
    Side,
    Verdict,
    Violation,
    Witness,
)
from sankofa.residency.v1.options_pb2 import (
    PLANE_CONTROL,
    PLANE_DATA,
    PLANE_EGRESS,
    PLANE_LOCAL,
    PLANE_ORG,
    PLANE_TRANSFER,
    PLANE_TRANSIT,
    Plane,
)
from tests.support.nodes import EU, US

APPEND = "/sankofa.ingest.v1.IngestService/Append"
NOW_MS = 1_800_000_000_000
Reading = Mapping[str, ListEdgesResponse]


def edge(
    side: Side,
    requests: int,
    *,
    caller: str = EU,
    callee: str = EU,
    plane: Plane = PLANE_DATA,
    verdict: Verdict = VERDICT_ALLOWED,
    **more: Any,
) -> Edge:
    counted: dict[str, Any] = {"answered": requests, "rpc": APPEND} | more
    return Edge(
        side=side,
        caller_region=caller,
        callee_region=callee,
        plane=plane,
        verdict=verdict,
        requests=requests,
        **counted,
    )


def both(requests: int, **more: Any) -> list[Edge]:
    return [edge(SIDE_CLIENT, requests, **more), edge(SIDE_SERVER, requests, **more)]


def answer(*edges: Edge, seen_ms_ago: int = 0, closed: bool = False, **more: Any) -> ListEdgesResponse:
    """What a region says, with one witness that reports now and one that did a while ago."""
    witnesses = [
        Witness(instance_id="fresh", role="cell", region=EU, reported_at_unix_ms=NOW_MS),
        Witness(
            instance_id="other",
            role="rest",
            region=EU,
            reported_at_unix_ms=NOW_MS - seen_ms_ago,
            closed=closed,
        ),
    ]
    return ListEdgesResponse(edges=edges, witnesses=witnesses, spans=5, **more)


def judged(
    first: Reading,
    second: Reading | None = None,
    *,
    own: ReportRequest | None = None,
    kept: Mapping[str, ListTransfersResponse] | None = None,
) -> Judgement:
    report = own or ReportRequest()
    return judge(
        first,
        second if second is not None else first,
        expected=(EU, US),
        own=(report, report),
        kept=moves() if kept is None else kept,
    )


def move(**more: Any) -> Transfer:
    told: dict[str, Any] = {"operation_id": "op_1", "org_id": "org_1", "epoch": 2, "handed_over": True}
    told |= {"from_region": EU, "to_region": US, "finished_at_unix_ms": NOW_MS}
    return Transfer(**(told | more))


def moves(left: Transfer | None = None, came: Transfer | None = None) -> dict[str, ListTransfersResponse]:
    """What eu-west-1 says has left it, and us-east-1 that has come."""
    return {
        EU: ListTransfersResponse(departures=[left] if left else []),
        US: ListTransfersResponse(arrivals=[came] if came else []),
    }


def quiet(*edges: Edge, **more: Any) -> dict[str, ListEdgesResponse]:
    """A mesh at rest, all of it told by one region."""
    return {EU: answer(*edges, **more), US: answer()}


def test_matching_counts_from_every_region_prove_it() -> None:
    found = judged(quiet(*both(7)))
    assert (found.outcome, found.missing, found.violations) == (Outcome.PROVEN, [], [])
    assert (found.requests, found.witnesses, found.spans) == (7, 5, 10)


def test_each_outcome_has_its_exit_code() -> None:
    assert {outcome.name: outcome.value for outcome in Outcome} == {"PROVEN": 0, "UNPROVEN": 2, "VIOLATED": 3}


@pytest.mark.parametrize("plane", [PLANE_DATA, PLANE_LOCAL])
@pytest.mark.parametrize("side", [SIDE_CLIENT, SIDE_SERVER])
def test_one_end_that_counted_a_crossing_is_enough_for_a_violation(plane: Plane, side: Side) -> None:
    found = judged(quiet(edge(side, 1, callee=US, plane=plane)))
    assert found.outcome is Outcome.VIOLATED
    (violation,) = found.violations
    assert (violation.kind, violation.rpc) == ("crossing", APPEND)
    assert (violation.caller_region, violation.callee_region) == (EU, US)


@pytest.mark.parametrize("plane", [PLANE_ORG, PLANE_CONTROL])
def test_planes_that_may_cross_do(plane: Plane) -> None:
    assert judged(quiet(*both(3, callee=US, plane=plane))).outcome is Outcome.PROVEN


def test_a_transfer_that_both_guards_found_granted_is_shown_and_is_no_violation() -> None:
    found = judged(quiet(*both(1, callee=US, plane=PLANE_TRANSFER)), kept=moves(move(), move()))
    assert (found.outcome, found.missing) == (Outcome.PROVEN, [])
    assert [(flow.caller, flow.callee, flow.plane, flow.requests) for flow in found.flows] == [
        (EU, US, "TRANSFER", 1)
    ]
    (covered,) = found.transfers
    assert (covered.requests, covered.operations, covered.organisations) == (1, ["op_1"], ["org_1"])


@pytest.mark.parametrize(
    ("kept", "why"),
    [
        (moves(), "1 calls on the TRANSFER plane and no reassignment"),
        (moves(None, move()), "us-east-1 alone knows of op_1"),
        (moves(move(), None), "eu-west-1 alone knows of op_1"),
        (moves(move(), move(epoch=3)), "the two do not say the same of op_1"),
        (moves(move(to_region="af-south-1"), None), "no reassignment"),
        ({EU: ListTransfersResponse()}, "us-east-1: does not say which reassignments it was an end of"),
    ],
)
def test_a_transfer_that_no_reassignment_of_both_ends_covers_leaves_it_unproven(
    kept: Mapping[str, ListTransfersResponse], why: str
) -> None:
    found = judged(quiet(*both(1, callee=US, plane=PLANE_TRANSFER)), kept=kept)
    assert found.outcome is Outcome.UNPROVEN
    assert any(why in line for line in found.missing), found.missing


def test_a_reassignment_that_was_given_up_covers_its_calls_though_its_target_has_forgotten_it() -> None:
    given_up = moves(move(handed_over=False), None)
    assert judged(quiet(*both(1, callee=US, plane=PLANE_TRANSFER)), kept=given_up).outcome is Outcome.PROVEN


def test_no_region_needs_to_tell_of_reassignments_where_nothing_was_transferred() -> None:
    assert judged(quiet(*both(1)), kept={}).outcome is Outcome.PROVEN


@pytest.mark.parametrize("side", [SIDE_CLIENT, SIDE_SERVER])
def test_a_transfer_that_one_guard_alone_let_through_leaves_it_unproven(side: Side) -> None:
    found = judged(quiet(edge(side, 1, callee=US, plane=PLANE_TRANSFER)), kept=moves(move(), move()))
    assert found.outcome is Outcome.UNPROVEN


def test_a_refused_crossing_is_shown_and_is_no_violation() -> None:
    refused = edge(SIDE_CLIENT, 4, callee=US, verdict=VERDICT_REFUSED, answered=0)
    found = judged(quiet(refused))
    assert (found.outcome, found.violations) == (Outcome.PROVEN, [])
    (flow,) = found.flows
    assert (flow.caller, flow.callee, flow.plane, flow.requests, flow.refused) == (EU, US, "DATA", 0, 4)


def test_a_region_s_violation_keeps_its_trace() -> None:
    told = Violation(
        rpc=APPEND,
        caller_region=EU,
        callee_region=US,
        kind="crossing",
        trace_id="f" * 32,
        trace_region=US,
    )
    reading = quiet(edge(SIDE_SERVER, 1, callee=US), violations=[told])
    found = judged(reading)
    assert found.outcome is Outcome.VIOLATED
    assert [(one.trace_id, one.trace_region) for one in found.violations] == [("f" * 32, US)]


def test_a_span_of_a_wrong_origin_is_a_violation_of_its_own() -> None:
    told = Violation(rpc=APPEND, caller_region=EU, callee_region=EU, kind="identity", trace_id="e" * 32)
    found = judged(quiet(*both(1), violations=[told]))
    assert (found.outcome, [one.kind for one in found.violations]) == (Outcome.VIOLATED, ["identity"])


def test_a_violation_outweighs_what_is_missing() -> None:
    reading = {EU: answer(edge(SIDE_SERVER, 1, callee=US))}
    found = judged(reading)
    assert found.missing and found.outcome is Outcome.VIOLATED


def test_a_region_that_does_not_answer_leaves_it_unproven() -> None:
    found = judged({EU: answer(*both(1))})
    assert found.outcome is Outcome.UNPROVEN
    assert found.missing == [f"{US}: its cell did not answer"]


def test_a_region_without_witnesses_leaves_it_unproven() -> None:
    found = judged({EU: answer(), US: ListEdgesResponse()})
    assert found.missing == [f"{US}: no process reported its counts"]
    assert found.outcome is Outcome.UNPROVEN


@pytest.mark.parametrize(
    ("silent_ms", "closed", "outcome"),
    [
        (10_000, False, Outcome.PROVEN),
        (10_001, False, Outcome.UNPROVEN),
        (10_001, True, Outcome.PROVEN),
    ],
)
def test_a_witness_may_be_silent_for_ten_seconds_or_have_closed(
    silent_ms: int, closed: bool, outcome: Outcome
) -> None:
    found = judged(quiet(seen_ms_ago=silent_ms, closed=closed))
    assert found.outcome is outcome
    assert all("eu-west-1/rest (other) is silent" in line for line in found.missing)


@pytest.mark.parametrize(
    ("counted", "line"),
    [
        (edge(SIDE_CLIENT, 2), "2 answered requests that no server counted"),
        (edge(SIDE_SERVER, 2), "2 received requests that no client counted"),
    ],
)
def test_a_pair_of_which_one_end_is_missing_leaves_it_unproven(counted: Edge, line: str) -> None:
    found = judged(quiet(counted))
    assert found.outcome is Outcome.UNPROVEN
    assert found.missing == [f"{EU} → {EU} {APPEND}: {line}"]
    assert [flow.requests for flow in found.flows] == [2]


def test_the_auditor_s_own_counters_are_the_other_end_of_its_questions() -> None:
    asked: dict[str, Any] = {"caller": "global", "plane": PLANE_CONTROL}
    reading = quiet(edge(SIDE_SERVER, 2, **asked))
    assert judged(reading).outcome is Outcome.UNPROVEN
    own = ReportRequest(edges=[edge(SIDE_CLIENT, 2, **asked)])
    assert judged(reading, own=own).outcome is Outcome.PROVEN


def test_calls_in_flight_between_the_readings_do_not_unprove_a_mesh_at_work() -> None:
    """Begun 12, received 11, answered 10 at the first reading; each count is a little older than the next."""
    first = quiet(edge(SIDE_CLIENT, 12, answered=10), edge(SIDE_SERVER, 11))
    second = quiet(edge(SIDE_CLIENT, 40, answered=37), edge(SIDE_SERVER, 39))
    assert judged(first, second).outcome is Outcome.PROVEN


def test_a_stale_count_of_one_end_is_caught_up_by_the_second_reading() -> None:
    first = quiet(edge(SIDE_CLIENT, 20), edge(SIDE_SERVER, 11))
    assert judged(first, quiet(edge(SIDE_CLIENT, 31), edge(SIDE_SERVER, 20))).outcome is Outcome.PROVEN
    assert judged(first, quiet(edge(SIDE_CLIENT, 31), edge(SIDE_SERVER, 19))).outcome is Outcome.UNPROVEN


def test_calls_that_were_never_answered_are_no_proof_of_a_loss() -> None:
    assert judged(quiet(edge(SIDE_CLIENT, 5, answered=0))).outcome is Outcome.PROVEN


def test_counts_that_vanish_between_the_readings_leave_it_unproven() -> None:
    assert judged(quiet(*both(3)), quiet()).outcome is Outcome.UNPROVEN


def test_transit_is_shown_apart_and_is_no_crossing() -> None:
    found = judged(quiet(*both(6, callee=US, plane=PLANE_TRANSIT, rpc="HTTP/forward"), *both(1)))
    assert found.outcome is Outcome.PROVEN
    assert [(flow.caller, flow.callee, flow.requests) for flow in found.transit] == [(EU, US, 6)]
    assert [flow.plane for flow in found.flows] == ["DATA"]


def test_a_flow_adds_up_what_both_ends_carried_and_shows_the_larger_count() -> None:
    client = edge(SIDE_CLIENT, 5, rows=9, bytes=100)
    server = edge(SIDE_SERVER, 4, rows=8, bytes=120)
    (flow,) = judged(quiet(client, server)).flows
    assert (flow.requests, flow.rows, flow.bytes) == (5, 9, 120)


def test_egress_is_shown_apart_by_purpose_needs_no_other_end_and_is_no_violation() -> None:
    out: dict[str, Any] = {"callee": "external", "plane": PLANE_EGRESS}
    hook, sign_on = "egress/audit-webhook", "egress/sso"
    found = judged(
        quiet(
            edge(SIDE_CLIENT, 6, rpc=hook, rows=6, bytes=900, **out),
            edge(SIDE_CLIENT, 2, rpc=hook, verdict=VERDICT_REFUSED, **out),
            edge(SIDE_CLIENT, 1, rpc=sign_on, **out),
            *both(1),
        )
    )
    assert (found.outcome, found.missing, found.violations) == (Outcome.PROVEN, [], [])
    told = [(flow.caller, flow.purpose, flow.requests, flow.refused, flow.bytes) for flow in found.egress]
    assert told == [(EU, hook, 6, 2, 900), (EU, sign_on, 1, 0, 0)]
    assert [flow.plane for flow in found.flows] == ["DATA"]
