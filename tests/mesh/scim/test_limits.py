"""What a directory can't do to a shim."""

from __future__ import annotations

import pytest

from tests.support.nodes import US
from tests.support.oidc.lying import Lying
from tests.support.oidc.mesh import SsoMesh
from tests.support.scim.directory import ERROR, directory_of

pytestmark = [pytest.mark.disk, pytest.mark.network]


async def test_a_token_is_looked_at_before_what_it_comes_with(mesh: SsoMesh, lying: Lying) -> None:
    await mesh.set(lying.issuer)
    directory = await directory_of(mesh, at=US)
    body = {"schemas": ["urn:none"], "members": 1}
    good, directory.token = directory.token, "scim_no"
    for method, path in (("POST", "Groups"), ("PUT", "Groups/team_1"), ("PATCH", "Groups/team_1")):
        assert (await directory.ask(method, path, body)).status_code == 401
    assert (await directory.ask("GET", "Users", filter="userName")).status_code == 401
    directory.token = good
    assert (await directory.ask("POST", "Groups", body)).status_code == 400


async def test_a_patch_has_so_many_operations_and_says_so(mesh: SsoMesh, lying: Lying) -> None:
    await mesh.set(lying.issuer)
    directory = await directory_of(mesh, at=US)
    group = await directory.group("Growth")
    rename = {"op": "replace", "path": "displayName", "value": "Growing"}
    refused = await directory.patch(f"Groups/{group['id']}", *[rename] * 1_001)
    assert refused.status_code == 413 and refused.json()["schemas"] == [ERROR]
    assert "1,000 at most" in refused.json()["detail"]
    assert (await directory.patch(f"Groups/{group['id']}", *[rename] * 1_000)).status_code == 204
