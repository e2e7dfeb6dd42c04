"""A sign-in: the code flow with PKCE (RFC 9700), from the first visit of a browser to a token."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import httpx

from mesh.access import require_vouched
from mesh.clock import wall_ms
from mesh.context import act_as
from mesh.directory import Directory
from mesh.errors import Forbidden, InvalidInput, NotFound, SankofaError, Unauthenticated, Unavailable
from mesh.ids import new_id
from mesh.plans import Feature, require_feature
from mesh.secrets import hash_of
from mesh.tokens import USER, verify
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.org.signal import ChangeSignal
from services.org.sso.callback import Callback
from services.org.sso.documents import Metadata, Person, Tokens
from services.org.sso.id_tokens import believed
from services.org.sso.provider import Providers, refused
from storage.records.orgs import Membership
from storage.records.sso import SignIn, SsoRecords, SsoSettings, Vouched
from storage.secrets import SecretFiles

LIFETIME: Final = timedelta(minutes=10)
"""Between the two visits of a browser."""
PATIENCE_S: Final = 8.0
"""For all that the provider is asked at the end: less than a shim waits."""
SCOPE: Final = "openid email"
LONGEST_CODE, LONGEST_RETURN, LONGEST_EMAIL = 4096, 2048, 254
BeginSession = Callable[[str, str, str], Awaitable[str | None]]
"""User, organisation and home region → the token of a session; None for who is no member any more."""
_BROWSER = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]+").fullmatch


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send the person, and whether they come back over https."""

    url: str
    secure: bool


@dataclass(frozen=True, slots=True)
class Came:
    """What came back with the person; empty where it did not."""

    state: str
    code: str
    iss: str
    error: str
    browser: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who has signed in, to one organisation."""

    token: str
    member: Membership
    email: str
    return_to: str


class SigningIn:
    """Sign-ins to the organisations whose primary region is `region`."""

    def __init__(
        self,
        *,
        region: str,
        directory: Directory,
        records: SsoRecords,
        providers: Providers,
        secrets: SecretFiles,
        changes: ChangeSignal,
        callback: Callback,
        begin_session: BeginSession,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._region = region
        self._directory = directory
        self._records = records
        self._providers = providers
        self._secrets = secrets
        self._changes = changes
        self._callback = callback
        self._begin_session = begin_session
        self._clock_ms = clock_ms

    async def start(self, org_id: str, *, browser: str, return_to: str, link: str | None = None) -> Begun:
        """Begins a sign-in. `link`: a token of the account that the provider's person is to be bound to.

        Raises NotFound(SSO_NOT_SET), Forbidden(PLAN_REQUIRED), InvalidInput, Unavailable.
        """
        if not _BROWSER(browser):
            raise InvalidInput(detail="the browser's secret has 43 characters of base64url")
        if return_to and not _own_path(return_to):
            raise InvalidInput(detail="return_to is a path of the same site: it begins with one /")
        user_id = "" if link is None else await self._linking(link, org_id)
        settings = await self._settings(org_id)
        metadata = await self._providers.metadata(settings.issuer)
        # The organisation is in the state so that any region's shim knows whom to ask at the end.
        state = f"{org_id}.{secrets.token_urlsafe(32)}"
        sign_in = SignIn(
            state_hash=hash_of(state),
            org_id=org_id,
            issuer=settings.issuer,
            client_id=settings.client_id,
            redirect_uri=self._callback.url(),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            browser_hash=hash_of(browser),
            return_to=return_to,
            link_user_id=user_id,
            expires_at_ms=self._clock_ms() + int(LIFETIME.total_seconds() * 1000),
        )
        await self._records.begin(sign_in, now_ms=self._clock_ms())
        return Begun(_request(metadata, sign_in, state), sign_in.redirect_uri.startswith("https://"))

    async def finish(self, org_id: str, came: Came) -> SignedIn:
        """Ends a sign-in: whatever comes of it, its state is used up.

        Raises Unauthenticated (SSO_STATE_INVALID, SSO_REFUSED), Forbidden, Conflict(SSO_LINK_NEEDED),
        Unavailable.
        """
        sign_in = await self._records.take(org_id, hash_of(came.state), now_ms=self._clock_ms())
        # RFC 9700, 4.7: in the browser that began it, or somebody is being signed in as somebody else.
        if sign_in is None or not hmac.compare_digest(sign_in.browser_hash, hash_of(came.browser)):
            raise Unauthenticated(ErrorReason.ERROR_REASON_SSO_STATE_INVALID)
        settings = await self._settings(org_id)
        if (settings.issuer, settings.client_id) != (sign_in.issuer, sign_in.client_id):
            raise Unauthenticated(ErrorReason.ERROR_REASON_SSO_STATE_INVALID)
        secret = await self._secrets.read(org_id, settings.client_secret_name)
        try:
            async with asyncio.timeout(PATIENCE_S):
                person = await self._person(came, sign_in, secret)
        except TimeoutError:
            raise Unavailable(
                ErrorReason.ERROR_REASON_EGRESS_FAILED, detail=f"no sign-in within {PATIENCE_S:g} s"
            ) from None
        vouched = Vouched(sign_in.issuer, person.sub, _allowed(person, settings))
        user_id = await self._who(org_id, sign_in, vouched, settings)
        return await self._signed_in(org_id, user_id, vouched.email, sign_in.return_to)

    async def _person(self, came: Came, sign_in: SignIn, secret: str) -> Person:
        """Whom the provider vouches for, for the code that came."""
        metadata = await self._providers.metadata(sign_in.issuer)
        _require_own(came, metadata)
        tokens = await self._providers.exchange(metadata, sign_in, came.code, secret)
        person = await believed(tokens.id_token, metadata, sign_in, self._providers)
        return await self._with_email(person, metadata, tokens)

    async def _with_email(self, person: Person, metadata: Metadata, tokens: Tokens) -> Person:
        """Some providers tell the e-mail at the userinfo endpoint only; it must be of the same person."""
        if person.email or not metadata.userinfo_endpoint or not tokens.access_token:
            return person
        found = await self._providers.userinfo(metadata, tokens)
        if found.sub != person.sub:
            raise refused("its userinfo endpoint told of somebody else")
        return found

    async def _who(self, org_id: str, sign_in: SignIn, vouched: Vouched, settings: SsoSettings) -> str:
        """Whom a provider's person is here: by issuer and subject.

        By their e-mail but once: where the organisation's own directory has made a member of it whom nobody
        has signed in as.
        """
        if sign_in.link_user_id:
            user_id = sign_in.link_user_id
            act_as(user_id, vouched.email)
            await self._records.link(org_id, vouched, user_id)
            return user_id
        known = await self._records.identity(org_id, vouched)
        if known is not None and await self._records.home(org_id, known) is not None:
            return known
        expected = await self._records.expected(org_id, vouched)
        if expected is not None:
            act_as(expected, vouched.email)
            await self._records.claim(org_id, vouched, expected)
            return expected
        if known is not None:
            return known
        fresh = new_id("usr")
        act_as(fresh, vouched.email)
        user_id = await self._records.admit(org_id, vouched, fresh, settings.default_role)
        await self._changes.notify()
        return user_id

    async def _signed_in(self, org_id: str, user_id: str, email: str, return_to: str) -> SignedIn:
        member = await self._records.membership(org_id, user_id)
        home = await self._records.home(org_id, user_id)
        token = None if member is None else await self._begin_session(user_id, org_id, home or "")
        if member is None or token is None:
            raise Forbidden(
                detail="you are no member of this organisation any more, one of its Admins can invite you"
            )
        return SignedIn(token, member, email, return_to)

    async def _linking(self, token: str, org_id: str) -> str:
        """A member who shows a session of their account; single sign-on alone can't bind anything."""
        claims = verify(token, directory=self._directory, audience=USER)
        home = await self._records.home(org_id, claims.subject)
        if home is None:
            raise Forbidden(detail="you are no member of this organisation, one of its Admins can invite you")
        if not home:
            raise Unauthenticated
        require_vouched(claims, home, (self._region,))
        return claims.subject

    async def _settings(self, org_id: str) -> SsoSettings:
        org = await self._records.org(org_id)
        settings = None if org is None else await self._records.settings(org_id)
        if org is None or settings is None:
            raise NotFound(ErrorReason.ERROR_REASON_SSO_NOT_SET)
        require_feature(org.plan, Feature.SSO)
        return settings


