"""Which region a request belongs to, from its method, its path and its API key alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from mesh.directory import Directory
from mesh.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from sankofa.residency.v1.error_pb2 import ErrorReason

_INGESTION = frozenset({"track", "people", "alias", "batch"})


class Router:
    """Answers from the directory; where it does not know, it refuses: there is no default region."""

    def __init__(self, *, directory: Directory, home_region: str) -> None:
        self._directory = directory
        self._home_region = home_region

    def ready(self) -> bool:
        """Whether the directory has come: before that, an unknown key may be a good one."""
        return self._directory.default_region() is not None

    def region_of(self, *, method: str, path: str, api_keys: Sequence[bytes]) -> str:
        """The region to forward to. Raises the SankofaError that the edge answers with."""
        if not self.ready():
            raise Unavailable
        match path.split("/")[1:]:
            case ["api", "v1", name, *_] if name in _INGESTION:
                return self._home_region if method == "OPTIONS" else self._region_of_key(api_keys)
            case ["api", "v1", "projects", project_id, *_] if project_id:
                return self._region_of_project(project_id)
            case ["api", "v1", "admin", "regions", "orgs", org_id, *_] if org_id:
                return self._region_of_org(org_id)
            case ["api", "v1", "scim", "v2", org_id, *_] if org_id:
                # What is not known is answered by a shim, in the shape that a directory reads.
                fact = self._directory.org(org_id)
                return self._home_region if fact is None else fact.primary_region
        return self._home_region

    def _region_of_key(self, api_keys: Sequence[bytes]) -> str:
        # Envoy joins repeated headers with a comma, which no key contains.
        if not any(api_keys):
            raise Unauthenticated(ErrorReason.ERROR_REASON_MISSING_API_KEY)
        fact = self._directory.key(hashlib.sha256(api_keys[0]).digest()) if len(api_keys) == 1 else None
        if fact is None:
            raise Forbidden(ErrorReason.ERROR_REASON_INVALID_API_KEY)
        return fact.region

    def _region_of_project(self, project_id: str) -> str:
        region = self._directory.pin(project_id)
        if region is None:
            raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
        return region

    def _region_of_org(self, org_id: str) -> str:
        fact = self._directory.org(org_id)
        if fact is None:
            raise NotFound(ErrorReason.ERROR_REASON_ORG_NOT_FOUND)
        return fact.primary_region
