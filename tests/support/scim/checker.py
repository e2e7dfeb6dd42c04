"""scim2-tester against a running shim: an independent reading of RFC 7643 and 7644."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
from scim2_client import BaseSyncSCIMClient
from scim2_models import ScimProvider
from scim2_tester import check_server
from scim2_tester.utils import CheckResult

from services.rest.scim.resources import PROVIDER, Email, User


class Mails(list[str]):
    """Whichever example is taken is another address of the domain that the organisation allows."""

    numbers = itertools.count()

    def __getitem__(self, index: Any) -> Any:
        return f"checked{next(self.numbers)}@example.org"


class Client(BaseSyncSCIMClient):
    """Over httpx, which is here anyway."""

    def __init__(self, http: httpx.Client, provider: ScimProvider) -> None:
        super().__init__(provider=provider)
        self.http = http

    def _stays_under_base_url(self, endpoint: str) -> bool:
        return True

    def _parse_json(self, response: Any) -> Any:
        return response.json()

    def request(self, method: str, url: str, **kwargs: Any) -> httpx.Response:
        return self.http.request(method, url, **kwargs)


def check(base_url: str, token: str) -> list[CheckResult]:
    """Every check of users, groups and discovery."""
    for model, field in ((User, "user_name"), (Email, "value")):
        model.model_fields[field].examples = Mails(["checked@example.org"])
    http = httpx.Client(base_url=base_url, headers={"authorization": f"Bearer {token}"}, timeout=30)
    with http:
        return check_server(Client(http, PROVIDER))
