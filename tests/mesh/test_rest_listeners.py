"""When the shim is ready, who opens the edge's listener, and how it drains."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from tests.support.nodes import EU, US
from tests.support.recorded import Recorded, event_loop_policy, shim
from tests.support.shim import (
    LIVE,
    TRACK,
    until,
)

pytestmark = [pytest.mark.network, pytest.mark.disk]

__all__ = ["event_loop_policy", "shim"]
"""Fixtures, under which pytest finds them here."""


async def test_ready_means_that_the_cell_can_be_reached(shim: Recorded) -> None:
    await shim.track()
    assert (await shim.http.get("/readyz")).status_code == 200


async def test_only_the_edges_certificate_opens_the_edge_listener_and_is_counted(shim: Recorded) -> None:
    url = f"https://127.0.0.1:{shim.server.edge_port}/api/v1/track"
    edge = _tls(shim.pki, region=US, role="edge")
    async with httpx.AsyncClient(verify=edge) as http:
        answer = await http.post(url, headers={"x-api-key": LIVE}, content=b'{"event_name":"tap"')
    assert answer.status_code == 400
    assert shim.edge_bytes == [19]
    await shim.track()
    assert shim.edge_bytes == [19]
    for context in (_tls(shim.pki, region=EU, role="rest"), _tls(shim.pki, region="global", role="registry")):
        async with httpx.AsyncClient(verify=context) as http:
            with pytest.raises(httpx.TransportError):
                await http.post(url, headers={"x-api-key": LIVE}, json=TRACK)
    async with httpx.AsyncClient(verify=_tls(shim.pki)) as http:
        with pytest.raises(httpx.TransportError):
            await http.post(url, headers={"x-api-key": LIVE}, json=TRACK)
    assert shim.edge_bytes == [19]


def _tls(pki: Path, *, region: str = "", role: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=pki / "trust" / f"{EU}.pem")
    context.check_hostname = False
    if role:
        context.load_cert_chain(pki / region / f"{role}.crt", pki / region / f"{role}.key")
    return context


async def test_draining_lets_a_request_in_flight_end_and_takes_no_new_one(shim: Recorded) -> None:
    shim.cell.gate.clear()
    last = asyncio.create_task(shim.track())
    await until(lambda: shim.cell.frames)
    draining = asyncio.create_task(shim.server.drain(5))

    def closed() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", shim.server.public_port)) != 0

    await until(closed)
    shim.cell.gate.set()
    assert (await last).status_code == 200
    await draining
