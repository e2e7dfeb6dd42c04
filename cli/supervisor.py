"""Runs processes of one machine: starts them gated on health, restarts what dies, leaves no orphan."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

FIRST_DELAY_S, LONGEST_DELAY_S, HEALTHY_AFTER_S = 0.1, 2.0, 5.0
POLL_S = 0.05
STOP_TIMEOUT_S = 15.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class StartFailed(Exception):
    """A process did not become ready; the text holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Command:
    """A process to run: `name` is unique, `ready_url` answers 200 once it can take work."""

    name: str
    argv: Sequence[str]
    ready_url: str
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)


class Supervised:
    """One process that is to run."""

    def __init__(self, command: Command, on_change: Callable[[Supervised, str], None]) -> None:
        self.command = command
        self.restarts = 0
        self._on_change = on_change
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int:
        """The pid it has now; 0 while there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else 0

    async def start(self, timeout_s: float) -> None:
        """Starts it and waits until it is ready. Raises StartFailed."""
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep())
        await self.wait_ready(timeout_s)

    async def wait_ready(self, timeout_s: float) -> None:
        """Waits for its ready_url. Raises StartFailed."""
        deadline = time.monotonic() + timeout_s
        async with httpx.AsyncClient(timeout=1.0, trust_env=False) as client:
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(self.command.ready_url)).status_code == 200:
                        return
                if self._stopping:
                    return
                await asyncio.sleep(POLL_S)
        raise StartFailed(f"{self.command.name} is not ready after {timeout_s:.0f} s\n{self._last_words()}")

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL for what is still there after 15 s; by pid."""
        self._stopping = True
        if self._keeper is not None:
            self._keeper.cancel()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _spawn(self) -> None:
        with self.command.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.command.env},
                start_new_session=True,
                preexec_fn=_die_with_parent(os.getpid()),
            )
        self._on_change(self, "started")

    async def _keep(self) -> None:
        delay = FIRST_DELAY_S
        while self._process is not None:
            started = time.monotonic()
            code = await self._process.wait()
            if time.monotonic() - started > HEALTHY_AFTER_S:
                delay = FIRST_DELAY_S
            self._on_change(self, f"ended with {_words(code)}; starting it again in {delay:.1f} s")
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY_S)
            self.restarts += 1
            await self._spawn()

    def _last_words(self) -> str:
        lines = self.command.log.read_text(errors="replace").splitlines()[-15:]
        return "\n".join(f"  {line}" for line in lines)


def _die_with_parent(parent: int) -> Callable[[], None]:
    """A SIGTERM for the child when the supervisor ends, whatever ended it."""

    def before_exec() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return before_exec


def _words(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
