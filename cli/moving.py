"""A second organisation, whose own data is in another primary region than the first, and moves to a third."""

from __future__ import annotations

import secrets
from typing import Any

from cli.client import PublicClient, eventually
from cli.findings import Findings, new_marker
from cli.meshfile import MeshFile
from cli.sweep import sweep

MOVED_WITHIN_S = 60.0
OVER = ("done", "given_up")


async def move_an_organisation(mesh: MeshFile, findings: Findings) -> None:
    """Its name and its owner's e-mail are marked: they are looked for in every region, before and after."""
    home, away, pinned = list(mesh.regions)[1:4]
    marker, password = new_marker(), secrets.token_urlsafe(12)
    email = f"{marker}@demo.example"
    async with PublicClient(mesh.global_url) as client:
        account = await client.sign_up(
            email=email, password=password, org_name=f"Moving shop {marker}", region=home
        )
        token, org_id = str(account["token"]), str(account["orgs"][0]["id"])
        made = await client.create_project(token, org_id=org_id, name="Web shop", region=pinned)
        await _is_only_in(mesh, home, marker, findings)
        await client.assign(token, org_id=org_id, region=away)

        async def progress() -> dict[str, Any]:
            return await client.assignment(token, org_id=org_id)

        found = await eventually(progress, lambda said: _is_over(said), timeout_s=MOVED_WITHIN_S)
        job = found["assignment"] or {}
        findings.add(
            f"the organisation moves {home} → {away}",
            found["primary_region"] == away and job.get("step") == "done",
            f"{job.get('rows')} rows; writes waited {job.get('write_pause_ms')} ms",
        )
        await _is_only_in(mesh, away, marker, findings)
        again = await client.log_in(email=email, password=password)
        region = made["project"]["region"]
        async with PublicClient(mesh.regions[pinned].rest_url) as there:
            status, _ = await there.status_of_track(made["keys"]["live"]["secret"])
        findings.add(
            "its owner logs in there, its project and key stayed",
            (again["orgs"][0]["primary_region"], region, status) == (away, pinned, 200),
            f"project in {region}, its key answers {status}",
        )


def _is_over(said: dict[str, Any]) -> bool:
    return bool(said["assignment"]) and said["assignment"]["step"] in OVER


async def _is_only_in(mesh: MeshFile, region: str, marker: str, findings: Findings) -> None:
    hits = {each: (await sweep(mesh, each, marker)).hits for each in mesh.regions}
    elsewhere = sum(found for each, found in hits.items() if each != region)
    findings.add(
        f"{region}: the second organisation's name and e-mail are here, and nowhere else",
        hits[region] > 0 and elsewhere == 0,
        f"{hits[region]} here, {elsewhere} elsewhere",
    )
