"""A second factor between two regions: asked for at every shim, kept in the home, gone where it has left."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import httpx
import pytest

from cli.meshfile import NAME, MeshFile, RegionProcesses, write_private
from cli.second_factors import Place, run_remove
from mesh.errors import CrossingRefused
from mesh.regions import GLOBAL
from sankofa.org.v1 import transfer_pb2
from sankofa.org.v1.second_factor_pb2 import GetSecondFactorRequest, RemoveSecondFactorRequest
from sankofa.org.v1.second_factor_pb2_grpc import SecondFactorServiceStub
from sankofa.org.v1.transfer_pb2_grpc import AssignmentServiceStub
from services.org.config import OrgConfig
from services.org.second_factor.codes import RECOVERY_CODES
from services.org.throttle import OF_AN_ACCOUNT
from tests.support.authenticator import App
from tests.support.cells import HINTS, PASSWORD, SECRET, Cells, Owner, bearer, reason_of, until
from tests.support.nodes import EU, US, make_node
from tests.support.postgres import Postgres, running_postgres
from tests.support.shim import Running, start_shim

pytestmark = [pytest.mark.disk, pytest.mark.network]

EMAIL = "ada@example.org"
PATH = "/api/v1/auth/second-factor"


@dataclass
class Mesh:
    """Ada, her account and her organisation are in eu-west-1."""

    cells: Cells
    shims: dict[str, Running]
    ada: Owner

    async def ask(self, at: str, path: str, body: Any = None, *, token: str = "") -> httpx.Response:
        """What a region's shim answers; a body makes it a POST."""
        http, headers = self.shims[at].http, dict(bearer(token or self.ada.token))
        if body is None:
            return await http.get(path, headers=headers, timeout=30)
        return await http.post(path, json=body, headers=headers, timeout=30)

    async def log_in(self, at: str, code: str | None = None, password: str = PASSWORD) -> httpx.Response:
        body = {"email": EMAIL, "password": password} | ({} if code is None else {"code": code})
        return await self.shims[at].http.post("/api/v1/auth/login", json=body, timeout=30)

    async def enrolled(self, at: str) -> tuple[App, list[str]]:
        """By way of a region's shim. The app's code of now is used up by it."""
        begun = await self.ask(at, PATH, {"password": PASSWORD})
        assert begun.status_code == 200, begun.text
        app = App.of(begun.json()["uri"])
        confirmed = await self.ask(at, f"{PATH}/confirm", {"code": app.now()})
        assert confirmed.status_code == 200, confirmed.text
        return app, confirmed.json()["recovery_codes"]

    async def assign(self, target: str) -> None:
        """Moves the organisation, and with it the account; done when the registry knows."""
        cell = self.cells.of[EU]
        request = transfer_pb2.AssignRequest(org_id=self.ada.org_id, region=target)
        await AssignmentServiceStub(cell.channel()).Assign(request, metadata=self.ada.metadata)

        async def moved() -> bool:
            found = await self.cells.registry.store.find_login_hint(HINTS.hint(EMAIL))
            gone = await cell.records.orgs.account(EMAIL) is None
            return gone and found is not None and bool(found[0].row.region == target)

        await until(moved, deadline_s=60)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def mesh(request: pytest.FixtureRequest, pki: Path, tmp_path: Path) -> AsyncIterator[Mesh]:
    cells = Cells(pki, tmp_path, (EU, US), OrgConfig(heartbeat_s=0.1, reconcile_every_s=0.05))
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        cells.of[EU].records_url = await server.new_database()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(cells)
        shims = {
            region: await start_shim(
                stack,
                pki,
                cell.directory,
                cell_address="127.0.0.1:1",
                registry_address=f"127.0.0.1:{cells.registry.port}",
                hint_of=HINTS.hint,
                region=region,
            )
            for region, cell in cells.of.items()
        }
        yield Mesh(cells, shims, await cells.sign_up(EU, EMAIL))


