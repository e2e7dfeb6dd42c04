"""One request of a directory, answered by scim2-server: to be imported late, since it brings pydantic."""

from __future__ import annotations

import msgspec
from scim2_models import SCIMException
from scim2_server.handler import AsyncScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from mesh.errors import InvalidInput
from services.rest.scim.resources import PROVIDER
from services.rest.scim.storage import Call, PrimaryStorage, Reach


class Serving:
    """The protocol, the same for all organisations."""

    def __init__(self) -> None:
        self._service = ScimService(PROVIDER)

    def asked(self, http: HttpRequest, *, root: str, body: bytes) -> ScimRequest:
        """A request as the protocol sees it. Locations are paths: they hold behind any URL that is used.

        Raises InvalidInput where a parameter comes twice.
        """
        query = dict(http.query_params)
        if len(query) != len(http.query_params.multi_items()):
            raise InvalidInput(detail="a parameter of the query comes once")
        method = "GET" if http.method == "HEAD" else http.method
        headers = {"content-type": http.headers.get("content-type", "")}
        return ScimRequest(method, root, http.scope["path"].removeprefix(root), query, headers, body)

    async def answer(self, asked: ScimRequest, *, reach: Reach, call: Call, org_id: str) -> Response:
        """Raises SankofaError, where it comes from the primary region."""
        storage = PrimaryStorage(reach=reach, call=call, org_id=org_id)
        try:
            answer = await AsyncScimHandler(self._service, storage).handle(asked)
        except SCIMException as error:
            answer = self._service.error_response(error)
        return _response(answer)


def _response(answer: ScimResponse) -> Response:
    headers = {
        name: value
        for name, value in answer.headers.items()
        if answer.body is not None or name != "Content-Type"
    }
    content = b"" if answer.body is None else msgspec.json.encode(answer.body)
    return Response(content, int(answer.status), headers)
