"""The second factor of an account: thin routes that find its home in the caller's token, and ask it."""

from __future__ import annotations

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from mesh.directory import Directory
from sankofa.org.v1.second_factor_pb2 import (
    BeginSecondFactorRequest,
    ConfirmSecondFactorRequest,
    DisableSecondFactorRequest,
    GetSecondFactorRequest,
    RenewRecoveryCodesRequest,
)
from services.rest import render
from services.rest.cells import Cells
from services.rest.routing import home_of_caller, read_json, reply, resource

_PATH = "/api/v1/auth/second-factor"


class Password(msgspec.Struct):
    """POST /api/v1/auth/second-factor."""

    password: str


class Code(msgspec.Struct):
    """POST /api/v1/auth/second-factor/confirm."""

    code: str


class Both(msgspec.Struct):
    """POST /api/v1/auth/second-factor/recovery-codes and /disable."""

    password: str
    code: str


class SecondFactor:
    """What somebody does about their own."""

    def __init__(self, *, directory: Directory, cells: Cells) -> None:
        self._directory = directory
        self._cells = cells

    def routes(self) -> list[Route]:
        """Every route of second factors."""
        return [
            resource(_PATH, GET=self.status, POST=self.begin),
            resource(f"{_PATH}/confirm", POST=self.confirm),
            resource(f"{_PATH}/recovery-codes", POST=self.renew_recovery_codes),
            resource(f"{_PATH}/disable", POST=self.disable),
        ]

    async def status(self, http: HttpRequest) -> Response:
        """Whether there is one."""
        token, home = home_of_caller(http, self._directory)
        stub = await self._cells.second_factors(home)
        request = GetSecondFactorRequest(region=home)
        found = await self._cells.call(stub.GetSecondFactor, request, token=token)
        status = {
            "enabled": found.enabled,
            "enabled_at": render.optional_timestamp(found.enabled_at_unix_ms),
            "recovery_codes_left": found.recovery_codes_left,
        }
        return reply({"ok": True, "second_factor": status})

    async def begin(self, http: HttpRequest) -> Response:
        """A secret for an app, which counts once it is confirmed."""
        token, home = home_of_caller(http, self._directory)
        body = await read_json(http, Password)
        stub = await self._cells.second_factors(home)
        request = BeginSecondFactorRequest(region=home, password=body.password)
        begun = await self._cells.call(stub.BeginSecondFactor, request, token=token)
        return reply({"ok": True, "secret": begun.secret, "uri": begun.uri})

    async def confirm(self, http: HttpRequest) -> Response:
        """From now on a log-in needs a code."""
        token, home = home_of_caller(http, self._directory)
        body = await read_json(http, Code)
        stub = await self._cells.second_factors(home)
        request = ConfirmSecondFactorRequest(region=home, code=body.code)
        confirmed = await self._cells.call(stub.ConfirmSecondFactor, request, token=token)
        return reply({"ok": True, "recovery_codes": list(confirmed.recovery_codes)})

    async def renew_recovery_codes(self, http: HttpRequest) -> Response:
        """Other recovery codes."""
        token, home = home_of_caller(http, self._directory)
        body = await read_json(http, Both)
        stub = await self._cells.second_factors(home)
        request = RenewRecoveryCodesRequest(region=home, password=body.password, code=body.code)
        renewed = await self._cells.call(stub.RenewRecoveryCodes, request, token=token)
        return reply({"ok": True, "recovery_codes": list(renewed.recovery_codes)})

    async def disable(self, http: HttpRequest) -> Response:
        """A log-in needs the password only."""
        token, home = home_of_caller(http, self._directory)
        body = await read_json(http, Both)
        stub = await self._cells.second_factors(home)
        request = DisableSecondFactorRequest(region=home, password=body.password, code=body.code)
        await self._cells.call(stub.DisableSecondFactor, request, token=token)
        return reply({"ok": True})
