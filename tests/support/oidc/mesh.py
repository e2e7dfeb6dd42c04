"""A mesh of two regions with a shim each, and an organisation that signs in by a provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from mesh.context import act_as
from mesh.egress import EgressConfig
from services.org.config import OrgConfig
from storage.records.tables import org_audit
from tests.support.cells import HINTS, Cells, Owner
from tests.support.nodes import EU, US
from tests.support.oidc.lying import Lying
from tests.support.oidc.real import CLIENT, SECRET
from tests.support.shim import Running, start_shim

CALLBACK = "http://127.0.0.1:9/api/v1/auth/sso/callback"
"""Where the provider sends browsers; the tests carry what comes back to a shim themselves."""
SECRET_NAME = "oidc-secret"
HTML = {"accept": "text/html,*/*"}


@dataclass
class Browser:
    """What a person's browser remembers."""

    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"cookie": pairs} if pairs else {}

    def took(self, answer: httpx.Response) -> httpx.Response:
        self.cookies |= dict(answer.cookies)
        return answer


@dataclass
class SsoMesh:
    """`owner` and their organisation are in eu-west-1, on the Enterprise plan."""

    cells: Cells
    shims: dict[str, Running]
    owner: Owner

    @property
    def org_id(self) -> str:
        return self.owner.org_id

    def http(self, at: str) -> httpx.AsyncClient:
        """A region's shim, for a client that remembers nothing: what a browser remembers is in Browser."""
        client = self.shims[at].http
        client.cookies.clear()
        return client

    def settings(self, issuer: str, **changed: Any) -> dict[str, Any]:
        return {
            "issuer": issuer,
            "client_id": CLIENT,
            "client_secret_name": SECRET_NAME,
            "allowed_domains": ["example.org"],
        } | changed

    async def put(self, issuer: str, *, at: str = EU, **changed: Any) -> httpx.Response:
        return await self.http(at).put(
            f"/api/v1/sso?org_id={self.org_id}",
            json=self.settings(issuer, **changed),
            headers=bearer(self.owner.token),
            timeout=30,
        )

    async def set(self, issuer: str, **changed: Any) -> None:
        answer = await self.put(issuer, **changed)
        assert answer.status_code == 200, answer.text

    async def start(self, browser: Browser, *, at: str = EU, **query: str) -> httpx.URL:
        """Where a browser is sent."""
        params = {"org_id": self.org_id} | query
        answer = await self.http(at).get(
            "/api/v1/auth/sso/start", params=params, headers=HTML | browser.headers, follow_redirects=False
        )
        assert answer.status_code == 302, answer.text
        return httpx.URL(browser.took(answer).headers["location"])

    async def link(self, browser: Browser, token: str) -> httpx.Response:
        answer = await self.http(EU).post(
            "/api/v1/sso/link", json={"org_id": self.org_id}, headers=browser.headers | bearer(token)
        )
        return browser.took(answer)

    async def finish(self, browser: Browser, back: dict[str, str], *, at: str = EU) -> httpx.Response:
        return await self.http(at).get(
            "/api/v1/auth/sso/callback", params=back, headers=browser.headers, timeout=30
        )

    async def come_back(self, lying: Lying, browser: Browser, **changed: str) -> httpx.Response:
        """A whole sign-in with a provider that lies on demand."""
        sent = await self.start(browser)
        lying.nonce = sent.params["nonce"]
        return await self.finish(browser, {"state": sent.params["state"], "code": "c"} | changed)

    async def signed_in(self, lying: Lying) -> dict[str, Any]:
        answer = await self.come_back(lying, Browser())
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def audit(self) -> list[Any]:
        """The organisation's rows."""
        async with self.cells.of[EU].records._database.read() as connection:
            return list(await connection.execute(select(org_audit).order_by(org_audit.c.seq)))

    async def plan(self, plan: Any) -> None:
        act_as("operator/test")
        await self.cells.of[EU].records.orgs.set_plan(self.org_id, plan)

    def secret(self, region: str, text: str) -> None:
        folder = self.cells.of[region].folder / "secrets" / self.org_id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SECRET_NAME).write_text(text)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@asynccontextmanager
async def sso_mesh(
    pki: Path, folder: Path, *, records_url: str = "", allowed: tuple[str, ...] = ("127.0.0.0/8",)
) -> AsyncIterator[SsoMesh]:
    """Two regions, ready for settings."""
    config = OrgConfig(reconcile_every_s=0.05, sso_callback_url=CALLBACK)
    for region in (EU, US):
        (folder / region).mkdir(parents=True, exist_ok=True)
    cells = Cells(pki, folder, (EU, US), config)
    cells.of[EU].records_url = records_url
    for cell in cells.of.values():
        cell.egress = EgressConfig(allowed_networks=list(allowed))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(cells)
        shims = {
            region: await start_shim(
                stack,
                pki,
                cell.directory,
                cell_address="127.0.0.1:1",
                registry_address=f"127.0.0.1:{cells.registry.port}",
                hint_of=HINTS.hint,
                region=region,
            )
            for region, cell in cells.of.items()
        }
        made = SsoMesh(cells, shims, await cells.sign_up(EU))
        await made.plan("enterprise")
        made.secret(EU, SECRET + "\n")
        yield made
