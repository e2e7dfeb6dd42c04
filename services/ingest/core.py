"""One client request: stored whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

from mesh.directory import Directory
from mesh.errors import Conflict, InvalidInput, NotFound
from sankofa.ingest.v1.ingest_pb2 import AppendItem, Command
from sankofa.residency.v1.environment_pb2 import ENVIRONMENT_LIVE, ENVIRONMENT_TEST
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.ingest.normalise import Origin, alias_row, event_row, person_row
from services.ingest.user_agent import UserAgents
from storage.analytics.tables import AliasRow, Environment, EventRow, PeopleRow, seconds, tail
from storage.log import Append, Once, Rows, Table

_ENVIRONMENTS: dict[int, Environment] = {
    ENVIRONMENT_LIVE: "live",
    ENVIRONMENT_TEST: "test",
}


class Accepted(NamedTuple):
    """A request's rows, in the order they are stored, and what to answer once they are durable.

    `append` is None where nothing is left to store.
    """

    append: Append | None
    events: int
    people: int
    aliases: int
    discarded: int
    commands: list[Command]


class Normaliser:
    """Turns requests into rows. `now_ms` is the server's clock, milliseconds since 1970."""

    def __init__(self, *, directory: Directory, user_agents: UserAgents, now_ms: Callable[[], int]) -> None:
        self._directory = directory
        self._user_agents = user_agents
        self._now_ms = now_ms

    def accept(self, item: AppendItem) -> Accepted:
        """Aliases first, then people, then events, each in the order sent. Raises SankofaError."""
        if not item.operations:
            raise InvalidInput(ErrorReason.ERROR_REASON_NO_OPERATIONS)
        once = _once(item)
        origin = self._origin(item, once)
        aliases: list[AliasRow] = []
        people: list[PeopleRow] = []
        events: list[EventRow] = []
        commands: list[Command] = []
        discarded = 0
        for index, operation in enumerate(item.operations):
            kind = operation.WhichOneof("kind")
            if kind == "track":
                event = event_row(operation.track, origin, index)
                if event is None:
                    discarded += 1
                    continue
                events.append(event[0])
                if event[1] is not None:
                    commands.append(event[1])
            elif kind == "people":
                person = person_row(operation.people, origin, index)
                discarded += person is None
                people += [person] if person else []
            elif kind == "alias":
                alias = alias_row(operation.alias, origin, index)
                discarded += alias is None
                aliases += [alias] if alias else []
            else:
                raise InvalidInput(ErrorReason.ERROR_REASON_UNKNOWN_OPERATION_TYPE)
        named = ((Table.ALIASES, aliases), (Table.PEOPLE, people), (Table.EVENTS, events))
        parts = [Rows(table, item.project_id, [tail(row) for row in rows]) for table, rows in named if rows]
        append = Append(parts, once) if parts else None
        return Accepted(append, len(events), len(people), len(aliases), discarded, commands)

    def _origin(self, item: AppendItem, once: Once | None) -> Origin:
        project = self._directory.project(item.project_id)
        if project is None:
            raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
        if project.state == "archived":
            raise Conflict(ErrorReason.ERROR_REASON_PROJECT_ARCHIVED)
        environment = _ENVIRONMENTS.get(item.environment)
        if environment is None:
            raise InvalidInput(detail="environment")
        received_at_ms = self._now_ms()
        return Origin(
            project_id=item.project_id,
            org_id=project.org_id,
            environment=environment,
            device=self._user_agents.read(item.user_agent),
            retry_key=f"{once.key.hex()}{once.digest.hex()}" if once else "",
            received_at_ms=received_at_ms,
            received_at=seconds(received_at_ms),
        )


def _once(item: AppendItem) -> Once | None:
    """What makes a request with an Idempotency-Key happen once. Ids of rows are derived from both parts.

    So another body under the same key is never dropped, also when the log has forgotten the key.
    """
    if not item.idempotency_key:
        return None
    digest = sha256()
    for operation in item.operations:
        encoded = operation.SerializeToString(deterministic=True)
        digest.update(len(encoded).to_bytes(8) + encoded)
    key = f"{item.project_id}\0{item.environment}\0{item.idempotency_key}"
    return Once(sha256(key.encode()).digest(), digest.digest())
