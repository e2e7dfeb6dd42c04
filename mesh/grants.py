"""Grants: the permission of the region that has something, without which nothing passes on TRANSFER."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from google.protobuf.message import Message

from mesh.clock import wall_ms
from mesh.directory import Directory
from mesh.errors import CrossingRefused, SankofaError
from mesh.identity import Identity
from mesh.ids import new_id
from mesh.signing import RowSigner, RowVerifier
from sankofa.residency.v1.error_pb2 import ErrorReason
from sankofa.residency.v1.grant_pb2 import OrgGrant

LONGEST: Final = timedelta(minutes=15)
LEEWAY: Final = timedelta(seconds=5)
DIGEST_KEY_BYTES: Final = 32

_DOMAIN: Final = b"sankofa.residency.v1.OrgGrant\x00"


def _message_of(grant: OrgGrant) -> bytes:
    unsigned = OrgGrant()
    unsigned.CopyFrom(grant)
    unsigned.ClearField("signature")
    return _DOMAIN + unsigned.SerializeToString(deterministic=True)


def grant_of(request: Message) -> OrgGrant | None:
    """The grant that a request carries."""
    grant = getattr(request, "grant", None)
    return grant if isinstance(grant, OrgGrant) else None


def make_grant(
    *,
    signer: RowSigner,
    org_id: str,
    operation_id: str,
    epoch: int,
    source: Identity,
    target: Identity,
    digest_key: bytes,
    lifetime: timedelta = LONGEST,
    clock_ms: Callable[[], int] = wall_ms,
) -> OrgGrant:
    """Permits `source`, of the signer's region, to hand an organisation to `target` for a new epoch."""
    now = clock_ms()
    grant = OrgGrant(
        grant_id=new_id("grant"),
        org_id=org_id,
        operation_id=operation_id,
        epoch=epoch,
        source=source.uri,
        target=target.uri,
        not_before_unix_ms=now,
        expires_at_unix_ms=now + int(lifetime / timedelta(milliseconds=1)),
        digest_key=digest_key,
        certificate_der=signer.certificate_der,
    )
    grant.signature = signer.sign_message(_message_of(grant))
    return grant


@dataclass(frozen=True, slots=True)
class Grants:
    """Decides whether a grant lets one end call the other."""

    verifier: RowVerifier
    clock_ms: Callable[[], int] = field(default=wall_ms)

    def refusal(
        self, grant: OrgGrant | None, *, caller: Identity, callee: Identity, directory: Directory | None
    ) -> CrossingRefused | None:
        """Why not, or None.

        It must be signed by its source's region, in time, for these two ends, and that region must have the
        organisation; or have had it in the epoch before, when the target has it, for what is done after.
        """
        if grant is None or directory is None:
            return _refused("no grant")
        if {grant.source, grant.target} != {caller.uri, callee.uri} or caller == callee:
            return _refused("it is for other ends")
        now, leeway = self.clock_ms(), LEEWAY / timedelta(milliseconds=1)
        if not grant.not_before_unix_ms - leeway <= now < grant.expires_at_unix_ms:
            return _refused("it is over")
        if grant.expires_at_unix_ms - grant.not_before_unix_ms > LONGEST / timedelta(milliseconds=1):
            return _refused("it is for too long")
        if len(grant.digest_key) != DIGEST_KEY_BYTES:
            return _refused("it has no key")
        source, target = Identity.parse(grant.source).region, Identity.parse(grant.target).region
        org = directory.org(grant.org_id)
        here = None if org is None else (org.primary_region, org.epoch)
        if here not in ((source, grant.epoch - 1), (target, grant.epoch)):
            return _refused("its source does not have the organisation")
        try:
            self.verifier.check_message(source, grant.certificate_der, grant.signature, _message_of(grant))
        except SankofaError:
            return _refused("its source has not signed it")
        return None


def _refused(why: str) -> CrossingRefused:
    return CrossingRefused(ErrorReason.ERROR_REASON_GRANT_INVALID, detail=why)
