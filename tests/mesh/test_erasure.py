"""Erasure over mTLS: who may, when it is done, and that a retry of what was erased is a new event."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mesh.errors import Forbidden, InvalidInput, NotFound, Unauthenticated, Unavailable
from sankofa.ingest.v1.erasure_pb2 import ErasePersonRequest
from sankofa.ingest.v1.erasure_pb2_grpc import ErasureServiceStub
from sankofa.ingest.v1.ingest_pb2 import Alias, People, Track
from sankofa.org.v1.org_pb2 import PROJECT_ROLE_ADMIN, PROJECT_ROLE_EDITOR
from sankofa.query.v1 import query_pb2 as query
from sankofa.query.v1.query_pb2_grpc import QueryServiceStub
from sankofa.residency.v1.environment_pb2 import ENVIRONMENT_LIVE, ENVIRONMENT_TEST
from services.ingest.erasure import WAIT
from storage.analytics.errors import StoreUnavailable
from tests.support.cell import Cell
from tests.support.shim import start_shim

pytestmark = [pytest.mark.disk, pytest.mark.network]


class Admin:
    """Whoever erases and then looks."""

    def __init__(self, cell: Cell, project: str, token: str) -> None:
        channel = cell.channel()
        self.erasure: Any = ErasureServiceStub(channel)
        self.query: Any = QueryServiceStub(channel)
        self.scope = query.Scope(project_id=project, environment=ENVIRONMENT_LIVE)
        self.metadata = (("authorization", f"Bearer {token}"),)

    @classmethod
    async def of(cls, cell: Cell, project: str) -> Admin:
        return cls(cell, project, await cell.token(project, role=PROJECT_ROLE_ADMIN))

    async def erase(self, who: str, **fields: Any) -> Any:
        fields = {"project_id": self.scope.project_id, "environment": ENVIRONMENT_LIVE} | fields
        request = ErasePersonRequest(distinct_id=who, **fields)
        return await self.erasure.ErasePerson(request, metadata=self.metadata)

    async def events(self) -> list[str]:
        request = query.ListEventsRequest(scope=self.scope)
        answer = await self.query.ListEvents(request, metadata=self.metadata)
        return sorted(event.event_name for event in answer.events)

    async def person(self, who: str) -> Any:
        request = query.GetPersonRequest(scope=self.scope, distinct_id=who)
        return await self.query.GetPerson(request, metadata=self.metadata)


async def test_an_erased_person_is_in_no_answer_when_the_answer_says_so(cell: Cell) -> None:
    project = await cell.project()
    await cell.store(
        project,
        Track(event_name="a", distinct_id="anon_1"),
        Track(event_name="b", distinct_id="user_1", event_id="e-1"),
        Track(event_name="c", distinct_id="user_2"),
        People(distinct_id="user_1", properties=b'{"plan":"pro"}'),
        Alias(alias_id="anon_1", distinct_id="user_1"),
    )
    admin = await Admin.of(cell, project)
    answer = await admin.erase("user_1")
    assert answer.erasure_id.startswith("era_")
    assert answer.off_disk_by_unix_ms - answer.erased_at_unix_ms == 780_000
    assert await admin.events() == ["c"]
    with pytest.raises(NotFound):
        await admin.person("user_1")
    await cell.store(project, Track(event_name="b", distinct_id="user_1", event_id="e-1"))
    assert await admin.events() == ["b", "c"]


async def test_only_admins_erase_and_only_what_can_be_named(cell: Cell) -> None:
    project = await cell.project()
    admin = await Admin.of(cell, project)
    editor = Admin(cell, project, await cell.token(project, role=PROJECT_ROLE_EDITOR))
    nobody = Admin(cell, project, "forged")
    before = cell.log.stats().appended
    for one, error in ((editor, Forbidden), (nobody, Unauthenticated)):
        with pytest.raises(error):
            await one.erase("user_1")
    with pytest.raises(InvalidInput):
        await admin.erase("")
    with pytest.raises(InvalidInput):
        await admin.erase("user_1", environment=0)
    assert cell.log.stats().appended == before


async def test_the_other_environment_is_another_person(cell: Cell) -> None:
    project = await cell.project()
    await cell.store(project, Track(event_name="a", distinct_id="user_1"))
    admin = await Admin.of(cell, project)
    await admin.erase("user_1", environment=ENVIRONMENT_TEST)
    assert await admin.events() == ["a"]


async def test_a_full_log_takes_no_order(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await Admin.of(cell, await cell.project())
    monkeypatch.setattr(cell.log, "_bound_bytes", 0)
    with pytest.raises(Unavailable):
        await admin.erase("user_1")


async def test_an_order_that_has_to_wait_for_its_turn_says_no_time(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is away: the order is durable, and carried out when it is back."""
    project = await cell.project()
    await cell.store(project, Track(event_name="a", distinct_id="user_1"))
    admin = await Admin.of(cell, project)
    monkeypatch.setattr("services.ingest.erasure.WAIT", 0 * WAIT)
    with monkeypatch.context() as away:
        away.setattr("storage.analytics.erasing.Eraser.ids_of", _away)
        answer = await admin.erase("user_1")
        assert answer.erasure_id and (answer.erased_at_unix_ms, answer.off_disk_by_unix_ms) == (0, 0)
        assert await admin.events() == ["a"]
    await cell.flushed()
    assert await admin.events() == []


async def test_over_rest_an_erasure_answers_202_with_both_times(pki: Path, cell: Cell) -> None:
    project, other = await cell.project(), await cell.project()
    await cell.store(project, Track(event_name="a", distinct_id="user/1 ü"))
    token = await cell.token(project, role=PROJECT_ROLE_ADMIN)
    headers = {"authorization": f"Bearer {token}"}
    path = f"/api/v1/projects/{project}/people/user/1%20%C3%BC"
    async with AsyncExitStack() as stack:
        address = f"127.0.0.1:{cell.server.internal_port}"
        http = (await start_shim(stack, pki, cell.directory, cell_address=address)).http
        assert (await http.get(path, headers=headers)).status_code == 200
        erased = await http.delete(f"{path}?environment=live", headers=headers)
        assert erased.status_code == 202
        body = erased.json()
        assert body.keys() == {"ok", "erasure_id", "erased_at", "off_disk_by"} and body["ok"] is True
        times = [datetime.fromisoformat(body[name]) for name in ("erased_at", "off_disk_by")]
        assert times[1] - times[0] == timedelta(minutes=13)
        assert (await http.get(path, headers=headers)).status_code == 404
        for refused, status in (
            (http.delete(path), 401),
            (http.delete(f"{path}?environment=both", headers=headers), 400),
            (http.delete(f"/api/v1/projects/{other}/people/x", headers=headers), 403),
            (http.delete("/api/v1/projects/proj_none/people/x", headers=headers), 404),
        ):
            assert (await refused).status_code == status


def _away(*_: object) -> None:
    raise StoreUnavailable("NETWORK_ERROR")
