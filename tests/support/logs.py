"""Where a durable log of a test lies: in a folder (LMDB), or in streams of its own on a NATS server."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from storage.log import DurableLog
from storage.log.jetstream import JetStreamLog
from storage.log.lmdb import LmdbLog
from tests.support.nats import Nats
from tests.support.nodes import EU

LOG_BACKENDS = ("lmdb", "jetstream")


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Opens the same log each time, in this process or, by `argument`, in another."""

    folder: str = ""
    url: str = ""
    monitor_url: str = ""
    name: str = ""

    @classmethod
    def in_folder(cls, folder: Path) -> LogPlace:
        """An LMDB log."""
        return cls(folder=str(folder))

    @classmethod
    def on_nats(cls, server: Nats) -> LogPlace:
        """A new JetStream log."""
        return cls(url=server.url, monitor_url=server.monitor_url, name=f"test{uuid.uuid4().hex}")

    @property
    def argument(self) -> str:
        """For another process's command line."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, argument: str) -> LogPlace:
        """From such a command line."""
        return cls(**json.loads(argument))

    def open(self, max_bytes: int = 64 << 20, **options: Any) -> DurableLog:
        """Opens it, or makes it there."""
        if self.folder:
            return LmdbLog.open(Path(self.folder), max_bytes=max_bytes, **options)
        return JetStreamLog.open(
            self.url,
            region=EU,
            max_bytes=max_bytes,
            monitor_url=self.monitor_url,
            name=self.name,
            **options,
        )
