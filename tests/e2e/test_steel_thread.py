"""The steel thread: the whole public wire, call by call, against stored answers, on every backend.

`STEEL_RECORD=1 pytest tests/e2e/test_steel_thread.py -k embedded` stores the answers anew: read the diff.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
import pytest

from storage.mails import OUTBOX
from tests.e2e.steel_thread import Step, script
from tests.support.postgres import running_postgres
from tests.support.running import RunningMesh, fresh_mesh, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400), pytest.mark.xdist_group("mesh")]

STORED = Path(__file__).parent / "steel" / "answers.json"
Answer = dict[str, Any]

_SECRETS = re.compile(r"sk_(?:live|test)_[0-9a-f]{32}|sat_[0-9A-Za-z]{40}")
_TOKENS = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
_REFRESH = re.compile(r"rt\.[a-z0-9-]+\.ses_[0-9A-Za-z]{20}\.\d+\.[\w-]{43}")
_IDS = re.compile(r"\b(?:proj|org|usr|key|evt|team|inv|aud|op|tok)_[0-9A-Za-z]{20,21}\b")
_OF_THE_RUN = frozenset(
    {
        *("created_at", "received_at", "joined_at", "expires_at", "begun_at", "finished_at", "at"),
        *("request_id", "next_cursor", "hash"),
    }
)
_MEASURED = frozenset({"rows", "write_pause_ms", "seq"})
_INVITATION = re.compile(r"org_[0-9A-Za-z]{20}\.[\w-]+")
_HEADERS = ("access-control-", "retry-after", "allow", "vary")
_URLS = re.compile(r"http://127\.0\.0\.1:\d+")


class Thread:
    """A run of the script. Ids become numbers in the order of their coming up, so that two runs compare."""

    def __init__(self, mesh: RunningMesh) -> None:
        self._mesh = mesh
        self._kept: dict[str, str] = {}
        self._numbers: dict[str, str] = {}

    async def take(self, step: Step, http: httpx.AsyncClient) -> Answer:
        """Makes the call, again until it has come as far as the step says; the answer as it is stored."""
        if step.invited:
            self._kept["invitation"] = self._mailed(step.invited)
        last: list[httpx.Response] = []

        async def done() -> bool:
            last[:] = [await self._send(step, http)]
            return step.until is None or step.until(last[0].json())

        await until(done, step.name)
        (answer,) = last
        assert answer.headers["x-request-id"], step.name
        assert step.holds.encode() in answer.content, step.name
        body = json.loads(answer.content) if answer.content else None
        for name, path in step.keep.items():
            self._kept[name] = _at(body, path)
        return {
            "status": answer.status_code,
            "region": answer.headers.get("x-sankofa-region"),
            "headers": {key: value for key, value in answer.headers.items() if key.startswith(_HEADERS)},
            "body": self._comparable(body),
        }

    async def _send(self, step: Step, http: httpx.AsyncClient) -> httpx.Response:
        file = self._mesh.file
        base = file.global_url if step.at == "global" else file.regions[step.at].rest_url
        headers = {name: self._filled(value) for name, value in step.headers.items()}
        if step.raw is not None:
            return await http.request(
                step.method, base + self._filled(step.path), headers=headers, content=step.raw
            )
        body = None if step.body is None else self._filled_all(step.body)
        return await http.request(step.method, base + self._filled(step.path), headers=headers, json=body)

    def _mailed(self, address: str) -> str:
        """What an invitation says, in the outbox of whichever region has sent it."""
        folders = [Path(where.data_dir) / OUTBOX for where in self._mesh.file.regions.values()]
        mails = [mail for folder in folders for mail in folder.glob("*/*.eml")]
        read = {mail: message_from_bytes(mail.read_bytes(), policy=default) for mail in mails}
        theirs = [mail for mail in mails if read[mail]["To"] == address]
        newest = max(theirs, key=lambda mail: mail.stat().st_mtime)
        found = _INVITATION.search(read[newest].get_content())
        assert found is not None
        return found[0]

    def _filled(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: self._kept[found[1]], text)

    def _filled_all(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._filled_all(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._filled_all(one) for one in value]
        return self._filled(value) if isinstance(value, str) else value

    def _comparable(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {self._comparable(key): self._comparable(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [self._comparable(one) for one in value]
        if name in _MEASURED and isinstance(value, int):
            return f"<{name}>"
        if not isinstance(value, str):
            return value
        if name in _OF_THE_RUN or (name == "step" and value != "done"):
            return f"<{name}>"
        value = _REFRESH.sub("<refresh token>", value)
        text = _TOKENS.sub("<token>", _SECRETS.sub("<secret>", _URLS.sub("<url>", value)))
        return _IDS.sub(lambda found: self._number(found[0]), text)

    def _number(self, found: str) -> str:
        return self._numbers.setdefault(found, f"<{found.split('_')[0]} {len(self._numbers) + 1}>")


@pytest.fixture(scope="module", params=["embedded", pytest.param("postgres", marks=pytest.mark.postgres)])
def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningMesh]:
    """SQLite for records and registry; or a real PostgreSQL, one database each."""
    if request.param == "embedded":
        yield request.getfixturevalue("mesh")
        return
    with ExitStack() as stack:
        server = stack.enter_context(running_postgres())
        url = f"postgresql://sankofa:{server.password}@127.0.0.1:{server.port}"
        yield stack.enter_context(fresh_mesh(tmp_path_factory.mktemp("postgres"), "--postgres", url))


@pytest.fixture(scope="module")
async def answers(backend: RunningMesh) -> AsyncIterator[dict[str, Answer]]:
    """The script's answers, by step."""
    thread, taken = Thread(backend), {}
    async with httpx.AsyncClient(timeout=30, trust_env=False, headers={"user-agent": "steel/1"}) as http:
        for step in script():
            assert step.name not in taken, f"two steps are called {step.name!r}"
            taken[step.name] = await thread.take(step, http)
    yield taken


