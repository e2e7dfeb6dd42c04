"""Accounts: thin routes that find the region of one and ask it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.errors import Unauthenticated, Unavailable
from sankofa.org.v1.org_pb2 import (
    ListOrgsRequest,
    LoginRequest,
    LoginResponse,
    Org,
    SignUpRequest,
    SignUpResponse,
)
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest import render
from services.rest.cells import Cells
from services.rest.primaries import Primaries
from services.rest.routing import read_json, reply, resource

HintOf = Callable[[str], str]
"""The keyed hash of an e-mail, under which the registry knows an account's home."""


class SignUp(msgspec.Struct):
    """POST /api/v1/auth/signup."""

    email: str
    password: str
    org_name: str
    primary_region: str | None = None


class Login(msgspec.Struct):
    """POST /api/v1/auth/login."""

    email: str
    password: str
    code: str | None = None


class Accounts:
    """Sign-up and login."""

    def __init__(self, *, primaries: Primaries, cells: Cells, hint_of: HintOf) -> None:
        self._primaries = primaries
        self._cells = cells
        self._hint_of = hint_of

    def routes(self) -> list[Route]:
        """Every route of accounts."""
        return [
            resource("/api/v1/auth/signup", POST=self.sign_up),
            resource("/api/v1/auth/login", POST=self.log_in),
        ]

    async def sign_up(self, http: HttpRequest) -> Response:
        """Creates an account in the chosen region."""
        body = await read_json(http, SignUp)
        self._cells.count_look_up()  # it tells of an account that is there, as a log-in does not
        region = body.primary_region or self._primaries.default()
        request = SignUpRequest(
            region=region, email=body.email, password=body.password, org_name=body.org_name
        )
        signed = await self._cells.call((await self._cells.org(region)).SignUp, request)
        return reply(_session(signed), status=201)

    async def log_in(self, http: HttpRequest) -> Response:
        """Finds the account's home by the hash of its e-mail, and lets it judge the password and the code."""
        body = await read_json(http, Login)
        hint = self._hint_of(body.email)
        request = LoginRequest(hint=hint, email=body.email, password=body.password, code=body.code or "")

        async def at(home: str) -> LoginResponse:
            return await self._cells.call((await self._cells.org(home)).Login, request)

        signed = await self._cells.at_home(hint, at)
        if signed is None:
            # As long, and as often, as for an account somewhere; nobody's e-mail and password go anywhere.
            some = await self._cells.org(self._somewhere(hint))
            await self._cells.call(some.Login, LoginRequest(hint=hint))
            raise Unauthenticated(ErrorReason.ERROR_REASON_LOGIN_FAILED)
        elsewhere, away = await self._elsewhere(signed)
        session = _session(signed)
        session["orgs"] = sorted([*session["orgs"], *elsewhere], key=lambda org: (org["name"], org["id"]))
        return reply(session | ({"unreachable_regions": away} if away else {}))

    async def _elsewhere(self, signed: LoginResponse) -> tuple[list[render.Json], list[str]]:
        """Organisations of other primary regions, as those say; regions that could not be asked."""
        regions = self._primaries.regions_of(signed.elsewhere)
        answers = await asyncio.gather(*(self._of_region(region, signed.token) for region in regions))
        found = [org for answer in answers for org in answer or ()]
        here = {org.org_id for org in signed.orgs}
        return (
            [render.org(org) for org in found if org.org_id not in here],
            [region for region, answer in zip(regions, answers, strict=True) if answer is None],
        )

    async def _of_region(self, region: str, token: str) -> list[Org] | None:
        try:
            stub = await self._cells.org(region)
            request = ListOrgsRequest(region=region)
            return list((await self._cells.call(stub.ListOrgs, request, token=token)).orgs)
        except Unavailable:
            return None

    def _somewhere(self, hint: str) -> str:
        """A region that an account of this hint could have as its home: always the same."""
        regions = [region.id for region in self._primaries.regions() if region.status == "open"]
        return regions[zlib.crc32(hint.encode()) % len(regions)] if regions else self._primaries.default()


def _session(signed: SignUpResponse | LoginResponse) -> render.Json:
    return {
        "ok": True,
        "token": signed.token,
        "refresh_token": signed.refresh_token,
        "user": render.user(signed.user),
        "orgs": [render.org(each) for each in signed.orgs],
    }
