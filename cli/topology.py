"""The laptop's mesh as data: which processes, on which ports, with which settings."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from cli.meshfile import MeshFile, RegionProcesses
from cli.supervisor import Command
from mesh.regions import DEFAULT_CATALOGUE, DEFAULT_REGION, Region
from services.router.config import EdgeConfig
from services.router.edge import command as envoy_command
from services.router.edge import render_edge

HOST = "127.0.0.1"
GLOBAL_PORT, REGISTRY_PORT, ROUTER_PORT, FIRST_REST_PORT, FIRST_INNER_PORT = 8080, 9100, 9200, 8081, 9300


class PortsTaken(Exception):
    """A port that the mesh needs is in use; the text says which and what to do."""


class Ports:
    """Hands out ports: the well-known ones, or any free ones. Checks each before anything starts."""

    def __init__(self, *, free: bool) -> None:
        self._free = free
        self._taken: list[int] = []
        self._held: list[socket.socket] = []

    def take(self, wanted: int) -> str:
        """ "host:port": the wanted one, or a free one."""
        holder = socket.socket()
        try:
            holder.bind((HOST, 0 if self._free else wanted))
        except OSError as error:
            holder.close()
            if error.errno != errno.EADDRINUSE:
                raise
            self._taken.append(wanted)
            return f"{HOST}:{wanted}"
        self._held.append(holder)
        return f"{HOST}:{holder.getsockname()[1]}"

    def release(self) -> None:
        """Lets go of all of them. Raises PortsTaken where one was in use."""
        for holder in self._held:
            holder.close()
        if self._taken:
            ports = ", ".join(str(port) for port in self._taken)
            advice = "stop what listens there (`ss -ltnp`), or let the mesh choose: --free-ports"
            raise PortsTaken(f"in use: port {ports}; {advice}")


@dataclass(frozen=True, slots=True)
class RegionPlan:
    """One region's addresses and folder."""

    region: Region
    folder: Path
    rest: str
    edge_side: str
    internal: str
    federated: str
    rest_admin: str
    cell_admin: str


