"""Hypothesis strategies for JSON as text: every way to write a value, and bytes that are nearly JSON."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
"""Any text of Unicode, NUL included."""

NUMBERS = st.one_of(
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True),
)
"""Numbers as JSON writes them, also those that no 64 bits hold. "1E400" is one."""

WHITE = st.text(" \t\r\n", max_size=2)


@st.composite
def string_texts(draw: st.DrawFn) -> str:
    """A string, its characters escaped or not."""
    return json.dumps(draw(TEXT), ensure_ascii=draw(st.booleans()))


def _containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(array_texts(inner), object_texts(inner))


@st.composite
def array_texts(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    """An array of such values, with any white space."""
    items = draw(st.lists(inner, max_size=4))
    space = draw(WHITE)
    return f"[{space}{f'{space},{space}'.join(items)}]{draw(WHITE)}".rstrip()


@st.composite
def object_texts(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    """An object of such values, keys repeated or not, with any white space."""
    names = st.one_of(string_texts(), st.sampled_from(KNOWN))
    fields = draw(st.lists(st.tuples(names, inner), max_size=4))
    space = draw(WHITE)
    return f"{{{space}{','.join(f'{name}{space}:{space}{value}{space}' for name, value in fields)}}}"


KNOWN = tuple(
    json.dumps(f"${name}")
    for name in ("timestamp", "time", "session_id", "screen_name", "os", "browser", "device_model")
)

VALUES = st.recursive(
    st.one_of(st.sampled_from(("null", "true", "false")), NUMBERS, string_texts()), _containers, max_leaves=8
)
BAGS = object_texts(VALUES)
"""Property bags."""


@st.composite
def nearly(draw: st.DrawFn, whole: st.SearchStrategy[Any]) -> bytes:
    """The bytes of such a text with a few of them taken out, put in, or changed."""
    data = bytearray(draw(whole).encode())
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        piece = draw(
            st.sampled_from([b"", b"\xff", b"\x00", b'"', b"{", b"]", b",", b"\\", b"\\ud800", b"NaN", b"1"])
        )
        data[at : at + draw(st.integers(0, 2))] = piece
    return bytes(data)
