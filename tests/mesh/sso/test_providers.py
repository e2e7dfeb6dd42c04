"""Providers that lie, hang, can't be used, or are where they may not be: nobody comes in by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.nodes import EU
from tests.support.oidc.lying import KID, Lying, new_key
from tests.support.oidc.mesh import Browser, SsoMesh, bearer, sso_mesh

pytestmark = [pytest.mark.disk, pytest.mark.network]


LIES: list[tuple[dict[str, Any], str]] = [
    ({"claims": {"aud": "another"}}, "another client"),
    ({"claims": {"aud": ["sankofa", "another"]}}, "several clients"),
    ({"claims": {"aud": ["sankofa", "another"], "azp": "another"}}, "another client"),
    ({"claims": {"azp": "another"}}, "another client"),
    ({"claims": {"iss": "https://another.example.org"}}, "another issuer"),
    ({"claims": {"nonce": "another"}}, "another sign-in"),
    ({"claims": {"nonce": None}}, "not a good one"),
    ({"claims": {"exp": 1_700_000_000, "iat": 1_699_999_000}}, "expired"),
    ({"claims": {"exp": None}}, "not a good one"),
    ({"claims": {"sub": None}}, "not a good one"),
    ({"claims": {"sub": ""}}, "nobody"),
    ({"claims": {"sub": "s" * 256}}, "nobody"),
    ({"claims": {"email_verified": False}}, "not verified"),
    ({"claims": {"email_verified": None}}, "not verified"),
    ({"claims": {"email_verified": "true"}}, "another type"),
    ({"claims": {"email": "grace@example.org.evil.org"}}, "domain"),
    ({"claims": {"email": "grace@evil.org@example.org"}}, "can't be read"),
    ({"claims": {"email": "@example.org"}}, "can't be read"),
    ({"algorithm": "none"}, "algorithm"),
    ({"algorithm": "HS256"}, "algorithm"),
    ({"algorithm": "RS512"}, "algorithm"),
    ({"kid": "unknown"}, "does not publish"),
]


async def test_a_lie_signs_nobody_in(mesh: SsoMesh, lying: Lying) -> None:
    await mesh.set(lying.issuer)
    honest: dict[str, Any] = {"claims": {}, "algorithm": "RS256", "kid": KID}
    for lie, said in LIES:
        vars(lying).update(honest | lie)
        answer = await mesh.come_back(lying, Browser())
        assert answer.status_code == 401, (lie, answer.text)
        assert said in answer.json()["error"], lie
    assert not [row for row in await mesh.audit() if row.action == "member.provisioned"]
    vars(lying).update(honest)
    assert (await mesh.come_back(lying, Browser())).status_code == 200


async def test_an_id_token_signed_by_another_key_signs_nobody_in(mesh: SsoMesh, lying: Lying) -> None:
    await mesh.set(lying.issuer)
    lying.key = new_key()
    answer = await mesh.come_back(lying, Browser())
    assert answer.status_code == 401 and "not signed by it" in answer.json()["error"]


async def test_keys_are_looked_for_again_for_a_new_one_but_not_for_each_forged_one(
    mesh: SsoMesh, lying: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    await mesh.set(lying.issuer)
    lying.kid = "unknown"
    before = lying.asked.count("/jwks")
    for _ in range(3):
        assert (await mesh.come_back(lying, Browser())).status_code == 401
    assert lying.asked.count("/jwks") == before
    lying.kid, lying.key = "key-2", new_key()
    lying.published = {"key-2": lying.key}
    monkeypatch.setattr("services.org.sso.provider.LOOK_AGAIN_S", 0.0)
    assert (await mesh.come_back(lying, Browser())).status_code == 200


async def test_the_answer_of_another_issuer_ends_a_sign_in(mesh: SsoMesh, lying: Lying) -> None:
    """RFC 9207: sent, it must be the provider's; promised, it must be sent."""
    await mesh.set(lying.issuer)
    mixed = await mesh.come_back(lying, Browser(), iss="https://another.example.org")
    assert mixed.status_code == 401 and "another provider" in mixed.json()["error"]
    assert (await mesh.come_back(lying, Browser(), iss=lying.issuer)).status_code == 200
    lying.metadata["authorization_response_iss_parameter_supported"] = True
    await mesh.set(lying.issuer, client_id="sankofa", required=True)
    assert (await mesh.come_back(lying, Browser())).status_code == 401
    assert (await mesh.come_back(lying, Browser(), iss=lying.issuer)).status_code == 200


async def test_what_the_provider_says_of_an_error_is_not_repeated(mesh: SsoMesh, lying: Lying) -> None:
    await mesh.set(lying.issuer)
    denied = await mesh.come_back(lying, Browser(), code="", error="access_denied")
    assert denied.status_code == 401 and "said no" in denied.json()["error"]
    other = await mesh.come_back(lying, Browser(), code="", error="<script>")
    assert other.status_code == 401 and "script" not in other.text


async def test_an_email_that_only_the_userinfo_endpoint_tells_must_be_of_the_same_person(
    mesh: SsoMesh, lying: Lying
) -> None:
    await mesh.set(lying.issuer)
    lying.claims = {"email": None, "email_verified": None}
    lying.userinfo = {"sub": "sub-2", "email": "grace@example.org", "email_verified": True}
    answer = await mesh.come_back(lying, Browser())
    assert answer.status_code == 401 and "somebody else" in answer.json()["error"]
    lying.userinfo["sub"] = "sub-1"
    assert (await mesh.come_back(lying, Browser())).status_code == 200


async def test_a_provider_that_hangs_costs_a_503_and_no_member(
    mesh: SsoMesh, lying: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    await mesh.set(lying.issuer)
    monkeypatch.setattr("services.org.sso.provider.TIMEOUT_S", 0.1)
    lying.hangs = {"/token"}
    answer = await mesh.come_back(lying, Browser())
    assert answer.status_code == 503 and "Retry-After" in answer.headers
    lying.hangs = {"/.well-known/openid-configuration"}
    assert (await mesh.put(lying.issuer, required=True)).status_code == 503


async def test_a_provider_on_a_private_address_is_never_called(
    pki: Path, tmp_path: Path, lying: Lying
) -> None:
    async with sso_mesh(pki, tmp_path / "mesh", allowed=()) as mesh:
        for issuer in (
            lying.issuer,
            lying.issuer.replace("127.0.0.1", "localhost"),
            "https://169.254.169.254",
        ):
            answer = await mesh.put(issuer)
            assert answer.status_code == 400 and "can't be used" in answer.json()["error"]
    assert not lying.asked


UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({"issuer": "https://another.example.org"}, "another issuer"),
    ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
    ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "signs id tokens"),
    ({"response_types_supported": ["id_token"]}, "response_type"),
    ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "client_secret_basic"),
    ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
    ({"token_endpoint": None}, "another shape"),
]


async def test_settings_are_checked_with_the_provider_and_say_what_is_wrong(
    mesh: SsoMesh, lying: Lying
) -> None:
    for published, said in UNUSABLE:
        lying.metadata = published
        answer = await mesh.put(lying.issuer)
        assert answer.status_code == 400, (published, answer.text)
        assert said in answer.json()["error"], published
    missing = await mesh.http(EU).get(f"/api/v1/sso?org_id={mesh.org_id}", headers=bearer(mesh.owner.token))
    assert missing.status_code == 404
