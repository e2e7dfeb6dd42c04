"""From any region's URL and the global one: the same answers, and ORG calls to the primary region only."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from sankofa.residency.v1.ledger_pb2 import SIDE_CLIENT, SIDE_SERVER
from tests.e2e.org_plane import GLOBAL_URL, PINNED, PRIMARY, Asked, operations
from tests.e2e.traced import Traced
from tests.support.nodes import REGIONS
from tests.support.spans import StoredSpan

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400), pytest.mark.xdist_group("mesh")]

NOT_SET = {"getSso", "startSso", "finishSso"}
"""The organisation has no single sign-on: its primary region says so, at every URL."""


def spans_in(traced: Traced, asked: Asked, *planes: str) -> list[StoredSpan]:
    """Those of one call."""
    return [span for span in traced.spans if span.trace_id == asked.trace_id and span.plane in planes]


def test_every_get_of_the_document_was_asked_at_every_url_that_answers_it(traced: Traced) -> None:
    everywhere = {GLOBAL_URL, *REGIONS}
    at = defaultdict(set)
    for asked in traced.org_plane.asked:
        at[asked.operation].add(asked.at)
    found = {one.name: {GLOBAL_URL, PINNED} if one.of_project else everywhere for one in operations()}
    assert len(found) > 20
    assert dict(at) == {"login": everywhere, **found}


def test_an_owner_gets_the_same_answer_at_every_url(traced: Traced) -> None:
    answers = defaultdict(dict)
    for asked in traced.org_plane.asked:
        answers[asked.operation][asked.at] = (asked.status, asked.body)
    differing = {
        name: got for name, got in answers.items() if any(one != got[GLOBAL_URL] for one in got.values())
    }
    assert differing == {}


def test_everything_that_the_organisation_has_is_answered(traced: Traced) -> None:
    refused = {one.operation: one.status for one in traced.org_plane.asked if one.status >= 400}
    assert {name for name in refused if name not in NOT_SET} == set()
    assert set(refused) >= NOT_SET


def test_org_calls_go_from_the_region_that_answers_to_the_primary_one_and_nowhere_else(
    traced: Traced,
) -> None:
    for asked in traced.org_plane.asked:
        assert asked.at in (GLOBAL_URL, asked.region), "a regional URL answers itself"
        org = spans_in(traced, asked, "ORG")
        assert org or asked.of_project, f"{asked.operation} at {asked.at} asked no region for it"
        for span in org:
            assert (span.caller, span.callee) == (asked.region, PRIMARY), str(span)


def test_both_ends_of_every_org_call_are_in_the_trace(traced: Traced) -> None:
    for asked in traced.org_plane.asked:
        ends = defaultdict(list)
        for span in spans_in(traced, asked, "ORG"):
            ends[span.kind].append((span.name, span.caller, span.callee))
        assert sorted(ends["Client"]) == sorted(ends["Server"]), asked.operation


def test_nothing_else_crosses_but_a_look_up_of_where_an_account_is(traced: Traced) -> None:
    for asked in traced.org_plane.asked:
        others = spans_in(traced, asked, "DATA", "CONTROL", "TRANSFER", "LOCAL")
        crossing = {span.name for span in others if span.caller != span.callee}
        looked_up = (
            {"sankofa.registry.v1.RegistryService/FindLoginHint"} if asked.operation == "login" else set()
        )
        assert crossing == looked_up, asked.operation
        assert asked.of_project or not [span for span in others if span.plane == "DATA"]


@pytest.mark.parametrize(("side", "kind"), [(SIDE_CLIENT, "Client"), (SIDE_SERVER, "Server")])
def test_the_ledger_counted_exactly_the_calls_of_the_traces(traced: Traced, side: int, kind: str) -> None:
    in_traces = Counter(
        (span.caller, span.callee, f"/{span.name}")
        for asked in traced.org_plane.asked
        for span in spans_in(traced, asked, "ORG")
        if span.kind == kind
    )
    counted = {edge[:3]: number for edge, number in traced.org_plane.edges.items() if edge[3] == side}
    assert counted == dict(in_traces)
    assert {caller for caller, _, _ in counted} == set(REGIONS)
