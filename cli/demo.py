"""`residency demo`: a month of a web shop in every region, and every proof that it stayed there."""

from __future__ import annotations

import grpc
from rich.console import Console
from rich.progress import Progress

from cli import webshop
from cli.audit import audit, show
from cli.client import PublicClient, eventually
from cli.findings import Findings, new_marker
from cli.meshfile import DemoProject, MeshFile
from cli.moving import move_an_organisation
from cli.operator import operator_node
from cli.seed import make_demo
from cli.sweep import Hits, sweep
from cli.verdict import Outcome
from mesh.errors import CrossingRefused
from sankofa.query.v1.query_pb2 import CountEventsRequest, Scope
from sankofa.query.v1.query_pb2_grpc import QueryServiceStub
from sankofa.residency.v1.environment_pb2 import Environment

OPERATIONS_PER_BATCH = 250
QUERYABLE_WITHIN_S = 10.0


async def demonstrate(mesh: MeshFile, console: Console, *, seed: str, sessions: int) -> bool:
    """Runs the demonstration on a running mesh; whether all of it held."""
    findings = Findings()
    demo, token = await make_demo(mesh, name="Demonstration shop")
    markers = {project.region: new_marker() for project in demo.projects}
    with Progress(console=console, transient=not console.is_terminal) as progress:
        for project in demo.projects:
            shop = webshop.month(f"{seed}/{project.region}", sessions=sessions)
            shop.operations.append(_marked(markers[project.region]))
            task = progress.add_task(f"{project.region}: posting", total=len(shop.operations))
            async with PublicClient(mesh.regions[project.region].rest_url) as client:
                for start in range(0, len(shop.operations), OPERATIONS_PER_BATCH):
                    part = shop.operations[start : start + OPERATIONS_PER_BATCH]
                    await client.batch(project.keys["live"], part)
                    progress.advance(task, len(part))
                await _compare(client, token, project, shop, findings)
    await _wrong_doors(mesh, demo.projects, findings)
    await _crossing(mesh, demo.projects, findings)
    await _sweep(mesh, markers, findings)
    await move_an_organisation(mesh, findings)
    judgement = await audit(mesh)
    show(judgement, console)
    findings.add("the audit", judgement.outcome is Outcome.PROVEN, judgement.outcome.name)
    findings.show(console)
    return findings.all_held


async def _compare(
    client: PublicClient, token: str, project: DemoProject, shop: webshop.Shop, findings: Findings
) -> None:
    """Counts events and their names; one more event was marked."""
    expected = {**shop.names, "marked": 1}

    async def names() -> dict[str, int]:
        answer = await client.query(token, project.id, "events/names", environment="live")
        return {row["event_name"]: row["count"] for row in answer["names"]}

    seen = await eventually(names, lambda found: found == expected, timeout_s=QUERYABLE_WITHIN_S)
    total = sum(seen.values())
    findings.add(
        f"{project.region}: every event came back", seen == expected, f"{total:,} of {shop.events + 1:,}"
    )


async def _wrong_doors(mesh: MeshFile, projects: list[DemoProject], findings: Findings) -> None:
    """Each key opens its own region's URL, and no other region's; each answer says its region."""
    for project in projects:
        answers = {}
        for region, where in mesh.regions.items():
            async with PublicClient(where.rest_url) as client:
                answers[region] = await client.status_of_track(project.keys["test"])
        wanted = {region: (200 if region == project.region else 403, region) for region in mesh.regions}
        seen = ", ".join(str(status) for status, _ in answers.values())
        findings.add(f"{project.region}: its key opens its own URL only", answers == wanted, seen)


async def _crossing(mesh: MeshFile, projects: list[DemoProject], findings: Findings) -> None:
    """A DATA call into another region: refused by the caller's own guard, and by the other end without it."""
    caller, callee = projects[0].region, projects[1].region
    scope = Scope(project_id=projects[1].id, environment=Environment.ENVIRONMENT_LIVE)
    request, address = CountEventsRequest(scope=scope), mesh.regions[callee].internal
    with operator_node(mesh, caller) as node:
        try:
            await QueryServiceStub(node.channel(callee, address)).CountEvents(request)
            findings.add(f"DATA call {caller} → {callee}", False, "answered")
        except CrossingRefused as refused:
            findings.add(f"DATA call {caller} → {callee}, guarded", True, refused.public_text)
        credentials = node.credentials
        tls = grpc.ssl_channel_credentials(
            credentials.authorities[callee], credentials.key_pem, credentials.certificate_pem
        )
        name = ("grpc.ssl_target_name_override", f"cell.{callee}.sankofa")
        async with grpc.aio.secure_channel(address, tls, options=[name]) as unguarded:
            try:
                await QueryServiceStub(unguarded).CountEvents(request, timeout=5)
                findings.add(f"DATA call {caller} → {callee}, guard removed", False, "answered")
            except grpc.aio.AioRpcError as error:
                findings.add(
                    f"DATA call {caller} → {callee}, guard removed",
                    True,
                    f"no handshake ({error.code().name})",
                )


async def _sweep(mesh: MeshFile, markers: dict[str, str], findings: Findings) -> None:
    for home, marker in markers.items():
        hits: dict[str, Hits] = {region: await sweep(mesh, region, marker) for region in mesh.regions}
        elsewhere = sum(found.hits for region, found in hits.items() if region != home)
        places = sum(len(found.places) for found in hits.values())
        findings.add(
            f"{home}: its marked value is nowhere else",
            hits[home].hits > 0 and elsewhere == 0,
            f"{hits[home].hits} here, {elsewhere} elsewhere, {places} places looked at",
        )


def _marked(marker: str) -> dict[str, object]:
    payload = {"event_name": "marked", "distinct_id": "user_marked", "properties": {"marker": marker}}
    return {"type": "track", "payload": payload}
