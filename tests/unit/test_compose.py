"""docker-compose.yml against the module table: everything is there, and no region touches another's."""

from __future__ import annotations

import copy
import re
import runpy
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from cli.cell import CellConfig
from cli.modules import TARGETS
from cli.process import ProcessConfig
from mesh.config import load
from mesh.identity import Credentials
from mesh.regions import DEFAULT_CATALOGUE, GLOBAL
from services.region_registry.config import RegistryConfig
from services.rest.config import RestConfig
from services.router.config import EdgeConfig, RouterConfig
from services.router.edge import render_edge

ROOT = Path(__file__).parents[2]
REGIONS = [region.id for region in DEFAULT_CATALOGUE]
GLOBAL_TARGETS = {"registry", "router"}
STORES = {"postgres": "/var/lib/postgresql/data", "clickhouse": "/var/lib/clickhouse", "jaeger": "/tmp"}
SHARED_NETWORKS = {"federated"}
LISTENERS = {
    ("rest", "http"): "SANKOFA_REST_PUBLIC_ADDRESS",
    ("rest", "edge"): "SANKOFA_REST_EDGE_ADDRESS",
    ("router", "http"): "SANKOFA_ROUTER_ADDRESS",
}
ONE_SHOT = "pki"
"""Makes every region's certificates, has no network and ends before anything starts."""

Compose = dict[str, Any]


@cache
def parsed() -> Compose:
    """The file with its anchors resolved."""
    compose: Compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return compose


@pytest.fixture
def compose() -> Compose:
    """A copy that a test may spoil."""
    return copy.deepcopy(parsed())


def region_of(name: str, part: dict[str, Any] | None) -> str | None:
    """The region of a service, volume or network: its label."""
    labelled: str | None = ((part or {}).get("labels") or {}).get("sankofa.region")
    return labelled


def volumes_of(service: dict[str, Any]) -> dict[str, str]:
    """Named volume → where it is mounted; files of the repository are not counted."""
    pairs = (str(entry).split(":") for entry in service.get("volumes", []))
    return {pair[0]: pair[1] for pair in pairs if not pair[0].startswith(".")}


def expected_services() -> set[str]:
    """What has to be there, by name."""
    regional = [target for target in TARGETS if target not in GLOBAL_TARGETS]
    each = [*regional, *STORES, "collector"]
    return {*GLOBAL_TARGETS, "edge", "registry-postgres"} | {f"{r}-{part}" for r in REGIONS for part in each}


def violations(compose: Compose) -> list[str]:
    """Everything that is wrong with a compose file, one line each."""
    checks = (
        missing,
        mislabelled,
        unhealthy,
        unported,
        unstored,
        shared_volumes,
        shared_networks,
        foreign_addresses,
    )
    return [line for check in checks for line in check(compose)]


def missing(compose: Compose) -> Iterator[str]:
    services = compose["services"]
    for name in sorted(expected_services() - services.keys()):
        yield f"{name} is missing"
    for name in sorted(services.keys() - expected_services() - {ONE_SHOT}):
        yield f"{name} is in no module table"
    for name, service in services.items():
        target = service.get("labels", {}).get("sankofa.target")
        if target in TARGETS:
            command = " ".join(service["command"])
            place = f" --region {region_of(name, service)}" if region_of(name, service) else ""
            if not command.startswith(f"serve --target {target}{place} --config"):
                yield f"{name} runs {command!r}"
        image = service.get("image", "")
        if not re.search(r":\d[\w.-]+$", image):
            yield f"the image of {name} is not pinned: {image!r}"


def mislabelled(compose: Compose) -> Iterator[str]:
    for kind in ("services", "networks", "volumes"):
        for name, part in compose[kind].items():
            named = next((region for region in REGIONS if f"{name}-".startswith(f"{region}-")), None)
            if named and region_of(name, part) != named:
                yield f"{name} of {kind} is labelled {region_of(name, part)}"


def unhealthy(compose: Compose) -> Iterator[str]:
    for name, service in compose["services"].items():
        check = service.get("healthcheck", {})
        if name != ONE_SHOT and not (check.get("test") and check.get("interval") and check.get("retries")):
            yield f"{name} has no health check"
        for needed, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if needed == ONE_SHOT else "service_healthy"
            if needed not in compose["services"] or how["condition"] != wanted:
                yield f"{name} does not wait for {needed} to be {wanted}"


def unported(compose: Compose) -> Iterator[str]:
    """Each port of the module table can be reached, and `http` of a shim and of the edge from outside."""
    for name, service in compose["services"].items():
        target = service.get("labels", {}).get("sankofa.target")
        published = {str(port).rpartition(":")[2] for port in service.get("ports", [])}
        reachable = published | {str(port) for port in service.get("expose", [])}
        for side in TARGETS[target].ports if target in TARGETS else ():
            setting = LISTENERS.get((target, side)) or f"SANKOFA_PROCESS_{side.upper()}_ADDRESS"
            port = service["environment"][setting].rpartition(":")[2]
            if port not in (published if (target, side) == ("rest", "http") else reachable):
                yield f"port {port} ({side}) of {name} can't be reached"
        if target == "edge" and not published:
            yield "the edge publishes no port"
        if name.endswith(("-jaeger", "-collector")) and not reachable:
            yield f"{name} has no port"


