"""A real PostgreSQL for tests: its own cluster in a temporary folder, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

_START_DEADLINE_S = 20


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    port: int
    password: str

    async def new_database(self) -> str:
        """Creates an empty database; its SQLAlchemy URL."""
        name = f"test_{secrets.token_hex(6)}"
        admin = await asyncpg.connect(self._dsn("postgres"))
        try:
            await admin.execute(f"CREATE DATABASE {name}")
        finally:
            await admin.close()
        return self._dsn(name).replace("postgresql://", "postgresql+asyncpg://")

    def _dsn(self, database: str) -> str:
        return f"postgresql://sankofa:{self.password}@127.0.0.1:{self.port}/{database}"


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Starts a server for the block. Fails, naming the package, where PostgreSQL is not installed."""
    binaries, folder = _binaries(), Path(tempfile.mkdtemp(prefix="sankofa-pg-"))
    user = _unprivileged()
    try:
        password = secrets.token_hex(16)
        data, secret = folder / "data", folder / "password"
        secret.write_text(password)
        for path in (folder, secret):
            if user is not None:
                os.chown(path, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        _run(
            [
                binaries / "initdb",
                "-D",
                data,
                "-U",
                "sankofa",
                "--pwfile",
                secret,
                "-A",
                "scram-sha-256",
                "-N",
            ],
            user,
        )
        server, port = _start(binaries / "postgres", data, user)
        try:
            yield Postgres(port, password)
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
            server.wait(timeout=_START_DEADLINE_S)
    finally:
        shutil.rmtree(folder)


def _binaries() -> Path:
    """The folder of a PostgreSQL's programs. Debian keeps them off PATH, and its wrappers may be on it."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    folders += [Path(found).resolve().parent] if found else []
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise AssertionError("PostgreSQL is not installed: `apt-get install postgresql` (or put initdb on PATH)")


def _unprivileged() -> str | None:
    """Whom to run as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run(command: list[str | Path], user: str | None) -> None:
    done = subprocess.run(command, user=user, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _start(program: Path, data: Path, user: str | None) -> tuple[subprocess.Popen[bytes], int]:
    """PostgreSQL can't take port 0, so a free port is chosen for it; where another process took it, again."""
    for _ in range(3):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        options = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "fsync": "off",
        }
        flags = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
        with (data.parent / "log").open("wb") as log:
            server = subprocess.Popen(
                [program, "-D", data, *flags], user=user, cwd="/", stdout=log, stderr=log
            )
        if _answers(server, data):
            return server, port
    raise AssertionError((data.parent / "log").read_text())


def _answers(server: subprocess.Popen[bytes], data: Path) -> bool:
    """Waits until the server says "ready" in its pid file; False where it ended instead."""
    deadline = time.monotonic() + _START_DEADLINE_S
    while server.poll() is None:
        pid_file = data / "postmaster.pid"
        if pid_file.exists() and pid_file.read_text().rstrip().endswith("ready"):
            return True
        if time.monotonic() > deadline:
            server.kill()
            server.wait()
        time.sleep(0.02)
    return False
