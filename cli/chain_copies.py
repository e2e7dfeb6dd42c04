"""Proves audit logs in records that no cell has open, or in copies of them: read, and not changed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

import click

from cli.cell import RECORDS
from cli.chain_report import Found, expected_end, report
from mesh.errors import NotFound, SankofaError
from sankofa.org.v1.audit_pb2 import VerifyLogsRequest
from services.org.audit.proving import proofs
from storage.records.audit.reading import SqlAuditRecords
from storage.records.engine import Database


async def run_verify_copies(
    copies: Sequence[str], *, scope: str, expect: Sequence[str], as_json: bool
) -> int:
    """0 where every chain that was asked for holds, else 1. `copies`: URLs, files, folders of cells."""
    expected = [expected_end(text) for text in expect]
    request = VerifyLogsRequest(scope=scope, ends=expected)
    found: list[Found] = []
    for copy in copies:
        try:
            database = await Database.open_copy(_url(copy))
        except SankofaError as error:
            raise click.ClickException(f"{_named(copy)} can't be read: {error.public_text}") from None
        try:
            with suppress(NotFound) if scope else nullcontext():
                async for chain in proofs(SqlAuditRecords(database), request):
                    found.append(Found(database.region, chain.scope, chain))
        finally:
            await database.close()
    return report(found, expected, scope=scope, as_json=as_json)


def _url(copy: str) -> str:
    """Of a URL, a file, or a cell's data directory. Raises click.ClickException."""
    if "://" in copy:
        return copy.replace("postgresql://", "postgresql+asyncpg://", 1)
    path = Path(copy).absolute()
    file = path / RECORDS if path.is_dir() else path
    if not file.is_file():
        raise click.ClickException(
            f"no records in {file}: a file, a cell's folder, or postgresql://… is expected"
        )
    return f"sqlite+aiosqlite:///{file}"


def _named(copy: str) -> str:
    """Without user and password."""
    return copy.rpartition("@")[2]
