"""Query: the way of answers out of a region, to whoever may view the project."""

from __future__ import annotations

from contextlib import AsyncExitStack

from mesh.node import Node
from mesh.server import Service
from sankofa.query.v1 import query_pb2
from sankofa.query.v1.query_pb2_grpc import add_QueryServiceServicer_to_server
from services.query.config import QueryConfig
from services.query.core import Answers
from services.query.service import QueryService
from storage.analytics.engine import Engine
from storage.analytics.queries import AnalyticsQueries


async def build(*, config: QueryConfig, node: Node, stack: AsyncExitStack, engine: Engine) -> list[Service]:
    """Answers from the region's analytics store; `node` must have a directory."""
    if node.directory is None:
        raise ValueError("query needs a directory: it decides who may ask")
    answers = Answers(store=AnalyticsQueries(engine=engine))
    servicer = QueryService(config=config, directory=node.directory, answers=answers)
    contract = query_pb2.DESCRIPTOR.services_by_name["QueryService"]
    return [Service(add_QueryServiceServicer_to_server, servicer, contract)]
