"""The router's decision, over every kind of path and key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pytest

from mesh.directory import KeyFact, OrgFact
from mesh.errors import Forbidden, NotFound, SankofaError, Unauthenticated, Unavailable
from sankofa.residency.v1.environment_pb2 import Environment
from services.router.core import Router
from tests.support.nodes import EU, US, MemoryDirectory

KEY = b"sk_live_" + b"0" * 32
HOME, PINNED = EU, US


@dataclass
class EmptyDirectory(MemoryDirectory):
    """A directory before its first snapshot."""

    def default_region(self) -> str | None:
        return None


def router(directory: MemoryDirectory | None = None) -> Router:
    """A router at home in HOME; the key, the project and the organisation it knows are of PINNED."""
    if directory is None:
        fact = KeyFact("key_1", "proj_1", Environment.ENVIRONMENT_LIVE, PINNED)
        directory = MemoryDirectory(
            keys={hashlib.sha256(KEY).digest(): fact},
            pins={"proj_1": PINNED},
            orgs={"org_1": OrgFact("org_1", PINNED, 1)},
        )
    return Router(directory=directory, home_region=HOME)


@pytest.mark.parametrize("name", ["track", "people", "alias", "batch"])
@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
def test_ingestion_goes_where_its_key_says(name: str, method: str) -> None:
    assert router().region_of(method=method, path=f"/api/v1/{name}", api_keys=[KEY]) == PINNED
    assert router().region_of(method=method, path=f"/api/v1/{name}/", api_keys=[KEY]) == PINNED


@pytest.mark.parametrize(
    ("keys", "error", "status"),
    [
        ([], Unauthenticated, 401),
        ([b""], Unauthenticated, 401),
        ([KEY + b" "], Forbidden, 403),
        ([b"\xff"], Forbidden, 403),
        ([KEY, KEY], Forbidden, 403),
        ([b"", KEY], Forbidden, 403),
        ([KEY + b"," + KEY], Forbidden, 403),
    ],
)
def test_ingestion_without_one_good_key_is_refused(
    keys: list[bytes], error: type[SankofaError], status: int
) -> None:
    with pytest.raises(error) as refused:
        router().region_of(method="POST", path="/api/v1/track", api_keys=keys)
    assert refused.value.http_status == status


@pytest.mark.parametrize(
    ("path", "region"),
    [
        ("/api/v1/projects/proj_1", PINNED),
        ("/api/v1/projects/proj_1/people/a/b", PINNED),
        ("/api/v1/admin/regions/orgs/org_1", PINNED),
        ("/api/v1/admin/regions/orgs/org_1/assign", PINNED),
        ("/api/v1/scim/v2/org_1/Users", PINNED),
        ("/api/v1/scim/v2/org_2/Users", HOME),
        ("/api/v1/scim/v2/", HOME),
        ("/api/v1/projects", HOME),
        ("/api/v1/projects/", HOME),
        ("/api/v1/admin/regions", HOME),
        ("/api/v1/auth/login", HOME),
        ("/api/v2/projects/proj_1", HOME),
        ("/healthz", HOME),
        ("/", HOME),
        ("", HOME),
    ],
)
def test_other_paths_go_to_the_region_of_what_they_name_or_home(path: str, region: str) -> None:
    assert router().region_of(method="GET", path=path, api_keys=[]) == region


@pytest.mark.parametrize("path", ["/api/v1/projects/proj_2", "/api/v1/admin/regions/orgs/org_2"])
def test_an_unknown_project_or_organisation_has_no_default_region(path: str) -> None:
    with pytest.raises(NotFound):
        router().region_of(method="GET", path=path, api_keys=[KEY])


def test_a_preflight_of_ingestion_carries_no_key_and_is_answered_at_home() -> None:
    assert router().region_of(method="OPTIONS", path="/api/v1/track", api_keys=[]) == HOME


@pytest.mark.parametrize("path", ["/api/v1/track", "/api/v1/projects/proj_1", "/healthz"])
def test_before_the_catalogue_has_come_nothing_is_known_and_nothing_is_called_unknown(path: str) -> None:
    late = router(EmptyDirectory())
    assert not late.ready()
    with pytest.raises(Unavailable):
        late.region_of(method="POST", path=path, api_keys=[KEY])
