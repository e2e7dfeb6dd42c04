"""The wall, over the wire: what is posted in a region is in that region's stores, and nowhere else."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.sweep import Hits, sweep
from sankofa.residency.v1.ledger_pb2 import SweepPlace
from storage.directory.lmdb import LmdbDirectory
from storage.sweep import scan_directory, scan_files, scan_sqlite
from tests.support.markers import new_marker
from tests.support.nodes import REGIONS
from tests.support.running import RunningMesh, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400), pytest.mark.xdist_group("mesh")]

TABLES = {"track": "events", "batch": "events", "people": "people", "alias": "aliases"}


@dataclass(frozen=True, slots=True)
class Posted:
    """A marker that went into one region by one way in."""

    marker: str
    region: str
    way: str
    url: str

    def __str__(self) -> str:
        return f"{self.region} by {self.way} on the {self.url} URL"


@dataclass(frozen=True, slots=True)
class Swept:
    """Everything that was posted, with what each region's own sweep says of it."""

    mesh: RunningMesh
    found: dict[Posted, dict[str, Hits]]


@pytest.fixture(scope="module")
async def swept(mesh: RunningMesh) -> AsyncIterator[Swept]:
    """A marker by every way into every region, in the store, and a sweep of all regions for each."""
    posted = [
        await _post(mesh, region, way, url)
        for region in REGIONS
        for way in TABLES
        for url in ("regional", "global")
    ]
    found: dict[Posted, dict[str, Hits]] = {}
    for one in posted:

        async def stored(one: Posted = one) -> bool:
            return _rows(await sweep(mesh.file, one.region, one.marker), one.way) > 0

        await until(stored, f"{one}: stored")
        hits = await asyncio.gather(*(sweep(mesh.file, region, one.marker) for region in REGIONS))
        found[one] = dict(zip(REGIONS, hits, strict=True))
    yield Swept(mesh, found)


