"""The Envoy edge: its configuration from one template, and the process that becomes it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2

from mesh.config import load
from mesh.errors import RETRY_AFTER_S, TABLE
from mesh.identity import Identity
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.router.config import EdgeConfig
from services.router.service import CHECK_PATH

TEMPLATE = Path(__file__).parents[2] / "deploy" / "envoy.yaml.j2"


@dataclass(frozen=True, slots=True)
class Peer:
    """A server behind the edge: where it is, who it must prove to be, and which authority may say so."""

    host: str
    port: int
    uri: str
    dns_name: str
    authority: str

    @classmethod
    def of(cls, identity: Identity, address: str, pki_dir: Path) -> Peer:
        """The peer of an identity at `host:port`."""
        host, _, port = address.rpartition(":")
        authority = str(pki_dir / "trust" / f"{identity.region}.pem")
        return cls(host, int(port), identity.uri, identity.dns_name, authority)


def render_edge(config: EdgeConfig, *, template: Path = TEMPLATE) -> str:
    """Envoy's bootstrap configuration, YAML. Values are quoted as JSON, so none can add a key."""
    pki_dir = Path(config.pki_dir).resolve()
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    return environment.from_string(template.read_text()).render(
        region=config.region,
        listen=_address(config.address),
        admin=_address(config.admin_address),
        certificate=str(pki_dir / config.region / "edge.crt"),
        key=str(pki_dir / config.region / "edge.key"),
        router=Peer.of(Identity(config.region, "router"), config.router_address, pki_dir),
        upstreams=_upstreams(config.upstreams, pki_dir),
        check_path=CHECK_PATH,
        trusted_hops=config.trusted_hops,
        access_log=config.access_log,
        retry_after_s=str(RETRY_AFTER_S),
        busy=TABLE[ErrorReason.ERROR_REASON_UNAVAILABLE].text,
    )


def command(config_file: Path) -> list[str]:
    """The command line that runs Envoy beside others on one machine: one worker, no shared memory."""
    envoy = Path(sys.executable).with_name("envoy")
    return [
        str(envoy),
        *("--config-path", str(config_file)),
        *("--concurrency", "1"),
        "--disable-hot-restart",
        *("--log-level", "warning"),
    ]


def main() -> None:
    """`python -m services.router.edge FILE`: writes FILE from SANKOFA_EDGE_… and becomes Envoy."""
    config_file = Path(sys.argv[1])
    config_file.write_text(render_edge(load(EdgeConfig, section="edge")))
    arguments = command(config_file)
    os.execv(arguments[0], arguments)


def _address(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def _upstreams(upstreams: Mapping[str, str], pki_dir: Path) -> dict[str, Peer]:
    return {
        region: Peer.of(Identity(region, "rest"), address, pki_dir)
        for region, address in sorted(upstreams.items())
    }


if __name__ == "__main__":
    main()
