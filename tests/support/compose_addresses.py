"""Every address in docker-compose.yml is of the right service, in the right region, within reach."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cli.modules import TARGETS
from mesh.config import load
from services.region_registry.config import CatalogueRegion, RegistryConfig
from tests.support.compose import HOME, LISTENERS, MESH_FILE, REGIONS, Compose, region_of

TELLS = {
    "SANKOFA_PROCESS_CELL_ADDRESS": ("ingest", "internal"),
    "SANKOFA_PROCESS_COLLECTOR_ADDRESS": ("collector", "4317"),
    "SANKOFA_PROCESS_REGISTRY_ADDRESS": ("registry", "federated"),
    "SANKOFA_REST_CELL_ADDRESS": ("ingest", "internal"),
    "SANKOFA_REST_QUERY_ADDRESS": ("query", "internal"),
    "SANKOFA_REST_REGISTRY_ADDRESS": ("registry", "federated"),
    "SANKOFA_ROUTER_REGISTRY_ADDRESS": ("registry", "federated"),
    "SANKOFA_EDGE_ROUTER_ADDRESS": ("router", "http"),
    "SANKOFA_CELL_ANALYTICS_URL": ("clickhouse", "8123"),
    "SANKOFA_CELL_RECORDS_URL": ("postgres", "5432"),
    "SANKOFA_CELL_LOG_URL": ("nats", "4222"),
    "SANKOFA_CELL_LOG_MONITOR_URL": ("nats", "8222"),
    "SANKOFA_REGISTRY_STORE_URL": ("registry-postgres", "5432"),
    "SANKOFA_CLICKHOUSE_HOST": ("clickhouse", ""),
    "SANKOFA_JAEGER_HOST": ("jaeger", ""),
}
"""Setting → what it names: a service, and its port: a number, or a side that the module table knows."""

PROCESS = ("SANKOFA_PROCESS_CELL_ADDRESS", "SANKOFA_PROCESS_COLLECTOR_ADDRESS")
FED = (*PROCESS, "SANKOFA_PROCESS_REGISTRY_ADDRESS")
RECORDS, ANALYTICS = "SANKOFA_CELL_RECORDS_URL", "SANKOFA_CELL_ANALYTICS_URL"
LOG = ("SANKOFA_CELL_LOG_URL", "SANKOFA_CELL_LOG_MONITOR_URL")
NEEDED = {
    "registry": (*PROCESS, "SANKOFA_REGISTRY_STORE_URL"),
    "router": (*FED, "SANKOFA_ROUTER_REGISTRY_ADDRESS"),
    "edge": ("SANKOFA_EDGE_ROUTER_ADDRESS", "SANKOFA_EDGE_UPSTREAMS"),
    "ingest": (*FED, RECORDS, ANALYTICS, *LOG),
    "query": (*PROCESS, ANALYTICS),
    "org": (*FED, RECORDS),
    "rest": (
        *PROCESS,
        "SANKOFA_REST_CELL_ADDRESS",
        "SANKOFA_REST_QUERY_ADDRESS",
        "SANKOFA_REST_REGISTRY_ADDRESS",
    ),
    "collector": ("SANKOFA_CLICKHOUSE_HOST", "SANKOFA_JAEGER_HOST"),
}
"""What each has to be told, since a default would point at its own container."""

OWN = {
    *LISTENERS.values(),
    "SANKOFA_PROCESS_INTERNAL_ADDRESS",
    "SANKOFA_PROCESS_FEDERATED_ADDRESS",
    "SANKOFA_PROCESS_ADMIN_ADDRESS",
    "SANKOFA_EDGE_ADDRESS",
    "SANKOFA_EDGE_ADMIN_ADDRESS",
}
"""Addresses that a process listens on."""


def wrong_addresses(compose: Compose) -> Iterator[str]:
    """Settings that are missing, lead nowhere, or to the wrong service."""
    for name, service in compose["services"].items():
        told = service.get("environment") or {}
        for key in NEEDED.get(_kind(service, name), ()):
            if key not in told:
                yield f"{name} is not told {key}"
        for key in {RECORDS, ANALYTICS, *LOG} & told.keys() - {*NEEDED.get(_kind(service, name), ())}:
            yield f"{name} is given a store that it does not use by {key}"
        for key, value in told.items():
            if key in TELLS:
                kind, port = TELLS[key]
                where = HOME if kind == "router" else region_of(name, service) or HOME
                wanted = kind if kind.startswith("registry") or kind == "router" else f"{where}-{kind}"
                yield from _leads(compose, name, key, str(value), wanted, port)
            elif key.endswith(("_ADDRESS", "_URL", "_HOST")) and key not in OWN:
                yield f"{key} of {name} is checked by nothing"
    yield from _wrong_upstreams(compose)


def wrong_catalogue(compose: Compose, catalogue: tuple[CatalogueRegion, ...] | None = None) -> Iterator[str]:
    """What the registry tells all regions: shims, cells and org services reach every cell and org service."""
    listed = catalogue or load(RegistryConfig, section="registry", file=MESH_FILE, overrides=_STORE).catalogue
    callers = [f"{region}-{kind}" for region in REGIONS for kind in ("ingest", "org", "rest")]
    for region in listed:
        for caller in callers:
            for what, kind in (("federated_address", "ingest"), ("org_address", "org")):
                address = getattr(region, what)
                yield from _leads(compose, caller, what, address, f"{region.id}-{kind}", "federated")


def unshared_directories(compose: Compose) -> Iterator[str]:
    """LMDB tells readers apart by process id: who reads ingest's directory is in its pid namespace."""
    services = compose["services"]
    for region in REGIONS:
        mount = f"{region}-directory:/var/lib/sankofa/directory"
        if mount not in services[f"{region}-ingest"]["volumes"]:
            yield f"{region}-ingest does not keep its directory in a volume of its own"
        for name in (f"{region}-rest", f"{region}-query"):
            if mount not in services.get(name, {}).get("volumes", ()):
                yield f"{name} can't read and lock ingest's directory"
            if services.get(name, {}).get("pid") != f"service:{region}-ingest":
                yield f"{name} has process ids of its own"