async def _post(mesh: RunningMesh, region: str, way: str, url: str) -> Posted:
    """One request with the marker wherever a client can put one."""
    marker = new_marker()
    base = mesh.file.regions[region].rest_url if url == "regional" else mesh.file.global_url
    headers = {
        "x-api-key": mesh.project(region).keys["live"],
        "user-agent": f"Mozilla/5.0 {marker}",
        "idempotency-key": marker,
        "referer": f"https://shop.example/{marker}",
        "cookie": f"session={marker}",
        "baggage": f"who={marker}",
        "x-forwarded-for": "203.0.113.7",
    }
    async with httpx.AsyncClient(base_url=base, timeout=30, trust_env=False) as client:
        answer = await client.post(f"/api/v1/{way}?who={marker}", json=_body(way, marker), headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-sankofa-region"] == region
        refused = await client.post(f"/api/v1/{way}?who={marker}", content=f'{{"{marker}"', headers=headers)
        assert refused.status_code == 400, refused.text
    return Posted(marker, region, way, url)


def _body(way: str, marker: str) -> dict[str, Any]:
    bag = {marker: {"nested": [marker]}, "plain": marker}
    event = {
        "event_name": marker,
        "distinct_id": f"user_{marker}",
        "properties": bag,
        "default_properties": {"$os": marker},
        "lib_version": marker,
    }
    match way:
        case "people":
            return {"distinct_id": f"user_{marker}", "properties": bag}
        case "alias":
            return {"alias_id": f"anon_{marker}", "distinct_id": f"user_{marker}"}
        case "batch":
            return {"operations": [{"type": "track", "payload": event}]}
    return event


def _rows(hits: Hits, way: str) -> int:
    return sum(place.hits for place in hits.places if place.place == f"sankofa.{TABLES[way]}")


def _hit(hits: Hits) -> list[SweepPlace]:
    return [place for place in hits.places if place.hits]


def test_every_marker_is_in_its_own_region_whichever_way_it_came(swept: Swept) -> None:
    assert len(swept.found) == len(REGIONS) * len(TABLES) * 2
    lost = [str(one) for one, hits in swept.found.items() if _rows(hits[one.region], one.way) != 1]
    assert lost == []


def test_no_marker_is_in_another_region(swept: Swept) -> None:
    strayed = [
        f"{one}: {place.store}/{place.place} of {region}"
        for one, hits in swept.found.items()
        for region in REGIONS
        if region != one.region
        for place in _hit(hits[region])
    ]
    assert strayed == []


def test_a_sweep_looks_into_every_store_of_a_region(swept: Swept) -> None:
    for hits in swept.found.values():
        for region, one in hits.items():
            examined = {(place.store, place.place): place.examined for place in one.places}
            assert {store for store, _ in examined} == {"analytics", "log", "directory", "records", "files"}
            tables = ("events", "otel_traces", "ledger", "witnesses")
            assert all(examined["analytics", f"sankofa.{table}"] > 0 for table in tables), region
            assert examined["records", "projects"] > 0 and one.examined > 1000


def test_at_home_a_marker_is_only_where_customer_data_may_be(swept: Swept) -> None:
    """Tables of events, people and aliases, and the durable log; no span, counter, log line or record."""
    allowed = {("analytics", f"sankofa.{table}") for table in TABLES.values()}
    allowed |= {("log", "log"), ("files", "log/data.mdb")}
    elsewhere = {
        (place.store, place.place) for one, hits in swept.found.items() for place in _hit(hits[one.region])
    }
    assert elsewhere - allowed == set()


def test_no_file_outside_the_regions_holds_a_marker(swept: Swept) -> None:
    """Logs of all processes, registry, router, edge, run files, and the folder that up was started in."""
    data_dir = swept.mesh.data_dir
    examined: dict[str, int] = {}
    held = []
    for one in swept.found:
        needle = one.marker.encode()
        for folder in (data_dir, swept.mesh.scratch):
            for name, size, hit in scan_files(folder, needle, apart=[data_dir / "regions"]):
                examined[name] = size
                held += [f"{one}: {name}"] * hit
    assert held == []
    assert {name.split("/")[0] for name in examined} >= {"logs", "registry", "router", "run", "pki"}
    assert list(swept.mesh.scratch.iterdir()) == []


def test_registry_and_router_hold_no_marker_in_any_row_or_key(swept: Swept) -> None:
    """The same search finds a project's id in both, so that it is not blind."""
    found = _outside_the_regions(
        swept.mesh, [*(one.marker for one in swept.found), swept.mesh.demo.projects[0].id]
    )
    assert found.pop() == {"registry": True, "router": True}
    assert all(hit == {"registry": False, "router": False} for hit in found)


def test_the_search_of_files_finds_a_marker_that_is_there(swept: Swept) -> None:
    marker = new_marker()
    planted = swept.mesh.data_dir / "logs" / "planted.log"
    planted.write_text(f"{'x' * 70_000}{marker}\n")
    try:
        found = [name for name, _, hit in scan_files(swept.mesh.data_dir, marker.encode(), apart=[]) if hit]
    finally:
        planted.unlink()
    assert found == ["logs/planted.log"]


async def test_a_mesh_at_work_is_proven_to_keep_data_at_home(swept: Swept) -> None:
    command = (sys.executable, "-m", "cli.main", "audit", "--data-dir", str(swept.mesh.data_dir), "--json")
    audit = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    said = json.loads(audit.stdout)
    assert (audit.returncode, said["verdict"], said["missing"]) == (0, "PROVEN", []), (
        audit.stdout + audit.stderr
    )
    inside = {"DATA", "LOCAL"}
    crossing = [
        flow for flow in said["flows"] if flow["caller"] != flow["callee"] and flow["plane"] in inside
    ]
    assert crossing == []
    appended = {flow["caller"]: flow["requests"] for flow in said["flows"] if flow["plane"] == "DATA"}
    assert set(appended) == set(REGIONS) and min(appended.values()) >= 2 * len(TABLES)
    assert {flow["callee"] for flow in said["transit"]} == set(REGIONS)


def _outside_the_regions(mesh: RunningMesh, needles: list[str]) -> list[dict[str, bool]]:
    registry = mesh.data_dir / "registry" / "registry.db"
    router = LmdbDirectory.open(_router_directory(mesh), region=None, readonly=True)
    try:
        return [
            {
                "registry": any(hits for _, _, hits in scan_sqlite(registry, needle.encode())),
                "router": scan_directory(router, needle.encode())[1] > 0,
            }
            for needle in needles
        ]
    finally:
        router.close()


def _router_directory(mesh: RunningMesh) -> Path:
    return mesh.data_dir / "router" / "directory"