def unstored(compose: Compose) -> Iterator[str]:
    for name, service in compose["services"].items():
        kind = name.rpartition("-")[2]
        folder = STORES.get(kind, "/var/lib/sankofa" if kind in TARGETS else None)
        if folder and folder not in volumes_of(service).values():
            yield f"{name} keeps nothing in {folder}"
        for volume in volumes_of(service).keys() - (compose.get("volumes") or {}).keys():
            yield f"{name} mounts {volume}, which is declared nowhere"
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    for port in {each for each in published if published.count(each) > 1}:
        yield f"port {port} is published twice"


def shared_volumes(compose: Compose) -> Iterator[str]:
    services = {name: each for name, each in compose["services"].items() if name != ONE_SHOT}
    for volume, definition in (compose.get("volumes") or {}).items():
        users = {name: region_of(name, each) for name, each in services.items() if volume in volumes_of(each)}
        owners = {*users.values(), *({region_of(volume, definition)} if users else ())}
        if len(owners) > 1:
            yield f"volume {volume} is shared by {sorted(map(str, owners))}"
        if len(users) > 1 and any(name.rpartition("-")[2] in STORES for name in users):
            yield f"volume {volume} is shared by the stores {sorted(users)}"


def shared_networks(compose: Compose) -> Iterator[str]:
    networks = compose["networks"]
    for name, service in compose["services"].items():
        region = region_of(name, service)
        joined = set(service.get("networks", [])) - SHARED_NETWORKS
        if not service.get("networks") and service.get("network_mode") != "none":
            yield f"{name} is on the default network, where everybody is"
        for network in sorted(joined):
            owner = region_of(network, networks.get(network))
            may = owner == region or (name == "registry" and network.endswith("-telemetry"))
            if not may:
                yield f"{name} of {region} is on {network} of {owner}"
        if name.rpartition("-")[2] in STORES and set(service["networks"]) & SHARED_NETWORKS:
            yield f"the store {name} can be reached from other regions"


def foreign_addresses(compose: Compose) -> Iterator[str]:
    """A service is told of no other region; only the edge is, and only of where it forwards to."""
    known = compose["services"].keys()
    for name, service in compose["services"].items():
        region = region_of(name, service)
        for key, value in (service.get("environment") or {}).items():
            hosts = set(re.findall(r"[a-z0-9-]+(?=:\d)|^[a-z0-9-]+$", str(value))) & known
            owners = {region_of(host, compose["services"][host]) for host in hosts}
            if key == "SANKOFA_EDGE_UPSTREAMS":
                if not all(host.endswith("-rest") for host in hosts) or len(hosts) != len(REGIONS):
                    yield f"the edge forwards to {sorted(hosts)}"
            elif region and not owners <= {region, None}:
                yield f"{name} is told of {sorted(hosts)} by {key}"
            for secret in re.findall(r"\$\{(\w+)_(?:POSTGRES|CLICKHOUSE)_PASSWORD", str(value)):
                if secret != (region or "registry").upper().replace("-", "_"):
                    yield f"{name} is given a password of {secret} by {key}"


def test_each_target_runs_in_each_region_and_each_region_has_its_own_stores(compose: Compose) -> None:
    assert violations(compose) == []


def test_every_setting_is_one_that_a_process_knows(compose: Compose) -> None:
    """A process refuses to start on a setting that it doesn't know."""
    kinds: dict[str, type[msgspec.Struct]] = {
        "PROCESS": ProcessConfig,
        "CELL": CellConfig,
        "REGISTRY": RegistryConfig,
        "REST": RestConfig,
        "ROUTER": RouterConfig,
        "EDGE": EdgeConfig,
    }
    known = {
        f"SANKOFA_{section}_{field.name.upper()}"
        for section, kind in kinds.items()
        for field in msgspec.structs.fields(kind)
    }
    for name, service in compose["services"].items():
        if service.get("labels", {}).get("sankofa.target"):
            assert service.get("environment", {}).keys() <= known, name


def test_the_settings_that_all_containers_share_are_read_and_name_every_region() -> None:
    file = ROOT / "deploy" / "mesh.toml"
    registry = load(RegistryConfig, section="registry", file=file, overrides={"store_url": "sqlite://"})
    assert [region.id for region in registry.catalogue] == REGIONS
    load(ProcessConfig, section="process", file=file, overrides={"data_dir": "d", "pki_dir": "p"})


