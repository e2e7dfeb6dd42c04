"""How a command ends: with its exit code, or with one line about what a user can mend."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

import rich_click as click


def finish(work: Coroutine[Any, Any, int]) -> NoReturn:
    """Runs a command. What a user can mend becomes one line and exit code 1."""
    from cli.client import WireError
    from cli.supervisor import StartFailed
    from cli.topology import PortsTaken
    from cli.up import AlreadyRunning
    from mesh.errors import SankofaError

    try:
        sys.exit(asyncio.run(work))
    except (StartFailed, PortsTaken, AlreadyRunning, ValueError, WireError, SankofaError) as error:
        raise click.ClickException(str(error)) from None
