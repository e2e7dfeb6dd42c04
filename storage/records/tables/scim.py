"""SCIM: the credential of an organisation's directory, and what it has said of people."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table

from storage.records.tables.base import metadata

scim_tokens = Table(
    "scim_tokens",
    metadata,
    Column("org_id", String, ForeignKey("orgs.org_id"), primary_key=True),
    Column("token_id", String, nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String, nullable=False),
)
"""One of each organisation that has a directory. `token_hash` is the SHA-256 of what the directory shows."""

scim_users = Table(
    "scim_users",
    metadata,
    Column("org_id", String, ForeignKey("orgs.org_id"), primary_key=True),
    Column("user_id", String, primary_key=True),
    Column("user_name", String, nullable=False),
    Column("external_id", String, nullable=False),
    Column("email", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("user_name_key", String, nullable=False, server_default=""),
    Column("email_key", String, nullable=False, server_default=""),
    Index("scim_users_by_external_id", "org_id", "external_id"),
    Index("scim_users_by_name", "org_id", "user_name_key"),
    Index("scim_users_by_email", "org_id", "email_key"),
)
"""Whom a directory has named. Active is who is in `members`: the row stays when a membership ends, so that
the directory can give it back. `user_name_key` and `email_key` are normalised.
"""
