"""Directory: what the directory of this process has learnt, said to whichever region relies on it.

What lives here: DirectoryService. What does not: the directory itself (storage/directory), and how it is kept
up to date. Every process of a cell that keeps one serves it: ingest, and org where it runs by itself.
"""

from __future__ import annotations

from mesh.directory import Directory
from mesh.server import Service
from sankofa.registry.v1 import directory_pb2
from sankofa.registry.v1.directory_pb2_grpc import add_DirectoryServiceServicer_to_server
from services.directory.service import DirectoryServicer


def build(*, directory: Directory) -> Service:
    """The service of one directory."""
    return Service(
        add_DirectoryServiceServicer_to_server,
        DirectoryServicer(directory=directory),
        directory_pb2.DESCRIPTOR.services_by_name["DirectoryService"],
    )
