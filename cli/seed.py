"""The organisation and the projects that `residency up` and `residency demo` make through the public wire."""

from __future__ import annotations

import secrets

from cli.client import PublicClient
from cli.meshfile import DemoFile, DemoOrg, DemoOwner, DemoProject, MeshFile
from cli.operator import operator_node
from sankofa.org.v1.org_pb2 import SetPlanRequest
from sankofa.org.v1.org_pb2_grpc import OrgServiceStub


async def make_demo(mesh: MeshFile, *, name: str) -> tuple[DemoFile, str]:
    """An Enterprise organisation with one project in each region, and its Owner's token."""
    primary = next(iter(mesh.regions))
    owner = DemoOwner(f"owner-{secrets.token_hex(4)}@demo.example", secrets.token_urlsafe(12))
    async with PublicClient(mesh.global_url) as client:
        account = await client.sign_up(
            email=owner.email, password=owner.password, org_name=name, region=primary
        )
        token, org_id = str(account["token"]), str(account["orgs"][0]["id"])
        await set_plan(mesh, primary, org_id, "enterprise")
        projects = [await _project(client, token, org_id, region) for region in mesh.regions]
    return DemoFile([DemoOrg(org_id, name, "enterprise", primary, owner)], projects), token


async def set_plan(mesh: MeshFile, primary: str, org_id: str, plan: str) -> None:
    """Sets an organisation's plan, as the mesh's operator."""
    with operator_node(mesh) as node:
        channel = node.channel(primary, mesh.regions[primary].federated)
        await OrgServiceStub(channel).SetPlan(SetPlanRequest(org_id=org_id, plan=plan))
        await channel.close()


async def _project(client: PublicClient, token: str, org_id: str, region: str) -> DemoProject:
    made = await client.create_project(token, org_id=org_id, name=f"Web shop {region}", region=region)
    keys = {environment: str(key["secret"]) for environment, key in made["keys"].items()}
    return DemoProject(str(made["project"]["id"]), org_id, f"Web shop {region}", region, keys)
