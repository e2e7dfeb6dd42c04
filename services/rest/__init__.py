"""The REST shim of one region: routes over HTTP, calls over gRPC, no storage.

What may live here: the public wire (paths, bodies, headers, errors, OpenAPI)
and the calls that answer it. What may not: a rule about what an event is
(ingest), who may see it (query, org), or where it belongs (the guard).
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from starlette.routing import Router

from mesh.directory import Directory
from mesh.node import Node
from sankofa.ingest.v1.api_token_pb2_grpc import ApiTokenServiceStub
from sankofa.ingest.v1.rate_pb2_grpc import RateServiceStub
from services.rest.accounts import HintOf
from services.rest.admission import Door
from services.rest.app import OnEdgeRequest, Shim
from services.rest.cells import Cells
from services.rest.coalescer import Coalescer
from services.rest.config import RestConfig
from services.rest.express import Express
from services.rest.health import Health
from services.rest.ingestion import Ingestion
from services.rest.lookups import LookUps
from services.rest.project_callers import ProjectCallers
from services.rest.rate import RateLimit
from services.rest.responses import Cors, RequestIds
from services.rest.rooms import managed_routes
from services.rest.token_uses import TokenUses


async def build(
    *,
    config: RestConfig,
    node: Node,
    directory: Directory,
    hint_of: HintOf,
    on_edge_request: OnEdgeRequest,
    stack: AsyncExitStack,
) -> Shim:
    """Wires the ASGI application; its stream to the cell and its channels close with the stack."""
    region = node.region
    cells = Cells(
        node=node,
        directory=directory,
        cell_address=config.cell_address,
        query_address=config.query_address,
        registry_address=config.registry_address,
        timeout_s=config.call_timeout_s,
        lookups=LookUps(config.lookups_per_minute),
    )
    stack.push_async_callback(cells.close)
    coalescer = Coalescer(
        channel=cells.internal,
        max_frame_bytes=config.max_frame_bytes,
        timeout_s=config.append_timeout_s,
    )
    await stack.enter_async_context(coalescer.running())
    rate: RateLimit | None = None
    if config.rate_limit_per_minute:
        lender = RateServiceStub(cells.internal).LeaseRate
        rate = RateLimit(lender=lender, per_minute=config.rate_limit_per_minute)
        await stack.enter_async_context(rate.running())
    door = Door(
        max_requests=config.max_inflight_requests,
        max_bytes=config.max_inflight_bytes,
        project_share=config.project_share,
    )
    ingestion = Ingestion(
        region=region,
        directory=directory,
        door=door,
        rate=rate,
        appender=coalescer,
        max_body_bytes=config.max_body_bytes,
        max_operations=config.max_operations,
    )
    uses = TokenUses(noter=ApiTokenServiceStub(cells.internal).NoteTokenUse)
    await stack.enter_async_context(uses.running())
    callers = ProjectCallers(region=region, directory=directory, rate=rate, uses=uses)
    parts = [coalescer.gauges, door.gauges] + ([rate.gauges] if rate else [])
    health = Health(directory=directory, coalescer=coalescer, gauges=parts)
    managed = managed_routes(
        region=region, directory=directory, cells=cells, hint_of=hint_of, callers=callers
    )
    return Shim(
        region=region,
        health=health,
        hot_routes=ingestion.handlers(),
        router=Router([*health.routes(), *managed], redirect_slashes=False),
        cors=Cors(dashboard_origins=config.dashboard_origins),
        tracer=node.tracer,
        trace_ratio=config.trace_ratio,
        on_edge_request=on_edge_request,
        express=Express(
            region=region,
            ingestion=ingestion,
            ids=RequestIds(),
            trace_ratio=config.trace_ratio,
            on_edge_request=on_edge_request,
        ),
    )
