"""docker-compose.yml against the module table: everything is there, and no region touches another's."""

from __future__ import annotations

import copy
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from cli.cell import CellConfig
from cli.process import ProcessConfig
from mesh.config import load
from mesh.identity import Credentials
from mesh.regions import GLOBAL
from services.region_registry.config import RegistryConfig
from services.rest.config import RestConfig
from services.router.config import EdgeConfig, RouterConfig
from services.router.edge import render_edge
from tests.support import compose as checks
from tests.support.compose import MESH_FILE, REGIONS, ROOT, Compose, parsed
from tests.support.compose_addresses import unshared_directories, wrong_addresses, wrong_catalogue


@pytest.fixture
def compose() -> Compose:
    """A copy that a test may spoil."""
    return copy.deepcopy(parsed())


def violations(compose: Compose) -> list[str]:
    """Everything that is wrong with a compose file, one line each."""
    found = (
        checks.missing,
        checks.mislabelled,
        checks.unhealthy,
        checks.unported,
        checks.unstored,
        checks.shared_volumes,
        checks.shared_networks,
        checks.foreign_addresses,
        checks.foreign_tags,
        wrong_addresses,
        wrong_catalogue,
        unshared_directories,
    )
    return [line for check in found for line in check(compose)]


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
    registry = load(RegistryConfig, section="registry", file=MESH_FILE, overrides={"store_url": "sqlite://"})
    assert [region.id for region in registry.catalogue] == REGIONS
    load(ProcessConfig, section="process", file=MESH_FILE, overrides={"data_dir": "d", "pki_dir": "p"})


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


def _leave(service: str, network: str) -> Callable[[Compose], None]:
    return lambda compose: compose["services"][service]["networks"].remove(network)


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


def _readonly_directory(compose: Compose) -> None:
    volumes = compose["services"]["us-east-1-query"]["volumes"]
    volumes[-1] += ":ro"


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
        (_mount("us-east-1-nats", "eu-west-1-nats:/other"), "volume eu-west-1-nats is shared"),
        (_join("us-east-1-nats", "federated"), "can be reached from other regions"),
        (
            _tell("us-east-1-ingest", "SANKOFA_CELL_LOG_URL", "nats://x@eu-west-1-nats:4222"),
            "us-east-1-ingest is told of",
        ),
        (
            _drop("services", "us-east-1-ingest", "environment", "SANKOFA_CELL_LOG_URL"),
            "us-east-1-ingest is not told SANKOFA_CELL_LOG_URL",
        ),
        (
            _tell("us-east-1-nats", "NATS_REGION_TAG", '"region:eu-west-1"'),
            "us-east-1-nats is tagged",
        ),
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
        (
            _tell("us-east-1-rest", "SANKOFA_REST_QUERY_ADDRESS", "us-east-1-ingest:9101"),
            "SANKOFA_REST_QUERY_ADDRESS of us-east-1-rest leads to us-east-1-ingest, not to us-east-1-query",
        ),
        (
            _tell("us-east-1-rest", "SANKOFA_REST_CELL_ADDRESS", "us-east-1-ingest:9102"),
            "leads to port 9102 of us-east-1-ingest",
        ),
        (
            _tell("eu-west-1-ingest", "SANKOFA_PROCESS_INTERNAL_ADDRESS", "127.0.0.1:9101"),
            "SANKOFA_REST_CELL_ADDRESS of eu-west-1-rest leads to port 9101",
        ),
        (_tell("us-east-1-org", "SANKOFA_OTHER_URL", "http://elsewhere"), "is checked by nothing"),
        (
            _drop("services", "us-east-1-rest", "environment", "SANKOFA_REST_QUERY_ADDRESS"),
            "us-east-1-rest is not told SANKOFA_REST_QUERY_ADDRESS",
        ),
        (
            _drop("services", "registry", "environment", "SANKOFA_PROCESS_COLLECTOR_ADDRESS"),
            "registry is not told SANKOFA_PROCESS_COLLECTOR_ADDRESS",
        ),
        (
            _tell("us-east-1-rest", "SANKOFA_CELL_RECORDS_URL", "postgresql://x@us-east-1-postgres:5432/x"),
            "us-east-1-rest is given a store that it does not use",
        ),
        (_leave("router", "eu-west-1-telemetry"), "router and eu-west-1-collector share no network"),
        (_leave("af-south-1-org", "federated"), "af-south-1-org share no network (org_address)"),
        (_drop("services", "us-east-1-query", "pid"), "us-east-1-query has process ids of its own"),
        (_readonly_directory, "us-east-1-query can't read and lock"),
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


def test_a_catalogue_that_leads_to_another_region_or_target_is_refused(compose: Compose) -> None:
    """The registry's word is what the regions find each other by."""
    listed = load(RegistryConfig, section="registry", file=MESH_FILE, overrides={"store_url": "sqlite://"})
    first, second, *others = listed.catalogue
    swapped = msgspec.structs.replace(first, federated_address=second.federated_address)
    alone = msgspec.structs.replace(second, org_address="")
    found = list(wrong_catalogue(compose, (swapped, alone, *others)))
    assert any(f"leads to {second.id}-ingest, not to {first.id}-ingest" in line for line in found)
    assert any(f"leads to nobody, not to {second.id}-org" in line for line in found)


def test_the_locks_of_the_image_name_no_package_host_and_pin_what_the_tests_ran_with() -> None:
    everything = _pins("requirements.lock")
    for lock in ("requirements-run.lock", "requirements-build.lock"):
        assert "://" not in (ROOT / lock).read_text() and _pins(lock).items() <= everything.items()
    assert not {"pytest", "mypy", "uv", "hatchling"} & _pins("requirements-run.lock").keys()


def _pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"(?m)^([a-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", (ROOT / lock).read_text()))
