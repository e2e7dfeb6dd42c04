"""A provider that tests make lie: what it publishes and signs can be changed at any time, and it can hang."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.receiver import Received, answer, receiver

KID = "key-1"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Lying:
    """`claims` are laid over good ones, None takes one away; `headers` over those of the id token."""

    issuer: str = ""
    key: rsa.RSAPrivateKey = field(default_factory=new_key)
    kid: str = KID
    published: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    algorithm: str = "RS256"
    claims: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    hangs: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    client_id: str = "sankofa"
    nonce: str = ""

    async def behave(self, request: Received) -> bytes:
        path = request.target.partition("?")[0]
        self.asked.append(path)
        if path in self.hangs:
            await asyncio.sleep(3600)
        if path == "/.well-known/openid-configuration":
            return _json(self._configuration())
        if path == "/jwks":
            return _json({"keys": [_jwk(kid, key) for kid, key in self.published.items()]})
        if path == "/token":
            self.forms.append({name: values[0] for name, values in parse_qs(request.body.decode()).items()})
            return _json({"access_token": "at", "token_type": "Bearer", "id_token": self.id_token()})
        return _json(self.userinfo)

    def id_token(self) -> str:
        now = int(time.time())
        good = {
            "iss": self.issuer,
            "aud": self.client_id,
            "sub": "sub-1",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "email": "grace@example.org",
            "email_verified": True,
        }
        said = {name: value for name, value in (good | self.claims).items() if value is not None}
        key: Any = self.key
        if self.algorithm == "none":
            key = None
        elif self.algorithm.startswith("HS"):
            key = "a shared secret of enough bytes to be taken as one, really"
        return jwt.encode(said, key, algorithm=self.algorithm, headers={"kid": self.kid})

    def _configuration(self) -> dict[str, Any]:
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        return {name: value for name, value in (said | self.metadata).items() if value is not None}


@asynccontextmanager
async def lying_provider() -> AsyncIterator[Lying]:
    """On 127.0.0.1; honest until it is told otherwise."""
    lying = Lying()
    lying.published[KID] = lying.key
    async with receiver(lying.behave) as there:
        lying.issuer = f"http://127.0.0.1:{there.port}"
        yield lying


def _jwk(kid: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
    public: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return public | {"kid": kid, "use": "sig", "alg": "RS256"}


def _json(said: object) -> bytes:
    return answer(200, json.dumps(said).encode(), content_type="application/json")
