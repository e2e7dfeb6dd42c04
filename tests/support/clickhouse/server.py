"""A ClickHouse server as a test sees it: a URL, and a process that can stop, be killed and come back."""

from __future__ import annotations

import select
import subprocess
import sys
from pathlib import Path

from tests.support.ports import free_ports

USER, PASSWORD = "sankofa", "s3cret"
START_DEADLINE_S = 60


class ClickHouse:
    """One server, on one port and one folder for all its life. Not started when made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        (self.port,) = free_ports(1)

    @property
    def url(self) -> str:
        """With user and password, as `analytics_url` wants it."""
        return self.url_by(self.port)

    def url_by(self, port: int, *, password: str = PASSWORD) -> str:
        """The same through another port, or with another password."""
        return f"http://{USER}:{password}@127.0.0.1:{port}"

    def start(self) -> None:
        """Returns when it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.support.clickhouse", str(self._folder), str(self.port)]
        self._process = subprocess.Popen([*command, USER, PASSWORD], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_DEADLINE_S)
        assert ready and self._process.stdout.readline(), "the ClickHouse of the tests did not start"

    def stop(self) -> None:
        """In good order; once stopped, does nothing."""
        if self._process is not None:
            self._process.terminate()
            self._gone()

    def kill(self) -> None:
        """Without a word, as a machine dies."""
        assert self._process is not None
        self._process.kill()
        self._gone()

    def _gone(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        self._process.wait(timeout=START_DEADLINE_S)
        self._process.stdout.close()
        self._process = None
