"""One region whose targets run in processes of their own, and what `residency serve` refuses to start."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from cli.client import PublicClient, WireError, eventually
from cli.supervisor import Command, Supervised
from cli.topology import Ports
from mesh.certificates import ensure_pki
from tests.support.nodes import EU

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180), pytest.mark.xdist_group("split")]

READY_TIMEOUT_S = 60.0
REFUSED_WITHIN_S = 30.0
LEVELS = (("registry",), ("ingest,query",), ("org", "rest"))
SERVE = (sys.executable, "-m", "cli.main", "serve")


@dataclass(slots=True)
class Split:
    """A region's processes by target. `folder` is the region's data directory, which all of them share."""

    root: Path
    ports: dict[str, str]
    processes: dict[str, Supervised] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.root / EU

    @property
    def url(self) -> str:
        return f"http://{self.ports['rest']}"

    async def start(self) -> None:
        for level in LEVELS:
            started = {target: Supervised(self._command(target), lambda *_: None) for target in level}
            self.processes |= started
            await asyncio.gather(*(process.start(READY_TIMEOUT_S) for process in started.values()))

    async def stop(self) -> None:
        for process in reversed(self.processes.values()):
            await process.stop()

    def config(self, target: str) -> Path:
        """The settings file of one process."""
        file = self.root / f"{target.replace(',', '-')}.json"
        file.write_bytes(msgspec.json.encode(self._settings(target)))
        return file

    def _command(self, target: str) -> Command:
        region = () if target == "registry" else ("--region", EU)
        argv = (*SERVE, "--target", target, *region, "--config", str(self.config(target)))
        ready_url = f"http://{self.ports[f'{target} admin']}/readyz"
        return Command(target, argv, ready_url, self.root / f"{target}.log")

    def _settings(self, target: str) -> dict[str, Any]:
        ports = self.ports
        process = {
            "data_dir": str(self.root / "registry" if target == "registry" else self.folder),
            "pki_dir": str(self.root / "pki"),
            "home_region": EU,
            "admin_address": ports.get(f"{target} admin", "127.0.0.1:0"),
            "registry_address": ports["registry"],
            "cell_address": ports["internal"],
            "hint_key_file": str(self.root / "hint.key"),
        }
        match target:
            case "registry":
                return {
                    "process": process | {"federated_address": ports["registry"]},
                    "registry": self._registry(),
                }
            case "ingest,query":
                cell = {"internal_address": ports["internal"], "federated_address": ports["federated"]}
                return {"process": process | cell}
            case "org":
                return {"process": process | {"federated_address": ports["org"]}}
            case "rest":
                rest = {
                    "public_address": ports["rest"],
                    "cell_address": ports["internal"],
                    "query_address": ports["internal"],
                    "registry_address": ports["registry"],
                }
                return {"process": process, "rest": rest}
        return {"process": process}

    def _registry(self) -> dict[str, Any]:
        region = {
            "id": EU,
            "display_name": "Europe / Ireland",
            "rest_url": self.url,
            "federated_address": self.ports["federated"],
            "org_address": self.ports["org"],
        }
        store_url = f"sqlite+aiosqlite:///{self.root}/registry/registry.db"
        return {"store_url": store_url, "default_region": EU, "catalogue": [region]}


@pytest.fixture(scope="module")
async def split(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Split]:
    """All targets of one region, running."""
    root = tmp_path_factory.mktemp("split")
    ensure_pki(root / "pki", [EU])
    (root / "hint.key").write_bytes(secrets.token_bytes(32))
    ports = Ports(free=True)
    admins = [f"{target} admin" for level in LEVELS for target in level]
    named = {name: ports.take(0) for name in ("registry", "internal", "federated", "org", "rest", *admins)}
    ports.release()
    running = Split(root, named)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()


async def test_targets_in_processes_of_their_own_take_an_account_a_project_and_an_event(split: Split) -> None:
    """Sign-up and ticket in org, the project and the event in ingest, the way out through query."""
    async with PublicClient(split.url) as client:
        account = await client.sign_up(
            email="owner@split.example", password=secrets.token_urlsafe(12), org_name="Split", region=EU
        )
        token, org_id = str(account["token"]), str(account["orgs"][0]["id"])
        made = await client.create_project(token, org_id=org_id, name="Web shop", region=EU)
        key, project_id = str(made["keys"]["live"]["secret"]), str(made["project"]["id"])
        event = {"event_name": "split", "distinct_id": "user_1", "properties": {"cart_value": 49.99}}

        async def accepted() -> Mapping[str, Any]:
            try:
                return await client.batch(key, [{"type": "track", "payload": event}])
            except WireError as error:
                return {"refused": str(error)}

        async def stored() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = (
                await client.query(token, project_id, "events", environment="live")
            )["events"]
            return found

        answer = await eventually(accepted, lambda said: "refused" not in said, timeout_s=10)
        assert answer.get("events_received") == 1, answer
        events = await eventually(stored, bool, timeout_s=10)
    assert [(one["event_name"], one["properties"]) for one in events] == [("split", {"cart_value": 49.99})]
    assert {target: process.restarts for target, process in split.processes.items()} == dict.fromkeys(
        split.processes, 0
    )


async def test_each_process_keeps_a_directory_or_reads_the_one_that_ingest_keeps(split: Split) -> None:
    kept = {path.parent.name for path in split.folder.glob("directory*/data.mdb")}
    assert kept == {"directory", "directory-org"}
    opened = {
        target: {Path(file.path).parent.name for file in psutil.Process(process.pid).open_files()}
        for target, process in split.processes.items()
    }
    assert {target for target, folders in opened.items() if "directory-org" in folders} == {"org"}
    assert {target for target, folders in opened.items() if "directory" in folders} == {
        "ingest,query",
        "rest",
    }


async def test_query_alone_says_that_the_embedded_engine_belongs_to_one_process(split: Split) -> None:
    said = await _refused("--target", "query", "--region", EU, "--config", str(split.config("query")))
    assert "run query with ingest (--target ingest,query)" in said
    assert "set [cell] analytics_url to a ClickHouse server" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--target", "egress", "--region", EU), "no target egress: choose from registry, router, ingest"),
        (("--target", "ingest"), "--region is needed"),
        (("--target", "registry", "--region", EU), "the registry belongs to no region"),
        (
            ("--target", "ingest,rest", "--region", EU),
            "targets of different identities can't share a process",
        ),
        (("--target", "ingest", "--region", EU, "--set", "process.data=x"), "[process] has no setting data"),
        (("--target", "ingest", "--region", EU, "--set", "data_dir=x"), "write SECTION.FIELD=VALUE"),
        (("--target", "ingest", "--region", EU, "--config", "absent.toml"), "'absent.toml' does not exist"),
    ],
)
async def test_a_process_that_is_told_something_impossible_says_so_and_ends(
    options: tuple[str, ...], message: str
) -> None:
    assert message in await _refused(*options)


async def _refused(*options: str) -> str:
    """What a process said that ended by itself, without a traceback and with another code than 0."""
    ended = await asyncio.to_thread(
        subprocess.run,
        [*SERVE, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=REFUSED_WITHIN_S,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert ended.returncode != 0 and "Traceback" not in ended.stderr, ended.stderr
    return " ".join(re.sub("[│╭╮╰╯─]", " ", ended.stderr).split())
