"""`residency assign`: moves an organisation's own data to another region, and shows how far it is."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress

from cli.client import PublicClient, WireError

STEPS: Final = (
    "claiming",
    "fenced",
    "copied",
    "handed_over",
    "switched",
    "accounts_moved",
    "erased",
    "done",
)
LOOK_EVERY_S: Final = 0.1


async def assign(url: str, *, email: str, password: str, org_id: str, region: str, console: Console) -> int:
    """Logs the Owner in, begins, and watches to the end. 0: done; 1: given up. Raises WireError."""
    async with PublicClient(url) as client:
        session = await client.log_in(email=email, password=password)
        org = org_id or _only_org(session)
        found = await client.assign(session["token"], org_id=org, region=region)
        if found["assignment"] is None:
            console.print(f"{org} is in {region} already.")
            return 0
        return await _watch(client, session["token"], org, console)


def _only_org(session: dict[str, Any]) -> str:
    owned = [each["id"] for each in session["orgs"] if each["role"] == "owner"]
    if len(owned) != 1:
        raise WireError(f"say which organisation with --org: you own {', '.join(owned) or 'none'}")
    only: str = owned[0]
    return only


async def _watch(client: PublicClient, token: str, org_id: str, console: Console) -> int:
    with Progress(console=console) as progress:
        bar = progress.add_task("claiming", total=len(STEPS) - 1)
        while True:
            assignment = (await client.assignment(token, org_id=org_id))["assignment"]
            step = assignment["step"]
            if step == "abandoned":
                break
            reason = f" ({assignment['reason']})" if assignment["reason"] else ""
            progress.update(bar, completed=STEPS.index(step), description=step.replace("_", " ") + reason)
            if step == "done":
                break
            await asyncio.sleep(LOOK_EVERY_S)
    if step == "abandoned":
        console.print(f"[red]Given up, and everything is as it was: {assignment['reason']}[/red]")
        return 1
    console.print(
        f"{org_id} is in {assignment['to_region']} now: {assignment['rows']} rows and "
        f"{assignment['accounts']} accounts moved, not writable for {assignment['write_pause_ms']} ms."
    )
    return 0
