"""`residency serve`: one process with one or more targets, from settings to a graceful stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from cli.modules import TARGETS
from cli.process import ProcessConfig, Settings, open_process
from mesh.regions import GLOBAL

GC_THRESHOLDS = (50_000, 20, 20)
"""Requests make few cycles: rarer collections took the p99 from 15–20 to 11 ms (measured at c256)."""


class UsageError(Exception):
    """The targets don't go together; the text says why and what to do."""


def parse_sets(sets: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`section.field=value` → {section: {field: value}}. Raises UsageError."""
    parsed: dict[str, dict[str, Any]] = {}
    for item in sets:
        name, separator, value = item.partition("=")
        section, dot, field = name.partition(".")
        if not (separator and dot and section and field):
            raise UsageError(f"--set {item!r}: write SECTION.FIELD=VALUE")
        parsed.setdefault(section, {})[field] = value
    return parsed


def run(
    targets: Sequence[str], region: str | None, file: Path | None, sets: dict[str, dict[str, Any]]
) -> None:
    """Serves until SIGINT or SIGTERM. Raises UsageError and ConfigError before anything is opened."""
    role = check_targets(targets, region)
    settings = Settings(file, sets)
    config = settings.load(ProcessConfig, "process")
    logging.basicConfig(level=config.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with asyncio.Runner(loop_factory=_event_loop) as runner:
        runner.run(_serve(targets, region or GLOBAL, role, settings, config))


def check_targets(targets: Sequence[str], region: str | None) -> str:
    """The role that the targets give the process. Raises UsageError."""
    unknown = [target for target in targets if target not in TARGETS]
    if unknown:
        raise UsageError(f"no target {', '.join(unknown)}: choose from {', '.join(TARGETS)}")
    roles = {TARGETS[target].role for target in targets}
    if len(roles) != 1:
        raise UsageError(f"targets of different identities can't share a process: {', '.join(sorted(roles))}")
    role = roles.pop()
    if (region is None) != (role == "registry"):
        raise UsageError("--region is needed" if region is None else "the registry belongs to no region")
    return role


async def _serve(
    targets: Sequence[str], region: str, role: str, settings: Settings, config: ProcessConfig
) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        name = "-".join(targets)
        process = open_process(
            region=region, role=role, name=name, settings=settings, config=config, stack=stack
        )
        process.targets = frozenset(targets)
        for target in TARGETS:
            if target in targets:
                await TARGETS[target].start(process)
        await process.start_servers()
        await process.start_telemetry(role)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        logging.getLogger(__name__).info("%s serves %s", region, ", ".join(targets))
        await stopped.wait()


def _event_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()