@dataclass(slots=True)
class Topology:
    """A whole mesh on one machine, below one data directory."""

    data_dir: Path
    trace_ratio: float
    edge: str
    edge_admin: str
    registry: str
    registry_admin: str
    router: str
    router_admin: str
    postgres: str = ""
    rate_limit: int = 0
    home: str = DEFAULT_REGION
    regions: list[RegionPlan] = field(default_factory=list)

    @classmethod
    def plan(
        cls,
        data_dir: Path,
        *,
        free_ports: bool,
        trace_ratio: float,
        postgres: str = "",
        rate_limit: int = 0,
        catalogue: Sequence[Region] = DEFAULT_CATALOGUE,
    ) -> Topology:
        """Chooses every port. Raises PortsTaken.

        `postgres`: URL of a server for records and registry. `rate_limit`: of each key, a minute; 0 for none,
        and none of log-ins either.
        """
        ports = Ports(free=free_ports)
        inner = iter(range(FIRST_INNER_PORT, FIRST_INNER_PORT + 100))
        topology = cls(
            data_dir=data_dir,
            trace_ratio=trace_ratio,
            edge=ports.take(GLOBAL_PORT),
            edge_admin=ports.take(next(inner)),
            registry=ports.take(REGISTRY_PORT),
            registry_admin=ports.take(next(inner)),
            router=ports.take(ROUTER_PORT),
            router_admin=ports.take(next(inner)),
            postgres=postgres,
            rate_limit=rate_limit,
        )
        for index, region in enumerate(region for region in catalogue if region.status == "open"):
            folder = data_dir / "regions" / region.id
            rest = ports.take(FIRST_REST_PORT + index)
            others = (ports.take(next(inner)) for _ in range(5))
            topology.regions.append(RegionPlan(region, folder, rest, *others))
        ports.release()
        return topology

    @property
    def pki_dir(self) -> Path:
        """Certificates and keys."""
        return self.data_dir / "pki"

    @property
    def hint_key(self) -> Path:
        """The key of the login hints; the registry is not given it."""
        return self.data_dir / "pki" / "hint.key"

    @property
    def databases(self) -> list[str]:
        """URLs of the PostgreSQL databases: the registry's and one for each region; none with SQLite."""
        owners = ["registry", *(plan.region.id for plan in self.regions)] if self.postgres else []
        return [self._database(owner) for owner in owners]

    def mesh_file(self) -> MeshFile:
        """What tools need to find this mesh; pids are filled in by who starts it."""
        return MeshFile(
            global_url=f"http://{self.edge}",
            registry=self.registry,
            data_dir=str(self.data_dir),
            pids={},
            regions={
                plan.region.id: RegionProcesses(
                    f"http://{plan.rest}", plan.internal, plan.federated, str(plan.folder)
                )
                for plan in self.regions
            },
        )

    def levels(self) -> Iterator[list[Command]]:
        """The processes in the order of starting; those of one level start together."""
        home = next(plan for plan in self.regions if plan.region.id == self.home)
        yield [self._registry(home), *(self._cell(plan) for plan in self.regions), self._router(home)]
        yield [*(self._rest(plan) for plan in self.regions), self._envoy()]

    def _process(self, data_dir: Path, admin: str, cell: RegionPlan, **more: object) -> dict[str, Any]:
        return {
            "data_dir": str(data_dir),
            "pki_dir": str(self.pki_dir),
            "home_region": self.home,
            "admin_address": admin,
            "registry_address": self.registry,
            "cell_address": cell.internal,
            "trace_ratio": self.trace_ratio,
            **more,
        }

    def _database(self, owner: str) -> str:
        """The database of a region, or of the registry: no two share one."""
        name = f"/sankofa_{owner.replace('-', '_')}"
        return urlsplit(self.postgres)._replace(scheme="postgresql+asyncpg", path=name).geturl()

    def _registry(self, home: RegionPlan) -> Command:
        folder = self.data_dir / "registry"
        sqlite = f"sqlite+aiosqlite:///{folder}/registry.db"
        catalogue = [
            {
                "id": plan.region.id,
                "display_name": plan.region.display_name,
                "rest_url": f"http://{plan.rest}",
                "federated_address": plan.federated,
            }
            for plan in self.regions
        ]
        settings = {
            "process": self._process(folder, self.registry_admin, home, federated_address=self.registry),
            "registry": {
                "store_url": self._database("registry") if self.postgres else sqlite,
                "catalogue": catalogue,
                "default_region": self.home,
                **({} if self.rate_limit else {"lookups_per_minute": 0, "lookups_of_one_per_minute": 0}),
            },
        }
        return self._serve("registry", "registry", None, settings)

    def _cell(self, plan: RegionPlan) -> Command:
        own = {
            "internal_address": plan.internal,
            "federated_address": plan.federated,
            "hint_key_file": str(self.hint_key),
        }
        settings = {
            "process": self._process(plan.folder, plan.cell_admin, plan, **own),
            "cell": {"records_url": self._database(plan.region.id)} if self.postgres else {},
        }
        return self._serve(f"cell-{plan.region.id}", "ingest,query,org", plan, settings)

    def _router(self, home: RegionPlan) -> Command:
        settings = {
            "process": self._process(self.data_dir / "router", self.router_admin, home),
            "router": {"address": self.router, "registry_address": self.registry},
        }
        return self._serve("router", "router", home, settings)

    def _rest(self, plan: RegionPlan) -> Command:
        settings = {
            "process": self._process(plan.folder, plan.rest_admin, plan, hint_key_file=str(self.hint_key)),
            "rest": {
                "public_address": plan.rest,
                "edge_address": plan.edge_side,
                "cell_address": plan.internal,
                "registry_address": self.registry,
                "trace_ratio": self.trace_ratio,
                "rate_limit_per_minute": self.rate_limit,
                **({} if self.rate_limit else {"lookups_per_minute": 0}),
            },
        }
        return self._serve(f"rest-{plan.region.id}", "rest", plan, settings)

    def _serve(self, name: str, targets: str, plan: RegionPlan | None, settings: dict[str, Any]) -> Command:
        file = self.data_dir / "run" / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.format(msgspec.json.encode(settings), indent=2))
        region = () if plan is None else ("--region", plan.region.id)
        serve = ("-m", "cli.main", "serve", "--target", targets, *region, "--config", str(file))
        ready_url = f"http://{settings['process']['admin_address']}/readyz"
        return Command(name, (sys.executable, *serve), ready_url, self._log(name))

    def _envoy(self) -> Command:
        file = self.data_dir / "run" / "edge.yaml"
        config = EdgeConfig(
            region=self.home,
            pki_dir=str(self.pki_dir),
            upstreams={plan.region.id: plan.edge_side for plan in self.regions},
            address=self.edge,
            admin_address=self.edge_admin,
            router_address=self.router,
        )
        file.write_text(render_edge(config))
        return Command("edge", envoy_command(file), f"http://{self.edge_admin}/ready", self._log("edge"))

    def _log(self, name: str) -> Path:
        folder = self.data_dir / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.log"
