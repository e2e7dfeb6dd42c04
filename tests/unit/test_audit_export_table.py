"""Cells of an export: what a spreadsheet would run is text."""

from __future__ import annotations

import pytest

from storage.records.audit.table import harmless


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "＝1",
            "＋1",
            "－1",
            "＠x",
            "=cmd|' /C calc'!A0",
        )
    ],
)
def test_what_begins_like_a_formula_gets_an_apostrophe(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell", ["", "ada@example.org", '{"a": "=1"}', "42", "a=b", "2026-05-09T14:32:01.482Z"]
)
def test_anything_else_is_as_it_was(cell: str) -> None:
    assert harmless(cell) == cell
