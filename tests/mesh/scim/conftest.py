"""A mesh that signs in by a provider, and a provider that lies on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.oidc.lying import Lying, lying_provider
from tests.support.oidc.mesh import SsoMesh, sso_mesh


@pytest.fixture
async def mesh(pki: Path, tmp_path: Path) -> AsyncIterator[SsoMesh]:
    """With an organisation on the Enterprise plan, and no settings yet."""
    async with sso_mesh(pki, tmp_path / "mesh") as made:
        yield made


@pytest.fixture
async def lying() -> AsyncIterator[Lying]:
    """Honest until it is told otherwise."""
    async with lying_provider() as provider:
        yield provider