def test_the_edge_forwards_to_every_region(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in compose["services"]["edge"]["environment"].items():
        monkeypatch.setenv(name, value)
    rendered = yaml.safe_load(render_edge(load(EdgeConfig, section="edge")))
    clusters = [cluster["name"] for cluster in rendered["static_resources"]["clusters"]]
    assert clusters == ["router", *sorted(REGIONS)]


@pytest.mark.disk
def test_a_region_is_given_its_own_keys_and_no_others(tmp_path: Path) -> None:
    make_pki = runpy.run_path(str(ROOT / "deploy" / "make_pki.py"))["main"]
    for _ in range(2):
        make_pki(tmp_path, REGIONS[0], *REGIONS)
    for region in REGIONS:
        keys = {path.relative_to(tmp_path / region) for path in (tmp_path / region).rglob("*.key")}
        assert Path("hint.key") in keys
        assert {path.parent.name for path in keys - {Path("hint.key")}} == {region}
        assert not [path for path in keys if path.stem == "authority"]
        Credentials.load(tmp_path / region, region=region, role="cell")
    assert {path.name for path in (tmp_path / GLOBAL).rglob("*.key")} == {"registry.key", "operator.key"}
    Credentials.load(tmp_path / GLOBAL, region=REGIONS[0], role="registry")


def test_every_password_is_in_the_example_and_none_has_a_value() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(re.findall(r"\$\{(\w+)", text)) == example.keys()
    assert all(not value for name, value in example.items() if name.endswith("PASSWORD"))


def _mount(service: str, volume: str) -> Callable[[Compose], None]:
    return lambda compose: compose["services"][service]["volumes"].append(volume)


def _join(service: str, network: str) -> Callable[[Compose], None]:
    return lambda compose: compose["services"][service]["networks"].append(network)


def _tell(service: str, key: str, value: str) -> Callable[[Compose], None]:
    return lambda compose: compose["services"][service]["environment"].update({key: value})


def _drop(*path: str) -> Callable[[Compose], None]:
    def drop(compose: Compose) -> None:
        part: Any = compose
        for key in path[:-1]:
            part = part[key]
        del part[path[-1]]

    return drop


def _relabel(compose: Compose) -> None:
    compose["services"]["us-east-1-ingest"]["labels"]["sankofa.region"] = "eu-west-1"


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (
            _mount("us-east-1-clickhouse", "eu-west-1-clickhouse:/data"),
            "volume eu-west-1-clickhouse is shared",
        ),
        (_mount("us-east-1-rest", "eu-west-1-pki:/etc/other:ro"), "volume eu-west-1-pki is shared"),
        (_mount("registry", "eu-west-1-ingest:/data"), "volume eu-west-1-ingest is shared"),
        (_mount("eu-west-1-jaeger", "eu-west-1-postgres:/data"), "shared by the stores"),
        (_mount("eu-west-1-rest", "elsewhere:/data"), "declared nowhere"),
        (_join("us-east-1-ingest", "eu-west-1"), "us-east-1-ingest of us-east-1 is on eu-west-1"),
        (_join("registry", "eu-west-1"), "registry of None is on eu-west-1"),
        (_join("eu-west-1-postgres", "federated"), "can be reached from other regions"),
        (
            _tell("af-south-1-org", "SANKOFA_CELL_RECORDS_URL", "postgresql://x@eu-west-1-postgres:5432/x"),
            "af-south-1-org is told of",
        ),
        (
            _tell("us-east-1-collector", "SANKOFA_JAEGER_HOST", "eu-west-1-jaeger"),
            "us-east-1-collector is told of",
        ),
        (
            _tell("edge", "SANKOFA_EDGE_UPSTREAMS", '{"eu-west-1": "eu-west-1-ingest:9101"}'),
            "the edge forwards to",
        ),
        (
            _tell("us-east-1-org", "SECRET", "${EU_WEST_1_POSTGRES_PASSWORD:?}"),
            "is given a password of EU_WEST_1",
        ),
        (_drop("services", "af-south-1-query"), "af-south-1-query is missing"),
        (_drop("services", "eu-west-1-jaeger", "healthcheck"), "eu-west-1-jaeger has no health check"),
        (_drop("services", "eu-west-1-ingest", "expose"), "port 9101 (internal) of eu-west-1-ingest"),
        (_drop("services", "af-south-1-rest", "ports"), "port 8080 (http) of af-south-1-rest"),
        (_drop("services", "edge", "ports"), "the edge publishes no port"),
        (_drop("services", "us-east-1-postgres", "volumes"), "us-east-1-postgres keeps nothing"),
        (_drop("services", "us-east-1-org", "networks"), "us-east-1-org is on the default network"),
        (_relabel, "us-east-1-ingest of services is labelled eu-west-1"),
    ],
)
def test_a_file_that_mixes_regions_or_leaves_something_out_is_refused(
    compose: Compose, spoil: Callable[[Compose], None], what: str
) -> None:
    spoil(compose)
    assert any(what in line for line in violations(compose)), violations(compose)