def read_all(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def error_of(answer: httpx.Response) -> str:
    """The status, and the word that begins the error."""
    return f"{answer.status_code} {answer.json()['error'].partition(':')[0]}"


async def test_every_shim_asks_for_a_code_and_tells_nothing_to_who_has_no_password(mesh: Mesh) -> None:
    app, codes = await mesh.enrolled(US)
    for at in (EU, US):
        assert error_of(await mesh.log_in(at)) == "401 second_factor_required"
        assert error_of(await mesh.log_in(at, app.wrong())) == "401 second_factor_wrong"
        for code in (None, app.now(ahead=1), codes[0]):
            answer = await mesh.log_in(at, code, "wrong")
            assert error_of(answer) == "401 Wrong e-mail or password"
    signed = await mesh.log_in(US, app.now(ahead=1))
    assert signed.status_code == 200 and signed.json()["user"]["home_region"] == EU
    assert [org["id"] for org in signed.json()["orgs"]] == [mesh.ada.org_id]
    refreshed = await mesh.ask(US, "/api/v1/auth/refresh", {"refresh_token": signed.json()["refresh_token"]})
    assert refreshed.status_code == 200, "a session goes on without a code"
    assert (await mesh.log_in(EU, codes[0])).status_code == 200
    assert error_of(await mesh.log_in(US, codes[0])) == "401 second_factor_wrong"
    told = (await mesh.ask(EU, PATH)).json()["second_factor"]
    assert told["enabled"] and told["recovery_codes_left"] == RECOVERY_CODES - 1


async def test_of_log_ins_at_all_shims_at_once_with_one_code_one_is_let_in(mesh: Mesh) -> None:
    app, codes = await mesh.enrolled(EU)
    for code in (app.now(ahead=1), codes[0]):
        answers = await asyncio.gather(*(mesh.log_in(at, code) for at in (EU, US, EU, US)))
        assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_it_is_set_renewed_and_disabled_from_any_region(mesh: Mesh) -> None:
    assert error_of(await mesh.ask(US, PATH, {"password": "wrong"})) == "401 Wrong e-mail or password"
    none = await mesh.ask(US, f"{PATH}/confirm", {"code": "000000"})
    assert error_of(none) == "404 The account has no second factor"
    app, codes = await mesh.enrolled(US)
    assert (await mesh.ask(EU, PATH, {"password": PASSWORD})).status_code == 409
    both = {"password": PASSWORD, "code": codes[0]}
    renewed = await mesh.ask(EU, f"{PATH}/recovery-codes", both)
    assert renewed.status_code == 200, renewed.text
    assert error_of(await mesh.log_in(EU, codes[1])) == "401 second_factor_wrong"
    refused = await mesh.ask(US, f"{PATH}/disable", {"password": PASSWORD, "code": codes[1]})
    assert error_of(refused) == "401 second_factor_wrong"
    done = await mesh.ask(US, f"{PATH}/disable", {"password": PASSWORD, "code": app.now(ahead=1)})
    assert done.status_code == 200, done.text
    assert (await mesh.log_in(US)).status_code == 200
    told = (await mesh.ask(EU, PATH)).json()["second_factor"]
    assert told == {"enabled": False, "enabled_at": None, "recovery_codes_left": 0}


async def test_wrong_codes_are_throttled_with_wrong_passwords(mesh: Mesh) -> None:
    app, _ = await mesh.enrolled(EU)
    tries = [(app.wrong(), PASSWORD), (None, "wrong"), ("aaaa-aaaa-aaaa-aaaa", PASSWORD)]
    answers: list[httpx.Response] = []
    while not answers or answers[-1].status_code == 401:  # a slow machine gives some of them back meanwhile
        assert len(answers) < 10 * OF_AN_ACCOUNT.burst
        code, password = tries[len(answers) % len(tries)]
        answers.append(await mesh.log_in((EU, US)[len(answers) % 2], code, password))
    assert len(answers) > OF_AN_ACCOUNT.burst and answers[-1].status_code == 429
    assert 1 <= int(answers[-1].headers["retry-after"]) <= OF_AN_ACCOUNT.every_s


async def test_it_moves_with_its_account_and_what_was_used_stays_used(mesh: Mesh) -> None:
    app, codes = await mesh.enrolled(EU)
    first = app.now(ahead=1)
    for code in (codes[0], first):
        assert (await mesh.log_in(EU, code)).status_code == 200
    await mesh.assign(US)
    for at in (EU, US):
        assert error_of(await mesh.log_in(at)) == "401 second_factor_required"
        for used in (codes[0], first):
            assert error_of(await mesh.log_in(at, used)) == "401 second_factor_wrong"
    assert (await mesh.log_in(US, codes[1])).status_code == 200
    signed = await mesh.log_in(EU, codes[2])
    assert signed.status_code == 200 and signed.json()["user"]["home_region"] == US
    told = await mesh.ask(EU, PATH, token=signed.json()["token"])
    assert told.json()["second_factor"]["recovery_codes_left"] == RECOVERY_CODES - 3
    assert await mesh.cells.of[EU].records.second_factors.find(mesh.ada.user_id) is None


async def test_no_file_log_or_span_of_the_mesh_holds_a_secret_or_a_code(
    mesh: Mesh, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    app, codes = await mesh.enrolled(US)
    code, wrong = app.now(ahead=1), app.wrong()
    assert (await mesh.log_in(US, wrong)).status_code == 401
    assert (await mesh.log_in(US, code)).status_code == 200
    assert (await mesh.log_in(EU, codes[0])).status_code == 200
    factor = await mesh.cells.of[EU].records.second_factors.find(mesh.ada.user_id)
    assert factor is not None
    raw = base64.b32decode(app.secret)
    needles = [app.secret.encode(), raw, raw.hex().encode(), *(each.encode() for each in codes)]
    needles += [each.replace("-", "").encode() for each in codes]
    texts = await asyncio.to_thread(read_all, tmp_path)
    sealed = {path for path, text in texts.items() if factor.sealed_secret in text}
    assert all(f"/{EU}/records.db" in path for path in sealed), "in the home, and nowhere else"
    assert mesh.ada.org_id.encode() in b"".join(texts.values()), "the search is blind"
    texts["log"] = caplog.text.encode()
    assert "authorization" not in caplog.text
    assert [(path, each) for path, text in texts.items() for each in needles if each in text] == []
    told = caplog.text.replace(mesh.ada.token, "")
    assert f"code={code}" not in told and f'"{code}"' not in told and f'"{wrong}"' not in told


async def test_only_the_home_is_asked_and_only_by_its_own_tokens(mesh: Mesh) -> None:
    stub = SecondFactorServiceStub(mesh.cells.of[US].channel())
    asked = stub.GetSecondFactor(GetSecondFactorRequest(region=US), metadata=mesh.ada.metadata)
    assert await reason_of(asked) == "INVALID_TOKEN"
    assert (await mesh.ask(US, PATH, token="no")).status_code == 401


def tool_in(mesh: Mesh, pki: Path, folder: Path) -> Place:
    """Where an operator's tool finds this mesh, as one that runs on a data directory."""
    shutil.copytree(pki, folder / "pki")
    (folder / "pki" / "hint.key").write_bytes(SECRET)
    regions = {
        region: RegionProcesses("", "", f"127.0.0.1:{cell.port}", str(folder / region))
        for region, cell in mesh.cells.of.items()
    }
    registry = f"127.0.0.1:{mesh.cells.registry.port}"
    write_private(folder / NAME, MeshFile("", registry, str(folder), {"up": os.getpid()}, regions))
    return Place(folder, "", "", None)


async def test_an_operator_lets_in_who_has_lost_second_factor_and_recovery_codes(
    mesh: Mesh,
    pki: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.INFO)
    folder = tmp_path / "tool"
    folder.mkdir()
    place = tool_in(mesh, pki, folder)
    assert await run_remove(place, EMAIL) == 0
    assert "has no second factor: nothing was done" in capsys.readouterr().out
    _, codes = await mesh.enrolled(US)
    assert "second_factor_required" in (await mesh.log_in(US)).json()["error"]
    assert await run_remove(place, EMAIL.upper()) == 0
    said = capsys.readouterr().out
    assert f"{mesh.ada.user_id} in {EU} has no second factor and no recovery codes any more" in said
    assert "1 sessions ended" in said
    assert (await mesh.ask(EU, PATH)).status_code == 401
    cell = mesh.cells.of[US]
    await until(lambda: cell.directory.account_ended_ms(EU, mesh.ada.user_id))
    signed = await mesh.log_in(US)
    assert signed.status_code == 200, signed.text
    told = (await mesh.ask(US, PATH, token=signed.json()["token"])).json()["second_factor"]
    assert not told["enabled"] and not told["recovery_codes_left"]
    assert f"took away the second factor of {mesh.ada.user_id}: 1 sessions ended" in caplog.text
    assert EMAIL not in caplog.text.lower() and EMAIL not in said.lower()
    assert not [code for code in codes if code in caplog.text]
    deployed = Place(folder, EU, f"127.0.0.1:{mesh.cells.of[EU].port}", folder / "pki")
    assert await run_remove(deployed, EMAIL) == 0
    assert "nothing was done" in capsys.readouterr().out
    for wrong, why in (
        (place, "no region of this mesh has an account"),
        (deployed, "no account of this region"),
        (replace(place, region=US), "no account of this region"),
        (replace(deployed, pki_dir=None), "needs --region and --pki-dir"),
    ):
        with pytest.raises(click.ClickException, match=why):
            await run_remove(wrong, EMAIL if wrong.region == US else "nobody@example.org")


async def test_nobody_but_the_regions_own_operator_takes_a_second_factor_away(mesh: Mesh, pki: Path) -> None:
    await mesh.enrolled(EU)
    cell = mesh.cells.of[EU]
    request = RemoveSecondFactorRequest(region=EU, email=EMAIL)
    for region, role in ((EU, "rest"), (EU, "cell"), (US, "operator"), (GLOBAL, "operator"), (US, "rest")):
        channel = make_node(pki, region=region, role=role).node.channel(EU, f"127.0.0.1:{cell.port}")
        with pytest.raises(CrossingRefused):
            await SecondFactorServiceStub(channel).RemoveSecondFactor(request, metadata=mesh.ada.metadata)
        await channel.close()
    assert "second_factor_required" in (await mesh.log_in(US)).json()["error"]
