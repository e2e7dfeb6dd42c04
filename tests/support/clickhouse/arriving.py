"""What a request says: who asks, which statement, under which settings."""

from __future__ import annotations

import base64
import email
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from urllib.parse import parse_qsl

from tests.support.clickhouse.errors import refused

_TRANSPORT = re.compile(
    "query|database|default_format|query_id|session_(id|timeout|check)|user|password|quota_key|stacktrace|role|"
    "compress|decompress|wait_end_of_query|buffer_size|client_protocol_version|param_.*"
)
"""Parameters that are no settings of the engine."""

_LONGEST_HEAD = 1000
_INSERT = re.compile(
    r"\s*(?P<statement>INSERT\s+INTO\s+(?:TABLE\s+)?[^\s(]+\s*(?:\([^)]*\))?)"
    r"\s+FORMAT\s+(?P<format>\w+)[ \t]*\r?\n?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One statement. `data_format` is set where it is an insert whose rows are in `data`."""

    statement: str
    query_id: str
    database: str
    settings: dict[str, str]
    bound: dict[str, str]
    default_format: str
    whole: bool
    """Answer only when all of it is known: an error then has its own status."""
    data_format: str = ""
    first_data: bytes = b""


def asked_of(method: str, query_string: str, headers: Mapping[str, str], body: BufferedReader) -> Asked:
    """Reads parameters, form and the beginning of the body. Raises ServerError."""
    params = dict(parse_qsl(query_string, keep_blank_values=True))
    if headers.get("Content-Type", "").startswith("multipart/form-data"):
        params |= _form(headers["Content-Type"], body.read())
    settings = {name: value for name, value in params.items() if not _TRANSPORT.fullmatch(name)}
    if method in ("GET", "HEAD"):
        if "readonly" in settings:
            raise refused(164, "READONLY", "Cannot modify 'readonly' setting in readonly mode")
        settings["readonly"] = "2"
    statement, data_format, data = _statement(params.get("query", ""), body)
    return Asked(
        statement=statement,
        query_id=params.get("query_id") or str(uuid.uuid4()),
        database=params.get("database") or headers.get("X-ClickHouse-Database") or "default",
        settings=settings,
        bound={name[6:]: value for name, value in params.items() if name.startswith("param_")},
        default_format=params.get("default_format") or headers.get("X-ClickHouse-Format") or "TabSeparated",
        whole=params.get("wait_end_of_query") == "1",
        data_format=data_format,
        first_data=data,
    )


def check_password(query_string: str, headers: Mapping[str, str], user: str, password: str) -> None:
    """Basic auth, the X-ClickHouse headers, or the URL. Raises ServerError as a server words it."""
    params = dict(parse_qsl(query_string))
    kind, _, token = headers.get("Authorization", "").partition(" ")
    given_user, given = params.get("user", "default"), params.get("password", "")
    if kind == "Basic":
        given_user, _, given = base64.b64decode(token).decode().partition(":")
    elif "X-ClickHouse-User" in headers:
        given_user, given = headers["X-ClickHouse-User"], headers.get("X-ClickHouse-Key", "")
    if (given_user, given) != (user, password):
        what = (
            f"{given_user}: Authentication failed: password is incorrect, or there is no user with such name"
        )
        raise refused(516, "AUTHENTICATION_FAILED", what)


def _statement(in_url: str, body: BufferedReader) -> tuple[str, str, bytes]:
    """(statement, format of the rows in the body, the rows read so far): the body follows the URL's text."""
    head = b"" if in_url else body.read(_LONGEST_HEAD)
    text = f"{in_url}\n" if in_url else head.decode("latin-1")
    found = _INSERT.match(text)
    if found:
        return found["statement"], found["format"], head[found.end() :]
    whole = in_url.encode() + b"\n" + body.read() if in_url else head + body.read()
    return whole.decode().strip().removesuffix(";"), "", b""


def _form(content_type: str, data: bytes) -> dict[str, str]:
    message = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + data)
    fields = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str):
            content = part.get_payload(decode=True)
            fields[name] = content.decode() if isinstance(content, bytes) else ""
    return fields
