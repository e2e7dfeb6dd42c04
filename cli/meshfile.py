"""`mesh.json` and `demo.json`: how tools and tests find a running mesh."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

NAME = "mesh.json"
DEMO_NAME = "demo.json"


class RegionProcesses(msgspec.Struct):
    """Where one region answers. `internal` serves DATA and LOCAL, `federated` CONTROL, ORG and TRANSFER."""

    rest_url: str
    internal: str
    federated: str
    data_dir: str
    pids: dict[str, int] = {}


class MeshFile(msgspec.Struct):
    """A running mesh. No secrets."""

    global_url: str
    registry: str
    data_dir: str
    pids: dict[str, int]
    regions: dict[str, RegionProcesses]


class DemoOwner(msgspec.Struct):
    """Who owns the demonstration's organisation."""

    email: str
    password: str


class DemoOrg(msgspec.Struct):
    """The demonstration's organisation."""

    id: str
    name: str
    plan: str
    primary_region: str
    owner: DemoOwner


class DemoProject(msgspec.Struct):
    """A project of the demonstration, with its keys by environment."""

    id: str
    org_id: str
    name: str
    region: str
    keys: dict[str, str]


class DemoFile(msgspec.Struct):
    """Demonstration credentials."""

    orgs: list[DemoOrg]
    projects: list[DemoProject]


def write_private(path: Path, value: msgspec.Struct) -> None:
    """Replaces a file atomically; only its owner may read it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(value), indent=2))
        file.flush()
        os.fsync(file.fileno())
    Path(name).rename(path)


def read_mesh(data_dir: Path) -> MeshFile | None:
    """The mesh that runs on a data directory; None where none does."""
    path = data_dir / NAME
    if not path.exists():
        return None
    mesh = msgspec.json.decode(path.read_bytes(), type=MeshFile)
    return mesh if _alive(mesh.pids.get("up", 0)) else None


def read_demo(data_dir: Path) -> DemoFile | None:
    """The demonstration's credentials; None before `residency up` has made them."""
    path = data_dir / DEMO_NAME
    return msgspec.json.decode(path.read_bytes(), type=DemoFile) if path.exists() else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0
