"""Token keys: the one that signs is exchanged for another, without anybody's token being refused.

What lives here: the exchange, step by step, and what an operator is told of it. What does not: signing itself
(services/org/signing.py), and what a directory makes of a key. docs/accounts.md has the order of the steps.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from mesh.node import Node
from mesh.server import Service
from mesh.signing import RowSigner
from mesh.tasks import background
from sankofa.org.v1 import keys_pb2
from sankofa.org.v1.keys_pb2_grpc import add_TokenKeyServiceServicer_to_server
from services.org.core import OwnDirectory, RegistryPublisher
from services.org.keys.core import Rotation
from services.org.keys.directories import Directories
from services.org.keys.service import TokenKeyServicer
from services.org.signing import TokenSigner
from storage.records.keys import KeyRecords


def build_keys(
    *,
    node: Node,
    stack: AsyncExitStack,
    records: KeyRecords,
    directory: OwnDirectory,
    publisher: RegistryPublisher,
    signer: RowSigner,
    tokens: TokenSigner,
    look_s: float,
) -> Service:
    """Wires the service, and starts what carries an exchange on."""
    directories = Directories(node=node, directory=directory)
    stack.push_async_callback(directories.close)
    rotation = Rotation(
        records=records,
        directories=directories,
        own=directory,
        publisher=publisher,
        signer=signer,
        longest=tokens.longest,
        look_s=look_s,
    )
    background(rotation.run(), name="token keys", stack=stack)
    return Service(
        add_TokenKeyServiceServicer_to_server,
        TokenKeyServicer(rotation=rotation),
        keys_pb2.DESCRIPTOR.services_by_name["TokenKeyService"],
    )
