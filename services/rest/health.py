"""Whether the process lives, and whether it can take traffic; and the contract it serves."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.admin import Gauges
from mesh.directory import Directory
from mesh.errors import Unavailable
from services.rest.coalescer import Coalescer
from services.rest.openapi import document
from services.rest.routing import reply, resource


class Health:
    """Health and self-description of one shim."""

    def __init__(self, *, directory: Directory, coalescer: Coalescer, gauges: Sequence[Gauges]) -> None:
        self._directory = directory
        self._coalescer = coalescer
        self._gauges = gauges
        self._openapi = reply(document()).body

    def routes(self) -> list[Route]:
        """Every route that needs no credential."""
        return [
            resource("/healthz", GET=self.lives),
            resource("/readyz", GET=self.ready),
            resource("/openapi.json", GET=self.openapi),
        ]

    def reasons(self) -> dict[str, str]:
        """Why this shim can't take traffic, by part; empty where it can."""
        found = {}
        if not self._coalescer.connected:
            found["cell"] = "no connection to the cell's internal port"
        if self._directory.default_region() is None:
            found["directory"] = "the catalogue of regions has not come"
        return found

    def gauges(self) -> dict[str, float | str]:
        """For /metrics on the admin port."""
        return {name: value for gauges in self._gauges for name, value in gauges().items()}

    async def lives(self, http: HttpRequest) -> Response:
        """The process answers."""
        return reply({"ok": True})

    async def ready(self, http: HttpRequest) -> Response:
        """Its cell can be reached and its directory has come. Raises Unavailable."""
        if self.reasons():
            raise Unavailable()
        return reply({"ok": True})

    async def openapi(self, http: HttpRequest) -> Response:
        """The OpenAPI 3.1 document."""
        return Response(self._openapi, media_type="application/json")
