"""How each fact looks in LMDB: its database, its key, its value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple

import msgspec

from mesh.directory import AccessFact, ApiTokenFact, ProjectFact
from sankofa.registry.v1.registry_pb2 import (
    ApiKey,
    Catalogue,
    JwtKey,
    Org,
    Pin,
    RegionStatus,
    Row,
    SessionEnd,
    SignedRow,
)
from storage.registry.rules import key_of

DATABASES = (
    "meta",
    "regions",
    "signers",
    "jwt_keys",
    "orgs",
    "pins",
    "keys",
    "projects",
    "access",
    "session_ends",
    "api_tokens",
)

DATABASE_OF = {
    "signer": "signers",
    "jwt_key": "jwt_keys",
    "org": "orgs",
    "pin": "pins",
    "api_key": "keys",
    "session_end": "session_ends",
}
"""Kind of a registry row → the database that holds it. Login hints are in no directory."""

MAX_KEY_BYTES = 511
"""LMDB's bound: a longer id is of nothing we know."""

PUBLIC_KEY_BYTES, RETIRED = 32, b"-"
"""A retired token key keeps its entry, longer by a byte, so that no older row of it comes back."""

PRESENT, FORGOTTEN = True, False
"""A pin that a full compare no longer found is forgotten and kept: a second value is refused for ever."""


class ProjectEntry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The value of a project. Entries of before there was a retention, or allow-lists, have fewer parts."""

    org_id: str
    name: str
    state: str
    retention_days: int = 0
    allow_lists: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    """Domains and networks."""


class OrgEntry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The value of an organisation. One that never moved has two parts, as all had before any could."""

    region: str
    epoch: int
    former_region: str = ""
    handed_over_at_ms: int = 0


encode = msgspec.msgpack.Encoder().encode
decode_pin = msgspec.msgpack.Decoder(tuple[str, str, bool]).decode
"""region, org_id, present."""
decode_key = msgspec.msgpack.Decoder(tuple[str, str, int, str, bool]).decode
"""key_id, project_id, environment, region, revoked."""
decode_org = msgspec.msgpack.Decoder(OrgEntry).decode
decode_region = msgspec.msgpack.Decoder(tuple[int, str, str, str, str, str]).decode
"""place in the catalogue, display name, status, REST URL, federated address."""
decode_project = msgspec.msgpack.Decoder(ProjectEntry).decode
decode_access = msgspec.msgpack.Decoder(tuple[str, int, str, int]).decode
"""org_id, role, home region, epoch."""
decode_api_token = msgspec.msgpack.Decoder(tuple[str, str, int, int]).decode
"""token_id, project_id, role, expires at (unix ms)."""
decode_position = msgspec.msgpack.Decoder(tuple[str, int]).decode
"""feed_id, seq."""


def joined(*parts: str) -> bytes:
    """A key of several ids; empty, which no entry has, where an id could be taken for two."""
    return b"" if any("\0" in part for part in parts) else "\0".join(parts).encode()


def access_key(primary_region: str, fact: AccessFact) -> bytes:
    """Under the primary region, so that no region can write over another's rows."""
    return joined(primary_region, fact.user_id, fact.project_id)


def name_of(row: Row) -> tuple[str, bytes]:
    """The kind of a registry row, and its key in its kind's database."""
    kind, parts = key_of(row)
    return kind, parts[0] if isinstance(parts[0], bytes) else joined(*map(str, parts))


def value_of(signed: SignedRow) -> bytes:
    """The value of a registry row."""
    row, region = signed.row, signed.row.region
    kind, _ = key_of(row)
    match kind:
        case "signer":
            return signed.SerializeToString(deterministic=True)
        case "jwt_key":
            return row.jwt_key.public_key + (RETIRED if row.jwt_key.retired else b"")
        case "pin":
            return encode((region, row.pin.org_id, PRESENT))
        case "api_key":
            fact = row.api_key
            return encode((fact.key_id, fact.project_id, fact.environment, region, fact.revoked))
        case "org":
            if not row.org.handovers:
                return encode((region, row.org.epoch))
            last = row.org.handovers[-1]
            return encode(OrgEntry(region, row.org.epoch, last.from_region, last.at_unix_ms))
        case "session_end":
            end = row.session_end
            return b"%d %d" % (end.forget_after_unix_ms, end.before_unix_ms)
    raise ValueError(f"no directory holds a {kind}")


def decode_end(value: bytes) -> tuple[int, int]:
    """When the end of a session is forgotten, and, of an account, which tokens it is of: unix milliseconds.

    Entries of before there were any of accounts have the first part only.
    """
    forget_after, _, before = value.partition(b" ")
    return int(forget_after), int(before or 0)


def is_retired(token_key: bytes) -> bool:
    """Whether an entry is of a token key that verifies nothing any more."""
    return len(token_key) > PUBLIC_KEY_BYTES


def project_value(fact: ProjectFact) -> bytes:
    """The value of a project."""
    lists = None if fact.allow_lists is None else astuple(fact.allow_lists)
    return encode(ProjectEntry(fact.org_id, fact.name, fact.state, fact.retention_days, lists))


def api_token_value(fact: ApiTokenFact) -> bytes:
    """The value of an API token; its key is its hash."""
    return encode((fact.token_id, fact.project_id, fact.role, fact.expires_at_ms))


def row_of(kind: str, key: bytes, value: bytes) -> Row:
    """The row that an entry was made from, without its signature and its handovers."""
    match kind:
        case "signer":
            return SignedRow.FromString(value).row
        case "jwt_key":
            region, kid = key.decode().split("\0")
            public, retired = value[:PUBLIC_KEY_BYTES], is_retired(value)
            return Row(region=region, jwt_key=JwtKey(kid=kid, public_key=public, retired=retired))
        case "pin":
            region, org_id, _ = decode_pin(value)
            return Row(region=region, pin=Pin(project_id=key.decode(), org_id=org_id))
        case "api_key":
            key_id, project_id, environment, region, revoked = decode_key(value)
            fact = ApiKey(key_hash=key, key_id=key_id, project_id=project_id, revoked=revoked)
            fact.environment = environment  # type: ignore[assignment]
            return Row(region=region, api_key=fact)
        case "org":
            entry = decode_org(value)
            return Row(region=entry.region, org=Org(org_id=key.decode(), epoch=entry.epoch))
        case "session_end":
            region, session_id = key.decode().split("\0")
            forget_after, before = decode_end(value)
            end = SessionEnd(session_id=session_id, forget_after_unix_ms=forget_after, before_unix_ms=before)
            return Row(region=region, session_end=end)
    raise ValueError(f"no directory holds a {kind}")


def region_entries(catalogue: Catalogue) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of the regions of the mesh, which keep their order."""
    for place, region in enumerate(catalogue.regions):
        status = "open" if region.status == RegionStatus.REGION_STATUS_OPEN else "roadmap"
        addresses = (region.rest_url, region.federated_address, region.org_address)
        yield region.id.encode(), encode((place, region.display_name, status, *addresses))
