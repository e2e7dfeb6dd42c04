"""The floor of single events: a process with the shim's own HTTP server, and nothing behind it.

`python -m bench.noop PKI_DIR REGION` writes its port, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path

import uvloop
from starlette.types import Receive, Scope, Send

from mesh.identity import Credentials
from services.rest.server import RestServer

BODY = b'{"ok":true,"commands":[]}'


def noop(region: str) -> object:
    """An ASGI app that reads a body and answers what the shim answers to /track, byte for byte but the id."""
    headers = [
        (b"x-sankofa-region", region.encode()),
        (b"x-request-id", b"req_0123456789abcdef0123456789"),
        (b"content-length", b"%d" % len(BODY)),
        (b"content-type", b"application/json"),
    ]

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})

    return app


async def serve(pki_dir: Path, region: str) -> None:
    """Serves until standard input ends."""
    credentials = Credentials.load(pki_dir, region=region, role="rest")
    server = RestServer(
        app=noop(region),  # type: ignore[arg-type]
        credentials=credentials,
        public_address="127.0.0.1:0",
    )
    await server.start()
    gc.collect()
    gc.freeze()
    print(server.public_port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.drain(1.0)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(sys.argv[1]), sys.argv[2]))
