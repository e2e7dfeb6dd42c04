"""The public REST wire, as the tools here use it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import httpx


class WireError(Exception):
    """The mesh refused, or did not answer; the text is for people."""


class PublicClient:
    """A client of one URL, global or regional. Answers are the decoded JSON bodies."""

    def __init__(self, url: str, *, timeout_s: float = 30.0) -> None:
        self.url = url
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s, trust_env=False)

    async def __aenter__(self) -> PublicClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def sign_up(self, *, email: str, password: str, org_name: str, region: str) -> dict[str, Any]:
        """A new account and its organisation: `{token, user, orgs}`."""
        body = {"email": email, "password": password, "org_name": org_name, "primary_region": region}
        return await self._call("POST", "/api/v1/auth/signup", body=body)

    async def log_in(self, *, email: str, password: str) -> dict[str, Any]:
        """`{token, user, orgs}`."""
        return await self._call("POST", "/api/v1/auth/login", body={"email": email, "password": password})

    async def create_project(self, token: str, *, org_id: str, name: str, region: str) -> dict[str, Any]:
        """`{project, keys}`; the keys' secrets are shown this once."""
        body = {"org_id": org_id, "name": name, "region": region}
        return await self._call("POST", "/api/v1/projects", body=body, token=token)

    async def assign(self, token: str, *, org_id: str, region: str) -> dict[str, Any]:
        """Begins to move an organisation, or says how far that is: `{primary_region, assignment}`."""
        path = f"/api/v1/admin/regions/orgs/{org_id}/assign"
        return await self._call("POST", path, body={"region": region}, token=token)

    async def assignment(self, token: str, *, org_id: str) -> dict[str, Any]:
        """How far it is: `{primary_region, assignment}`."""
        return await self._call("GET", f"/api/v1/admin/regions/orgs/{org_id}/assign", token=token)

    async def track(self, key: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Posts an event; raises WireError unless it was accepted."""
        return await self._call("POST", "/api/v1/track", body=event, key=key)

    async def batch(self, key: str, operations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Posts operations; raises WireError unless all of them were accepted."""
        return await self._call("POST", "/api/v1/batch", body={"operations": operations}, key=key)

    async def query(self, token: str, project_id: str, what: str, **parameters: str) -> dict[str, Any]:
        """`what`: events, events/names, events/counts, people."""
        return await self._call("GET", f"/api/v1/projects/{project_id}/{what}", token=token, query=parameters)

    async def status_of_track(self, key: str) -> tuple[int, str | None]:
        """Posts one event; status and X-Sankofa-Region of whatever is answered."""
        event = {"event_name": "probe", "distinct_id": "user_probe"}
        answer = await self._http.post("/api/v1/track", json=event, headers={"x-api-key": key})
        return answer.status_code, answer.headers.get("x-sankofa-region")

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        token: str | None = None,
        key: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {token}"} if token else {"x-api-key": key} if key else {}
        try:
            answer = await self._http.request(method, path, json=body, headers=headers, params=query)
            decoded: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise WireError(f"{method} {self.url}{path}: {error!r}") from None
        if answer.status_code >= 300 or not decoded.get("ok"):
            raise WireError(f"{method} {self.url}{path}: {answer.status_code} {decoded.get('error')}")
        return decoded


async def eventually(attempt: Any, done: Any, *, timeout_s: float, every_s: float = 0.1) -> Any:
    """Repeats `await attempt()` until `done(result)`; the last result, done or not, after `timeout_s`."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        result = await attempt()
        if done(result) or asyncio.get_running_loop().time() > deadline:
            return result
        await asyncio.sleep(every_s)
