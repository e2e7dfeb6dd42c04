"""How the router listens: behind mTLS, so that only its region's workloads may ask."""

from __future__ import annotations

import ssl
from pathlib import Path

import uvicorn

from mesh.http import plain_config
from services.router.service import RouterApp

KEEP_ALIVE_S = 75
"""Longer than the edge keeps an idle connection (deploy/envoy.yaml.j2), so that only the edge ends one."""


def listener_config(app: RouterApp, *, pki_dir: Path, region: str) -> uvicorn.Config:
    """Settings for mesh.http.HttpListener: it trusts the region's own authority only."""
    config = plain_config(app)
    config.timeout_keep_alive = KEEP_ALIVE_S
    config.ssl_certfile = pki_dir / region / "router.crt"
    config.ssl_keyfile = pki_dir / region / "router.key"
    config.ssl_ca_certs = str(pki_dir / "trust" / f"{region}.pem")
    config.ssl_cert_reqs = ssl.CERT_REQUIRED
    return config
