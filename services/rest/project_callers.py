"""Who asks something of a project of this region: a person who is signed in, or one of its API tokens.

The project's cell decides what they may. Here an API token is held to its rate, and seen to be in use.
"""

from __future__ import annotations

from starlette.requests import Request as HttpRequest

from mesh.api_tokens import is_api_token
from mesh.directory import Directory
from mesh.errors import Unauthenticated
from mesh.secrets import hash_of
from services.rest.rate import RateLimit
from services.rest.routing import credential, require_here
from services.rest.token_uses import TokenUses


class ProjectCallers:
    """Takes their credentials from requests. `rate` None: no limit."""

    def __init__(self, *, region: str, directory: Directory, rate: RateLimit | None, uses: TokenUses) -> None:
        self._region = region
        self._directory = directory
        self._rate = rate
        self._uses = uses

    async def of(self, http: HttpRequest) -> tuple[str, str]:
        """The caller's token, and the project that the path names. Raises as `about`."""
        project_id: str = http.path_params["project_id"]
        return await self.about(http, project_id), project_id

    async def about(self, http: HttpRequest, project_id: str) -> str:
        """The token of who asks about a project.

        Raises Unauthenticated, NotFound (the project is not pinned here), RateLimited, Unavailable.
        """
        token = credential(http)
        require_here(project_id, self._directory, self._region)
        if is_api_token(token):
            await self._let_in(token, project_id)
        return token

    async def _let_in(self, token: str, project_id: str) -> None:
        fact = self._directory.api_token(hash_of(token))
        if fact is None:
            raise Unauthenticated
        if self._rate is not None and not self._rate.take(fact.token_id):
            await self._rate.ask(fact.token_id)
        if fact.project_id == project_id:
            self._uses.note(fact)