def _request(metadata: Metadata, sign_in: SignIn, state: str) -> str:
    challenge = urlsafe_b64encode(hashlib.sha256(sign_in.verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": sign_in.client_id,
        "redirect_uri": sign_in.redirect_uri,
        "scope": SCOPE,
        "state": state,
        "nonce": sign_in.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return str(httpx.URL(metadata.authorization_endpoint).copy_merge_params(query))


def _require_own(came: Came, metadata: Metadata) -> None:
    """Raises Unauthenticated where another provider answered (RFC 9207), or this one refused."""
    if came.iss != metadata.issuer and (came.iss or metadata.authorization_response_iss_parameter_supported):
        raise refused("another provider answered than was asked")
    if came.error or not came.code:
        raise _denied(came.error)
    if len(came.code) > LONGEST_CODE:
        raise refused(f"the code has more than {LONGEST_CODE} characters")


def _denied(error: str) -> SankofaError:
    if error == "access_denied":
        return refused("the person or the provider said no")
    return refused("the provider ended it without a code")


def _allowed(person: Person, settings: SsoSettings) -> str:
    """The e-mail that a provider may vouch for. Raises Unauthenticated(SSO_REFUSED)."""
    if not person.email or not person.email_verified:
        raise refused("the provider has not verified the person's e-mail")
    domain = person.email.rpartition("@")[2].lower()
    if len(person.email) > LONGEST_EMAIL or not _EMAIL(person.email):
        raise refused("the person's e-mail can't be read")
    if domain not in settings.allowed_domains:
        raise refused("the person's e-mail is of no domain that the organisation allows")
    return person.email


def _own_path(path: str) -> bool:
    """Of the caller's own site: a browser reads // and /\\ as another host."""
    begins = path.startswith("/") and not path.startswith(("//", "/\\"))
    return begins and len(path) <= LONGEST_RETURN and path.isprintable() and path.isascii()
