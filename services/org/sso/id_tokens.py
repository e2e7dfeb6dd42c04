"""Which id tokens are believed: OpenID Connect Core 1.0, 3.1.3.7, with PyJWT for signature and times."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any, Final

import jwt
import msgspec

from services.org.sso.documents import Metadata, Person
from services.org.sso.provider import Providers, refused
from storage.records.sso import SignIn

LEEWAY: Final = timedelta(seconds=30)
"""Between the provider's clock and ours."""
LONGEST_SUBJECT: Final = 255
"""Characters (OpenID Connect Core 1.0, section 2)."""


async def believed(token: str, metadata: Metadata, sign_in: SignIn, providers: Providers) -> Person:
    """The person of an id token for this sign-in. Raises Unauthenticated(SSO_REFUSED): what is wrong."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise refused("its id token can't be read") from None
    # Before any key is looked for: what has no signature, or one of a shared secret, makes no call.
    if header.get("alg") not in metadata.algorithms:
        raise refused("its id token is not signed with an algorithm that it may use")
    key = await providers.key(metadata.issuer, header.get("kid"), header["alg"])
    claims = _verified(token, key, metadata, sign_in)
    if not hmac.compare_digest(str(claims["nonce"]).encode(), sign_in.nonce.encode()):
        raise refused("its id token is for another sign-in")
    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") is None:
        raise refused("its id token is for several clients and names none that it was issued to")
    if claims.get("azp") not in (None, sign_in.client_id):
        raise refused("its id token was issued to another client")
    person = _person(claims)
    if not 1 <= len(person.sub) <= LONGEST_SUBJECT:
        raise refused("its id token names nobody")
    return person


def _verified(token: str, key: jwt.PyJWK, metadata: Metadata, sign_in: SignIn) -> dict[str, Any]:
    try:
        return jwt.decode(
            token,
            key,
            algorithms=metadata.algorithms,
            audience=sign_in.client_id,
            issuer=metadata.issuer,
            leeway=LEEWAY,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "nonce"]},
        )
    except jwt.ExpiredSignatureError:
        raise refused("its id token has expired") from None
    except jwt.InvalidAudienceError:
        raise refused("its id token is for another client") from None
    except jwt.InvalidIssuerError:
        raise refused("its id token is of another issuer") from None
    except jwt.InvalidSignatureError:
        raise refused("its id token is not signed by it") from None
    except (jwt.PyJWTError, ValueError, TypeError):
        raise refused("its id token is not a good one") from None


def _person(claims: dict[str, Any]) -> Person:
    try:
        return msgspec.convert(claims, Person)
    except msgspec.ValidationError:
        raise refused("its id token has claims of another type than the standard says") from None
