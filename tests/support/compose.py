"""docker-compose.yml as data, and everything that can be wrong with it, one check a function."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cli.modules import TARGETS
from mesh.regions import DEFAULT_CATALOGUE, DEFAULT_REGION

ROOT = Path(__file__).parents[2]
MESH_FILE = ROOT / "deploy" / "mesh.toml"
HOME = DEFAULT_REGION
"""The region that the registry, the router and the edge report to."""
REGIONS = [region.id for region in DEFAULT_CATALOGUE]
GLOBAL_TARGETS = {"registry", "router"}
STORES = {
    "postgres": "/var/lib/postgresql/data",
    "clickhouse": "/var/lib/clickhouse",
    "jaeger": "/tmp",
    "nats": "/data",
}
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
            for secret in re.findall(r"\$\{(\w+)_(?:POSTGRES|CLICKHOUSE|NATS)_PASSWORD", str(value)):
                if secret != (region or "registry").upper().replace("-", "_"):
                    yield f"{name} is given a password of {secret} by {key}"


def foreign_tags(compose: Compose) -> Iterator[str]:
    """A cell refuses a NATS server without the tag of its region: that it has it says who set it up."""
    for name, service in compose["services"].items():
        told = (service.get("environment") or {}).get("NATS_REGION_TAG")
        if name.endswith("-nats") and told != f'"region:{region_of(name, service)}"':
            yield f"{name} is tagged {told}"