def _leads(compose: Compose, name: str, key: str, value: str, wanted: str, port: str) -> Iterator[str]:
    """Whether `value` names the service `wanted` at its port, on a network that `name` is on too."""
    services = compose["services"]
    if wanted not in services or name not in services:
        return
    host, _, number = (
        re.sub(r"\$\{[^}]*\}", "", value).rpartition("@")[2].removeprefix("http://").partition(":")
    )
    number = number.partition("/")[0]
    if host != wanted:
        yield f"{key} of {name} leads to {host or 'nobody'}, not to {wanted}"
    if number != _port(services[wanted], wanted, port):
        yield f"{key} of {name} leads to port {number or 'none'} of {wanted}"
    if not set(services[name].get("networks", ())) & set(services[wanted].get("networks", ())):
        yield f"{name} and {wanted} share no network ({key})"


def _wrong_upstreams(compose: Compose) -> Iterator[str]:
    told = compose["services"]["edge"]["environment"].get("SANKOFA_EDGE_UPSTREAMS", "")
    for region, address in re.findall(r'"([^"]+)": "([^"]+)"', told):
        yield from _leads(compose, "edge", f"upstream {region}", address, f"{region}-rest", "edge")


def _port(service: Mapping[str, Any], name: str, port: str) -> str:
    """The number behind a side of the module table."""
    kind = _kind(service, name)
    if port.isdecimal() or kind not in TARGETS:
        return port
    setting = LISTENERS.get((kind, port)) or f"SANKOFA_PROCESS_{port.upper()}_ADDRESS"
    host, _, number = service["environment"][setting].rpartition(":")
    return number if host == "0.0.0.0" else f"{number}, on which only {host} is heard,"


def _kind(service: Mapping[str, Any], name: str) -> str:
    return str(service.get("labels", {}).get("sankofa.target") or name.rpartition("-")[2])


_STORE = {"store_url": "sqlite://"}