def test_every_answer_is_the_stored_one(answers: dict[str, Answer]) -> None:
    """As text, since the order of keys is part of what comes back as it was sent."""
    if os.environ.get("STEEL_RECORD"):
        STORED.parent.mkdir(exist_ok=True)
        STORED.write_text(_text(answers))
    stored = json.loads(STORED.read_text())
    assert list(answers) == list(stored)
    differing = {
        name: (_text(stored[name]), _text(answer))
        for name, answer in answers.items()
        if _text(stored[name]) != _text(answer)
    }
    assert differing == {}


def test_every_answer_names_a_region(answers: dict[str, Answer], backend: RunningMesh) -> None:
    assert {answer["region"] for answer in answers.values()} <= set(backend.file.regions)


def test_every_refusal_has_the_public_shape(answers: dict[str, Answer]) -> None:
    refused = {name: answer["body"] for name, answer in answers.items() if answer["status"] >= 400}
    assert len(refused) > 30
    for name, body in refused.items():
        assert body["ok"] is False and body["request_id"] == "<request_id>" and body["error"], name
        assert set(body) == {"ok", "error", "request_id"}, name


async def test_the_openapi_document_lists_every_path_of_the_thread(backend: RunningMesh) -> None:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        for where in backend.file.regions.values():
            answer = await http.get(f"{where.rest_url}/openapi.json")
            assert answer.headers["x-sankofa-region"] in backend.file.regions
            known = [re.sub(r"\{\w+\}", "[^/]+", path) for path in answer.json()["paths"]]
            for step in script():
                path = step.path.partition("?")[0]
                if path != "/api/v1/nothing":
                    assert any(re.fullmatch(pattern, path) for pattern in known), path


def _at(body: Any, path: str) -> str:
    for name in path.split("."):
        body = body[int(name)] if name.isdigit() else body[name]
    return str(body)


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
