"""The reading half of the directory: each look-up is one short LMDB transaction, 1 to 3 µs."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import lmdb

from mesh.allowlists import AllowLists
from mesh.directory import AccessFact, ApiTokenFact, KeyFact, OrgFact, ProjectFact, RegionFact
from mesh.handovers import VOUCHES_MS
from sankofa.org.v1.org_pb2 import ProjectRole
from sankofa.registry.v1.registry_pb2 import SignedRow
from sankofa.residency.v1.environment_pb2 import Environment
from storage.directory.entries import (
    MAX_KEY_BYTES,
    decode_access,
    decode_api_token,
    decode_end,
    decode_key,
    decode_org,
    decode_pin,
    decode_position,
    decode_project,
    decode_region,
    is_retired,
    joined,
)
from storage.directory.environment import Database
from storage.registry.rules import Position

LEASE_MS = 60_000
"""How long access rows may decide mutations after their primary region was last heard of."""


class DirectoryReader:
    """mesh.directory.Directory on LMDB. `clock_ms` is the wall clock, since processes share leases."""

    def __init__(
        self, *, env: lmdb.Environment, databases: dict[str, Database], clock_ms: Callable[[], int]
    ) -> None:
        self._env = env
        self._db = databases
        self._clock_ms = clock_ms
        self._keys, self._pins, self._projects = databases["keys"], databases["pins"], databases["projects"]

    def _get(self, db: Database, key: bytes) -> bytes | None:
        if not 0 < len(key) <= MAX_KEY_BYTES:
            return None
        with self._env.begin(db=db) as txn:
            return txn.get(key)

    def default_region(self) -> str | None:
        """The region of projects that name none; None before the catalogue has come."""
        value = self._get(self._db["meta"], b"default_region")
        return None if value is None else value.decode()

    def regions(self) -> list[RegionFact]:
        """The catalogue, in its order; empty before it has come."""
        with self._env.begin(db=self._db["regions"]) as txn, txn.cursor() as cursor:
            entries = sorted((decode_region(value), key) for key, value in cursor)
        return [RegionFact(key.decode(), *value[1:]) for value, key in entries]

    def region(self, region_id: str) -> RegionFact | None:
        """One region of the catalogue."""
        value = self._get(self._db["regions"], region_id.encode())
        return None if value is None else RegionFact(region_id, *decode_region(value)[1:])

    def pin(self, project_id: str) -> str | None:
        """The region of a project."""
        value = self._get(self._pins, project_id.encode())
        if value is None:
            return None
        region, _, present = decode_pin(value)
        return region if present else None

    def project(self, project_id: str) -> ProjectFact | None:
        """A project of this cell's own region."""
        value = self._get(self._projects, project_id.encode())
        if value is None:
            return None
        entry = decode_project(value)
        lists = None if entry.allow_lists is None else AllowLists(*entry.allow_lists)
        return ProjectFact(project_id, entry.org_id, entry.name, entry.state, entry.retention_days, lists)

    def key(self, key_hash: bytes) -> KeyFact | None:
        """What a key opens; None for an unknown and for a revoked one."""
        value = self._get(self._keys, key_hash)
        if value is None:
            return None
        key_id, project_id, environment, region, revoked = decode_key(value)
        return None if revoked else KeyFact(key_id, project_id, cast("Environment", environment), region)

    def api_token(self, token_hash: bytes) -> ApiTokenFact | None:
        """What an API token opens; None for one that is unknown, revoked or past its time."""
        value = self._get(self._db["api_tokens"], token_hash)
        if value is None:
            return None
        token_id, project_id, role, expires_at_ms = decode_api_token(value)
        if self._clock_ms() >= expires_at_ms:
            return None
        return ApiTokenFact(token_id, project_id, cast("ProjectRole", role), expires_at_ms)

    def org(self, org_id: str) -> OrgFact | None:
        """An organisation's primary region."""
        value = self._get(self._db["orgs"], org_id.encode())
        if value is None:
            return None
        entry = decode_org(value)
        until_ms = entry.handed_over_at_ms + VOUCHES_MS if entry.former_region else 0
        return OrgFact(org_id, entry.region, entry.epoch, entry.former_region, until_ms)

    def jwt_key(self, region: str, kid: str) -> bytes | None:
        """The Ed25519 public key, 32 bytes, of a region's tokens; None for an unknown and a retired one."""
        value = self._get(self._db["jwt_keys"], joined(region, kid))
        return None if value is None or is_retired(value) else value

    def jwt_key_retired(self, region: str, kid: str) -> bool:
        """Whether a key of a region's tokens is known to verify nothing any more."""
        value = self._get(self._db["jwt_keys"], joined(region, kid))
        return value is not None and is_retired(value)

    def session_ended(self, region: str, session_id: str) -> bool:
        """Whether a session of a region's accounts has ended before its tokens do."""
        return self._get(self._db["session_ends"], joined(region, session_id)) is not None

    def account_ended_ms(self, region: str, user_id: str) -> int:
        """Before when the single sign-ons of an account of a region were ended, unix ms; 0 for never."""
        value = self._get(self._db["session_ends"], joined(region, user_id))
        return 0 if value is None else decode_end(value)[1]

    def access(self, user_id: str, project_id: str) -> AccessFact | None:
        """What a user may do in a project of this cell's own region.

        Only rows of the primary region of the project's organisation count: no other region can give a role.
        Where that has just moved, and its new region has not spoken yet, those of the region before do.
        """
        project = self.project(project_id)
        org = None if project is None else self.org(project.org_id)
        if org is None:
            return None
        value = None
        for region in org.vouching(self._clock_ms()):
            value = value or self._get(self._db["access"], joined(region, user_id, project_id))
        if value is None:
            return None
        org_id, number, home_region, epoch = decode_access(value)
        role = cast("ProjectRole", number)
        if org_id != org.org_id or role == ProjectRole.PROJECT_ROLE_UNSPECIFIED:
            return None
        return AccessFact(user_id, project_id, org_id, role, home_region, epoch)

    def access_fresh(self, primary_region: str) -> bool:
        """Whether that region's access rows are within their lease: mutations may be decided on them."""
        value = self._get(self._db["meta"], lease_key(primary_region))
        # A lease from the future (the clock was set back) is no better than one as old.
        return value is not None and abs(self._clock_ms() - int(value)) <= LEASE_MS

    def feed_position(self) -> Position | None:
        """The place in the registry's feed that this copy is of; None before the first full compare."""
        value = self._get(self._db["meta"], b"position")
        return None if value is None else Position(*decode_position(value))

    def signers(self) -> list[SignedRow]:
        """Every signer's row, for a RowVerifier after a restart."""
        with self._env.begin(db=self._db["signers"]) as txn, txn.cursor() as cursor:
            return [SignedRow.FromString(value) for _, value in cursor]


def lease_key(primary_region: str) -> bytes:
    """Where a lease is in "meta"."""
    return joined("lease", primary_region)
