"""What a provider publishes and answers, as it is read: more than that is passed over, less is refused."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from mesh.egress import Answer, checked_url
from mesh.errors import InvalidInput, SankofaError
from sankofa.residency.v1.error_pb2 import ErrorReason

T = TypeVar("T")

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
"""Of id tokens: signatures with a key pair. Never "none", never a shared secret."""
_BY_DEFAULT: Final = ("client_secret_basic",)


class Metadata(msgspec.Struct, frozen=True):
    """OpenID Connect Discovery 1.0, section 3, and RFC 9207, section 3: what of it is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    response_types_supported: tuple[str, ...] = ("code",)
    code_challenge_methods_supported: tuple[str, ...] | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = _BY_DEFAULT
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    authorization_response_iss_parameter_supported: bool = False

    @property
    def algorithms(self) -> list[str]:
        """With which it signs and which are believed."""
        return [name for name in ALGORITHMS if name in self.id_token_signing_alg_values_supported]

    def require_usable(self, issuer: str) -> None:
        """Raises InvalidInput(SSO_PROVIDER_UNUSABLE), saying what is wrong."""
        if self.issuer != issuer:
            raise unusable("its configuration names another issuer than was set")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            try:
                checked_url(getattr(self, name))
            except InvalidInput as error:
                raise unusable(f"{name}: {error.detail}") from None
        if "code" not in self.response_types_supported:
            raise unusable("it does not support response_type=code")
        methods = self.code_challenge_methods_supported
        if methods is not None and "S256" not in methods:
            raise unusable("it does not support PKCE with S256")
        if not {"client_secret_basic", "client_secret_post"} & {*self.token_endpoint_auth_methods_supported}:
            raise unusable("it takes neither client_secret_basic nor client_secret_post")
        if not self.algorithms:
            raise unusable(f"it signs id tokens with none of {', '.join(ALGORITHMS)}")


class KeySet(msgspec.Struct, frozen=True):
    """RFC 7517, section 5."""

    keys: list[dict[str, Any]]


class Tokens(msgspec.Struct, frozen=True):
    """OpenID Connect Core 1.0, section 3.1.3.3."""

    id_token: str
    access_token: str = ""


class Person(msgspec.Struct, frozen=True):
    """The claims that are used, of an id token or of the userinfo endpoint."""

    sub: str
    email: str = ""
    email_verified: bool = False


def read(answer: Answer, kind: type[T], what: str) -> T:
    """A document as a struct. Raises InvalidInput(SSO_PROVIDER_UNUSABLE)."""
    if answer.status != 200:
        raise unusable(f"{what} was answered with status {answer.status}")
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (ValueError, RecursionError) as error:
        raise unusable(f"{what} has another shape than the standard says") from error


def unusable(why: str) -> SankofaError:
    """What an Owner has to mend."""
    return InvalidInput(ErrorReason.ERROR_REASON_SSO_PROVIDER_UNUSABLE, detail=why)
