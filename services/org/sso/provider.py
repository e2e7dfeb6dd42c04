"""A provider as it is called, through the egress: discovery, its keys, the exchange of a code."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import jwt

from mesh.egress import Answer, Egress, checked_url
from mesh.errors import Unauthenticated
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.sso.documents import KeySet, Metadata, Person, Tokens, read, unusable
from storage.records.sso import SignIn

CACHED_S: Final = 600.0
"""How long what a provider publishes is believed."""
LOOK_AGAIN_S: Final = 30.0
"""How soon a key that is not known may send for the keys again: forged ones must not make many calls."""
MOST_PROVIDERS: Final = 1_000
TIMEOUT_S: Final = 5.0
"""Of one call: a sign-in makes four at most, within the shim's patience."""
MOST_BYTES: Final = 256 << 10
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_JSON: Final = {"Accept": "application/json"}


@dataclass(slots=True)
class Published:
    """What a provider has published, and when it was asked, on the monotonic clock."""

    metadata: Metadata
    asked_s: float
    keys: list[dict[str, Any]] = field(default_factory=list)
    keys_asked_s: float = 0.0

    def find(self, kid: str | None) -> dict[str, Any] | None:
        """The key that signs under a name; without one, the only key there is."""
        if kid is None:
            return self.keys[0] if len(self.keys) == 1 else None
        return next((key for key in self.keys if key.get("kid") == kid), None)


class Providers:
    """The providers of all organisations of a region; what they publish is kept by issuer."""

    def __init__(self, egress: Egress, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._egress = egress
        self._clock = clock
        self._published: dict[str, Published] = {}

    async def look_up(self, issuer: str) -> Metadata:
        """Asks for the configuration, whatever is cached, and for the keys.

        Raises InvalidInput (SSO_PROVIDER_UNUSABLE, EGRESS_REFUSED), Unavailable(EGRESS_FAILED).
        """
        self._published.pop(issuer, None)
        published = await self._of(issuer)
        await self._fetch_keys(published)
        return published.metadata

    async def metadata(self, issuer: str) -> Metadata:
        """Its configuration. Raises as `look_up`."""
        return (await self._of(issuer)).metadata

    async def key(self, issuer: str, kid: str | None, algorithm: str) -> jwt.PyJWK:
        """The key of a token. Without a kid, the only one there is. Raises Unauthenticated(SSO_REFUSED)."""
        published = await self._of(issuer)
        age_s = self._clock() - published.keys_asked_s
        found = published.find(kid)
        if not published.keys or age_s >= CACHED_S or (found is None and age_s >= LOOK_AGAIN_S):
            await self._fetch_keys(published)
            found = published.find(kid)
        if found is None or found.get("alg", algorithm) != algorithm:
            raise refused("its id token is signed with a key that it does not publish")
        try:
            return jwt.PyJWK(found, algorithm=algorithm)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            raise refused("its id token is signed with a key that can't be used") from None

    async def exchange(self, metadata: Metadata, sign_in: SignIn, code: str, secret: str) -> Tokens:
        """Exchanges a code (RFC 6749, 4.1.3; RFC 7636). Raises Unauthenticated(SSO_REFUSED), and as above."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": sign_in.redirect_uri,
            "code_verifier": sign_in.verifier,
        }
        headers = dict(_FORM)
        if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            headers["Authorization"] = _basic(sign_in.client_id, secret)
        else:
            form |= {"client_id": sign_in.client_id, "client_secret": secret}
        answer = await self._egress.send(
            "POST",
            metadata.token_endpoint,
            purpose="egress/sso-token",
            headers=headers,
            body=urlencode(form).encode(),
            most_bytes=MOST_BYTES,
            timeout_s=TIMEOUT_S,
        )
        if answer.status in (400, 401):
            raise refused("the provider did not take the code, or the client's secret")
        return read(answer, Tokens, "the exchange of the code")

    async def userinfo(self, metadata: Metadata, tokens: Tokens) -> Person:
        """What it says of the person besides the id token (OpenID Connect Core 1.0, 5.3). Raises as above."""
        headers = _JSON | {"Authorization": f"Bearer {tokens.access_token}"}
        return read(await self._get(metadata.userinfo_endpoint, "userinfo", headers), Person, "userinfo")

    async def _of(self, issuer: str) -> Published:
        known = self._published.get(issuer)
        if known is not None and self._clock() < known.asked_s + CACHED_S:
            return known
        url = issuer.rstrip("/") + "/.well-known/openid-configuration"
        metadata = read(await self._get(url, "discovery"), Metadata, "/.well-known/openid-configuration")
        metadata.require_usable(issuer)
        while len(self._published) >= MOST_PROVIDERS:
            del self._published[next(iter(self._published))]
        fresh = Published(metadata, self._clock())
        if known is not None and known.metadata.jwks_uri == metadata.jwks_uri:
            fresh.keys, fresh.keys_asked_s = known.keys, known.keys_asked_s
        self._published[issuer] = fresh
        return fresh

    async def _fetch_keys(self, published: Published) -> None:
        published.keys_asked_s = self._clock()
        every = read(await self._get(published.metadata.jwks_uri, "keys"), KeySet, "jwks_uri").keys
        published.keys = [
            key for key in every if key.get("use", "sig") == "sig" and key.get("kty") in ("RSA", "EC", "OKP")
        ]
        if not published.keys:
            raise unusable("jwks_uri has no key that signs")

    async def _get(self, url: str, what: str, headers: dict[str, str] = _JSON) -> Answer:
        checked_url(url)
        return await self._egress.send(
            "GET",
            url,
            purpose=f"egress/sso-{what}",
            headers=headers,
            most_bytes=MOST_BYTES,
            timeout_s=TIMEOUT_S,
        )


def _basic(client_id: str, secret: str) -> str:
    """RFC 6749, 2.3.1: both are form-encoded first."""
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def refused(why: str) -> Unauthenticated:
    """Why a sign-in ends without a token; nothing that the provider wrote is in it."""
    return Unauthenticated(ErrorReason.ERROR_REASON_SSO_REFUSED, detail=why)
