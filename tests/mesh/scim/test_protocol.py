"""The protocol as an independent checker reads the RFCs, over real shims."""

from __future__ import annotations

import asyncio
import re

import pytest
from scim2_tester.utils import CheckResult, Status

from tests.support.nodes import EU, US
from tests.support.oidc.lying import Lying
from tests.support.oidc.mesh import SsoMesh
from tests.support.scim.checker import check
from tests.support.scim.directory import ERROR, directory_of, user

pytestmark = [pytest.mark.disk, pytest.mark.network, pytest.mark.timeout(300)]

OTHERWISE = {
    ("check_add_attribute", "emails"): "one e-mail is kept",
    ("check_replace_attribute", "emails"): "the one is the primary one, said at random",
    ("search_with_attributes", ""): "there is no .search, whose place GET takes",
    ("check_add_attribute", "roles"): "who is not active has none, and it sets active at random",
    ("check_replace_attribute", "roles"): "the same",
    ("check_remove_attribute", "emails"): "the user name is an e-mail: there is always one",
    ("check_remove_attribute", "roles"): "a member has a role",
    ("check_remove_attribute", "active"): "who is not said to be inactive is active",
}
"""What the checker expects of all attributes, and these can't be: RFC 7644, 3.5.2, lets a service say so."""


def finding(result: CheckResult) -> tuple[str, str]:
    """The check and its attribute."""
    if str(result.title).startswith("search_with"):
        return str(result.title), ""
    named = re.search(r"'([\w:.]+)'", result.reason or "")
    return str(result.title), named.group(1).rpartition(":")[2] if named else result.reason or ""


async def test_an_independent_checker_finds_nothing_wrong_at_another_regions_url(
    mesh: SsoMesh, lying: Lying
) -> None:
    await mesh.set(lying.issuer)
    directory = await directory_of(mesh)
    base = f"{mesh.http(US).base_url}".rstrip("/") + directory.root
    results = await asyncio.to_thread(check, base, directory.token)
    good = {Status.SUCCESS, Status.SKIPPED, Status.COMPLIANT}
    wrong = {finding(result): result.reason for result in results if result.status not in good}
    assert {found: why for found, why in wrong.items() if found not in OTHERWISE} == {}
    assert sum(result.status == Status.SUCCESS for result in results) >= 50


async def test_refusals_are_in_the_shape_of_scim_and_name_region_and_request(
    mesh: SsoMesh, lying: Lying
) -> None:
    await mesh.set(lying.issuer)
    directory = await directory_of(mesh)
    made = await directory.create("grace@example.org")
    cases = [
        ("GET", "Users/usr_none", None, 404, None),
        ("GET", "Nothing/1", None, 404, None),
        ("GET", 'Users?filter=userName sw "g"', None, 400, "invalidFilter"),
        ("GET", "Users?filter=userName", None, 400, "invalidFilter"),
        ("POST", "Users", {"schemas": []}, 400, None),
        ("POST", "Users", user("GRACE@example.org"), 409, "uniqueness"),
        ("POST", "Users", user("eve@elsewhere.example"), 400, "invalidValue"),
        ("POST", "Users", user("eve@example.org", roles=[{"value": "owner"}]), 400, "invalidValue"),
        ("POST", "Users", user("eve", emails=[]), 400, "invalidValue"),
        ("POST", "Bulk", {}, 404, None),
        ("PUT", "Users", {}, 405, None),
        ("DELETE", f"Users/{mesh.owner.user_id}", None, 409, None),
        ("GET", f"Users/{made['id']}?attributes=userName", None, 200, None),
    ]
    for method, path, body, status, kind in cases:
        answer = await directory.ask(method, path, body)
        assert (answer.status_code, answer.headers["x-sankofa-region"]) == (status, EU), (path, answer.text)
        assert answer.headers["x-request-id"] and answer.headers["content-type"] == "application/scim+json"
        if status >= 400:
            told = answer.json()
            assert (told["schemas"], told["status"]) == ([ERROR], str(status))
            assert told["detail"] and (kind is None or told["scimType"] == kind), answer.text


async def test_nobody_without_the_token_of_the_organisation_gets_in(mesh: SsoMesh, lying: Lying) -> None:
    await mesh.set(lying.issuer)
    directory = await directory_of(mesh)
    other = await mesh.cells.sign_up(US, "stranger@example.org")
    good, root = directory.token, directory.root
    for token, at in (
        ("no", root),
        (mesh.owner.token, root),
        (other.token, root),
        (good, root.replace(mesh.org_id, other.org_id)),
        (good, root.replace(mesh.org_id, "org_none")),
    ):
        directory.token, directory.root = token, at
        refused = await directory.ask("GET", "Users")
        assert refused.status_code == 401 and refused.headers["www-authenticate"].startswith("Bearer")
        assert refused.json()["schemas"] == [ERROR]
        assert (await directory.ask("GET", "ServiceProviderConfig")).status_code == 401
    directory.token, directory.root = good, root
    renewed = await directory_of(mesh)
    assert (await directory.ask("GET", "Users")).status_code == 401
    await renewed.get("Users")
    await mesh.plan("growth")
    closed = await renewed.ask("GET", "Users")
    assert closed.status_code == 403 and "plan_required" in closed.json()["detail"]
