"""Makes the databases of a mesh on a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg

from mesh.errors import Unavailable


async def create_databases(urls: Iterable[str]) -> None:
    """Creates those that are missing: postgresql+asyncpg://user:password@host/database. Raises Unavailable.

    One after another: PostgreSQL copies a template that nobody else may be using.
    """
    for url in urls:
        server, _, database = url.replace("+asyncpg", "", 1).rpartition("/")
        try:
            connection = await asyncpg.connect(f"{server}/postgres")
            try:
                there = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database)
                if there is None:
                    await connection.execute('CREATE DATABASE "{}"'.format(database.replace('"', '""')))
            finally:
                await connection.close()
        except (OSError, asyncpg.PostgresError) as error:
            raise Unavailable(detail=f"PostgreSQL, database {database}: {type(error).__name__}") from None
