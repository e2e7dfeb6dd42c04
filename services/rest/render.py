"""Messages of the cells as the public JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from mesh.permissions import org_role_name
from sankofa.ingest.v1.erasure_pb2 import ErasePersonResponse
from sankofa.ingest.v1.project_pb2 import KeyInfo, MintedKey, Project, ProjectState
from sankofa.org.v1.org_pb2 import Org, OrgProject, User
from sankofa.query.v1.query_pb2 import Event, Person
from sankofa.residency.v1.environment_pb2 import Environment

Json = dict[str, Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def timestamp(unix_ms: int) -> str:
    """RFC 3339 with milliseconds, UTC, years 0001 to 9999."""
    moment = _EPOCH + timedelta(milliseconds=unix_ms)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def optional_timestamp(unix_ms: int) -> str | None:
    """The same; None for 0, which says that there is no time to tell."""
    return timestamp(unix_ms) if unix_ms else None


def environment(value: Environment) -> str:
    """`live` or `test`."""
    return Environment.Name(value).removeprefix("ENVIRONMENT_").lower()


def user(message: User) -> Json:
    """An account."""
    return {"id": message.user_id, "email": message.email, "home_region": message.home_region}


def org(message: Org) -> Json:
    """An organisation as one of its members sees it."""
    return {
        "id": message.org_id,
        "name": message.name,
        "plan": message.plan,
        "primary_region": message.primary_region,
        "role": org_role_name(message.role),
    }


def org_project(message: OrgProject) -> Json:
    """A project as its organisation knows it."""
    return {
        "id": message.project_id,
        "org_id": message.org_id,
        "name": message.name,
        "region": message.region,
        "created_at": timestamp(message.created_at_unix_ms),
        "retention_days": message.retention_days,
    }


def project(message: Project) -> Json:
    """A project as its own region knows it, its keys without secrets."""
    return {
        "id": message.project_id,
        "org_id": message.org_id,
        "name": message.name,
        "region": message.region,
        "state": ProjectState.Name(message.state).removeprefix("PROJECT_STATE_").lower(),
        "created_at": timestamp(message.created_at_unix_ms),
        "retention_days": message.retention_days,
        "authorized_domains": list(message.authorized_domains.entries),
        "authorized_ips": list(message.authorized_ips.entries),
        "keys": [_key(key) for key in message.keys],
    }


def _key(message: KeyInfo) -> Json:
    return {
        "id": message.key_id,
        "environment": environment(message.environment),
        "created_at": timestamp(message.created_at_unix_ms),
        "revoked": message.revoked,
    }


def minted_key(message: MintedKey) -> Json:
    """A key and its secret."""
    return {
        "id": message.key_id,
        "environment": environment(message.environment),
        "secret": message.secret,
    }


def event(message: Event) -> Json:
    """An event; what is empty is left out, property bags are the bytes that were stored."""
    found: Json = {
        "id": message.id,
        "event_id": message.event_id,
        "event_name": message.event_name,
        "distinct_id": message.distinct_id,
        "timestamp": timestamp(message.timestamp_unix_ms),
        "received_at": timestamp(message.received_at_unix_ms),
        "session_id": message.session_id,
        "lib_version": message.lib_version,
        "os": message.os,
        "browser": message.browser,
        "device_model": message.device_model,
    }
    kept = {name: value for name, value in found.items() if value}
    return kept | {
        "properties": _bag(message.properties),
        "default_properties": _bag(message.default_properties),
    }


def person(message: Person) -> Json:
    """A person with merged traits."""
    changed = message.updated_at_unix_ms
    return {
        "distinct_id": message.distinct_id,
        "aliases": list(message.aliases),
        "properties": _bag(message.properties),
        "updated_at": timestamp(changed) if changed else None,
    }


def erasure(message: ErasePersonResponse) -> Json:
    """An order to erase; the times are null where the events before it are still on their way."""
    erased, off_disk = message.erased_at_unix_ms, message.off_disk_by_unix_ms
    return {
        "erasure_id": message.erasure_id,
        "erased_at": timestamp(erased) if erased else None,
        "off_disk_by": timestamp(off_disk) if off_disk else None,
    }


def _bag(text: bytes) -> msgspec.Raw:
    return msgspec.Raw(text or b"{}")
