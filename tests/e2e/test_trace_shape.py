"""The shape of each scenario's trace: who called whom, on which plane, and which region keeps the span."""

from __future__ import annotations

import pytest

from tests.e2e.trace_shapes import SHAPES
from tests.e2e.traced import Traced
from tests.support.nodes import REGIONS
from tests.support.spans import tree

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400), pytest.mark.xdist_group("mesh")]


@pytest.mark.parametrize("name", SHAPES)
def test_a_scenario_has_these_hops_and_no_other(traced: Traced, name: str) -> None:
    assert tree(traced.spans, traced.traces[name]) == SHAPES[name].strip("\n").split("\n")


def test_every_scenario_has_a_stored_shape(traced: Traced) -> None:
    assert {name for name in traced.traces if name} == set(SHAPES)


def test_every_region_keeps_the_spans_of_its_own_processes_and_no_others(traced: Traced) -> None:
    assert {span.stored_in for span in traced.spans} == set(REGIONS)
    assert [str(span) for span in traced.spans if span.cloud_region != span.stored_in] == []


def test_a_span_lies_in_the_region_of_the_end_that_made_it(traced: Traced) -> None:
    """The registry is of no region; its spans lie in its home region."""
    for span in traced.spans:
        if span.plane and span.service != "registry":
            assert span.stored_in == (span.caller if span.kind == "Client" else span.callee), str(span)


def test_no_data_call_left_its_region(traced: Traced) -> None:
    inside = [span for span in traced.spans if span.plane in ("DATA", "LOCAL") and span.verdict == "allowed"]
    assert len(inside) >= 9
    assert [str(span) for span in inside if span.caller != span.callee] == []
