"""What a NATS server and its streams must be like before a region's events rest there.

A server that acknowledges before it syncs, or that stands in another region, is refused at the start: later
nobody would notice. Looked at is the server that the cell is connected to, through its monitoring address.
"""

from __future__ import annotations

import http.client
import json
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from storage.log import LogFailed
from storage.log.jetstream_link import Link

_LOG_ID: Final = "sankofa.log_id"
MONITOR_PORT: Final = 8222
_MONITOR_S: Final = 5.0
_OLDEST: Final = (2, 12)
_STATE_SUBJECTS: Final = (("cursor",), ("erased",), ("dead", "*", "*"), ("usage", "*"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """The two streams of a region's log.

    `rows` is bounded and refuses what is too much; a cursor and a dead letter must find room even then, hence
    `state`, where the last message of a subject counts.
    """

    region: str
    name: str
    max_bytes: int
    replicas: int

    @property
    def rows(self) -> str:
        """Name of the stream of rows and idempotency keys."""
        return f"{self.name}-rows-{self.region}"

    @property
    def state(self) -> str:
        """Name of the stream of the cursor and the dead letters."""
        return f"{self.name}-state-{self.region}"

    def subject(self, *tokens: str) -> str:
        """A subject of either stream."""
        return ".".join((self.name, self.region, *tokens))

    def wanted(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """How they are made: on files, in the region, never dropping anything by themselves."""
        both = {
            "storage": "file",
            "retention": "limits",
            "num_replicas": self.replicas,
            "allow_direct": True,
            "max_age": 0,
            "max_msgs": -1,
            "placement": {"tags": [tag_of(self.region)]},
        }
        rows = {
            "name": self.rows,
            "subjects": [self.subject("rows"), self.subject("once", "*"), self.subject("replayed", "*")],
            "discard": "new",
            "max_bytes": self.max_bytes,
            "max_msgs_per_subject": -1,
            "allow_atomic": True,
            "allow_msg_ttl": True,
        }
        state = {
            "name": self.state,
            "subjects": [self.subject(*name) for name in _STATE_SUBJECTS],
            "discard": "new",
            "max_bytes": -1,
            "max_msgs_per_subject": 1,
        }
        return both | rows, both | state


def tag_of(region: str) -> str:
    """The tag of a region's servers (`server_tags`) and of its streams' placement."""
    return f"region:{region}"


def check_server(link: Link, url: str, monitor_url: str, region: str) -> None:
    """Raises LogFailed for a server that is too old, of another region, or not synced always."""
    version = str(link.server.get("version", ""))
    if tuple(int(part) for part in version.split(".")[:2] if part.isdecimal()) < _OLDEST:
        raise LogFailed(detail=f"NATS {version} has no atomic batches: 2.12 or newer is needed")
    if not link.server.get("jetstream"):
        raise LogFailed(detail="the NATS server runs without JetStream: see deploy/nats.conf")
    seen = _varz(monitor_url or f"http://{urllib.parse.urlsplit(url).hostname}:{MONITOR_PORT}")
    if seen.get("server_id") != link.server.get("server_id"):
        raise LogFailed(detail="[cell] log_monitor_url is of another NATS server than log_url")
    if tag_of(region) not in (seen.get("tags") or []):
        raise LogFailed(detail=f"the NATS server is not of {region}: its server_tags lack {tag_of(region)!r}")
    if not seen.get("jetstream", {}).get("config", {}).get("sync_always"):
        raise LogFailed(
            detail="the NATS server acknowledges before it syncs: `sync_interval: always` is missing"
        )


async def open_streams(link: Link, streams: Streams, new_id: str) -> str:
    """Makes what is missing of the two streams, and answers the log's id. Raises LogFailed for wrong ones."""
    rows, state = streams.wanted()
    found_rows, found_state = [
        (await link.ask(f"STREAM.INFO.{s['name']}")).get("config") for s in (rows, state)
    ]
    if found_rows and not found_state:
        raise LogFailed(
            detail=f"the NATS stream {streams.state} is gone, and {streams.rows} is not: restore it"
        )
    log_id = _log_id(found_state) or new_id
    for wanted, found in ((state, found_state), (rows, found_rows)):
        if found is None:
            await link.ask(f"STREAM.CREATE.{wanted['name']}", wanted | {"metadata": {_LOG_ID: log_id}})
            continue
        check_stream(wanted, found)
        if _log_id(found) != log_id:
            raise LogFailed(
                detail=f"the NATS streams {streams.rows} and {streams.state} are of different logs"
            )
        grown = {
            "max_bytes": max(found["max_bytes"], wanted["max_bytes"]),
            "subjects": wanted["subjects"],
        }
        if any(found[field] != value for field, value in grown.items()):
            await link.ask(f"STREAM.UPDATE.{wanted['name']}", found | grown)
    return log_id


def _log_id(config: Mapping[str, Any] | None) -> str:
    return str(((config or {}).get("metadata") or {}).get(_LOG_ID, ""))


def check_stream(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Raises LogFailed for a stream that keeps its messages elsewhere or otherwise than this log's."""
    for field, value in wanted.items():
        if field in ("max_bytes", "num_replicas"):
            continue  # may differ: what a region is given changes
        there = found.get(field)
        if field == "placement":
            value, there = value["tags"], (there or {}).get("tags")
        if field == "subjects" and set(there or ()) <= set(value):
            continue  # an older version made it: what is missing is added
        if there != value and not (there is None and value in (0, False)):
            raise LogFailed(
                detail=f"the NATS stream {wanted['name']} has {field} {there!r} instead of {value!r}"
            )


def _varz(monitor_url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"{monitor_url}/varz", timeout=_MONITOR_S) as answer:
            seen: dict[str, Any] = json.load(answer)
            return seen
    except (OSError, ValueError, http.client.HTTPException):
        raise LogFailed(
            detail=f"no answer from the NATS monitoring address {monitor_url}, so nobody can say whether it "
            "syncs what it acknowledges: set [cell] log_monitor_url"
        ) from None
