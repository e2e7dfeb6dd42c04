"""The router's own listener: uvicorn behind mTLS, so that only its region's workloads may ask."""

from __future__ import annotations

import ssl
from pathlib import Path

import uvicorn

from services.router.service import RouterApp

KEEP_ALIVE_S = 75
"""Longer than the edge keeps an idle connection (deploy/envoy.yaml.j2), so that only the edge ends one."""


def listener(app: RouterApp, *, address: str, pki_dir: Path, region: str) -> uvicorn.Config:
    """Settings of the server at `host:port`: it trusts the region's own authority only."""
    host, _, port = address.rpartition(":")
    return uvicorn.Config(
        app,
        host=host,
        port=int(port),
        ssl_certfile=pki_dir / region / "router.crt",
        ssl_keyfile=pki_dir / region / "router.key",
        ssl_ca_certs=str(pki_dir / "trust" / f"{region}.pem"),
        ssl_cert_reqs=ssl.CERT_REQUIRED,
        timeout_keep_alive=KEEP_ALIVE_S,
        server_header=False,
        date_header=False,
        access_log=False,
        lifespan="off",
        log_config=None,
    )
