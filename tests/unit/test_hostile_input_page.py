"""docs/hostile-input.md has a row for each hostile test, and a test for each row."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_and_the_tests_name_the_same() -> None:
    page = (ROOT / "docs/hostile-input.md").read_text()
    rows = re.findall(r"^\|.*\| `(test_\w+)` \|$", page, re.MULTILINE)
    tests = {
        node.name
        for file in (ROOT / "tests/mesh/hostile").glob("test_*.py")
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")
    }
    assert len(rows) == len(set(rows))
    assert set(rows) == tests
