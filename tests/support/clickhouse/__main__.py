"""The process: `python -m tests.support.clickhouse FOLDER PORT USER PASSWORD`. Says its port and serves."""

from __future__ import annotations

import signal
import sys
import threading

import chdb

from tests.support.clickhouse.running import Running
from tests.support.clickhouse.serving import Served, listener

MEMORY_BYTES = 1_500_000_000


def main(folder: str, port: str, user: str, password: str) -> None:
    path = f"{folder}?max_server_memory_usage={MEMORY_BYTES}"
    held = chdb.connect(path)  # the engine lives as long as one connection to it
    version = held.query("SELECT version()", "TSVRaw").bytes().decode().strip()
    server = listener(int(port), Served(path, version, user, password, Running()))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.05)
    held.close()


if __name__ == "__main__":
    main(*sys.argv[1:5])
