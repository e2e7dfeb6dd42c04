"""Fingerprints of operations: of what a client sent, of what a store holds, of what the API answers.

All three are made from the same fields in the same order, so they are equal where nothing was altered. A name
that no other operation has is in each: `eu-west-1.w0.17.3` is the 4th operation of request `eu-west-1.w0.17`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import msgspec

PRINT_BYTES = 16
_NAME_FIRST = re.compile(r'\{"u":"([a-z0-9.-]+)"')
_TRAIT, _ALIAS = "u:", "anon:"


def event(
    *,
    project_id: str,
    environment: str,
    event_name: str,
    distinct_id: str,
    timestamp_ms: int,
    properties: str,
    default_properties: str,
    lib_version: str,
    event_id: str,
    session_id: str,
) -> bytes:
    """Of an event; the bags as the JSON text they are."""
    fields = (event_name, distinct_id, properties, default_properties, lib_version, event_id, session_id)
    return _digest("event", project_id, environment, timestamp_ms, *fields)


def people(
    *, project_id: str, environment: str, distinct_id: str, timestamp_ms: int, traits: Mapping[str, str]
) -> bytes:
    """Of a change of traits; each value as its JSON text."""
    return _digest("people", project_id, environment, timestamp_ms, distinct_id, sorted(traits.items()))


def alias(*, project_id: str, environment: str, alias_id: str, distinct_id: str, timestamp_ms: int) -> bytes:
    """Of an alias."""
    return _digest("alias", project_id, environment, timestamp_ms, alias_id, distinct_id)


def name_in_properties(properties: str) -> str:
    """The name of an event, which opens its properties; empty where there is none."""
    found = _NAME_FIRST.match(properties)
    return found[1] if found else ""


def trait_of(name: str) -> str:
    """The trait that only this operation sets."""
    return _TRAIT + name


def name_in_traits(traits: Mapping[str, str]) -> str:
    """The name of a change of traits; empty where there is none."""
    return next((key.removeprefix(_TRAIT) for key in traits if key.startswith(_TRAIT)), "")


def alias_of(name: str) -> str:
    """The id that only this operation makes an alias."""
    return _ALIAS + name


def name_in_alias(alias_id: str) -> str:
    """The name of an alias; empty where there is none."""
    return alias_id.removeprefix(_ALIAS) if alias_id.startswith(_ALIAS) else ""


def _digest(*fields: object) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(fields), digest_size=PRINT_BYTES).digest()
