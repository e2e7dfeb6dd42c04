"""An organisation's directory, as Okta and Entra ID are one: it knows a base URL and a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.nodes import EU
from tests.support.oidc.mesh import SsoMesh, bearer

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@dataclass
class Directory:
    """Over one region's shim; it says what was answered, and never more than was asked."""

    http: httpx.AsyncClient
    root: str
    token: str

    async def ask(self, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
        return await self.http.request(
            method,
            f"{self.root}/{path}",
            json=body,
            params=query or None,
            headers=bearer(self.token),
            timeout=30,
        )

    async def create(self, name: str, **more: Any) -> dict[str, Any]:
        answer = await self.ask("POST", "Users", user(name, **more))
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def group(self, name: str, *user_ids: str) -> dict[str, Any]:
        members = [{"value": user_id} for user_id in user_ids]
        answer = await self.ask(
            "POST", "Groups", {"schemas": [GROUP], "displayName": name, "members": members}
        )
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def patch(self, path: str, *operations: dict[str, Any]) -> httpx.Response:
        return await self.ask("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        answer = await self.ask("GET", path, **query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def user(name: str, **more: Any) -> dict[str, Any]:
    """As a directory sends one, with more than is kept."""
    return {
        "schemas": [USER],
        "userName": name,
        "name": {"givenName": "Grace", "familyName": "Hopper"},
        "emails": [{"value": name, "type": "work", "primary": True}],
        "active": True,
    } | more


async def directory_of(mesh: SsoMesh, *, at: str = EU) -> Directory:
    """With a new token, which an Owner makes at one region's URL."""
    answer = await mesh.http(at).post(
        f"/api/v1/sso/scim?org_id={mesh.org_id}", headers=bearer(mesh.owner.token), timeout=30
    )
    assert answer.status_code == 201, answer.text
    told = answer.json()
    return Directory(mesh.http(at), told["base_path"], told["token"]["secret"])
