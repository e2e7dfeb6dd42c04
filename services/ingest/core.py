"""One client request: stored whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from mesh.directory import Directory
from mesh.errors import Conflict, InvalidInput, NotFound
from mesh.months import month_of
from sankofa.ingest.v1.ingest_pb2 import AppendItem, Command
from sankofa.residency.v1.environment_pb2 import ENVIRONMENT_LIVE, ENVIRONMENT_TEST
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.ingest.normalise import MOST_TRAITS_OF_A_REQUEST, Origin, alias_row, event_row, person_row
from services.ingest.user_agent import UserAgents
from storage.analytics.tables import Environment, seconds, tail
from storage.log import ID_CHARACTERS, Append, Counted, Once, Rows, Table

ENVIRONMENTS: dict[int, Environment] = {
    ENVIRONMENT_LIVE: "live",
    ENVIRONMENT_TEST: "test",
}
COUNTED: Environment = "live"
"""The environment whose events are counted; docs/plans.md."""

_ID = slice(len("evt_"), len("evt_") + ID_CHARACTERS)


class Accepted(msgspec.Struct, frozen=True, gc=False):
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

    def frame(self) -> Frame:
        """Begins a frame: its requests arrived now."""
        return Frame(self._directory, self._user_agents, self._now_ms())


class Frame:
    """The requests of one frame. What one of them had to look up is known for the others."""

    def __init__(self, directory: Directory, user_agents: UserAgents, received_at_ms: int) -> None:
        self._directory = directory
        self._user_agents = user_agents
        self._received_at_ms = received_at_ms
        self._received_at = seconds(received_at_ms)
        self._month = month_of(received_at_ms)
        self._origins: dict[tuple[str, int, str], Origin] = {}

    def accept(self, item: AppendItem) -> Accepted:
        """Aliases first, then people, then events, each in the order sent. Raises SankofaError."""
        operations = item.operations
        if not operations:
            raise InvalidInput(ErrorReason.ERROR_REASON_NO_OPERATIONS)
        origin, once = self._origin(item), None
        if item.idempotency_key:
            once = _once(item)
            origin = replace(origin, retry_key=f"{once.key.hex()}{once.digest.hex()}")
        aliases: list[bytes] = []
        people: list[bytes] = []
        events: list[bytes] = []
        commands: list[Command] = []
        repeatable: list[str] = []
        traits = 0
        for index, operation in enumerate(operations):
            kind = operation.WhichOneof("kind")
            if kind == "track":
                event, command = event_row(operation.track, origin, index)
                if event is not None:
                    events.append(tail(event))
                    if event.event_id:
                        repeatable.append(event.id[_ID])
                if command is not None:
                    commands.append(command)
            elif kind == "people":
                person = person_row(operation.people, origin, index)
                if person is not None:
                    people.append(tail(person))
                    traits += len(person.traits)
                    if traits > MOST_TRAITS_OF_A_REQUEST:
                        raise InvalidInput(ErrorReason.ERROR_REASON_TOO_MANY_PROPERTIES)
            elif kind == "alias":
                alias = alias_row(operation.alias, origin, index)
                if alias is not None:
                    aliases.append(tail(alias))
            else:
                raise InvalidInput(ErrorReason.ERROR_REASON_UNKNOWN_OPERATION_TYPE)
        named = ((Table.ALIASES, aliases), (Table.PEOPLE, people), (Table.EVENTS, events))
        parts = [Rows(table, origin.project_id, rows) for table, rows in named if rows]
        counted = None
        if events and origin.environment == COUNTED:
            counted = Counted(origin.project_id, self._month, len(events), repeatable)
        append = Append(parts, once, counted) if parts else None
        discarded = len(operations) - len(events) - len(people) - len(aliases)
        return Accepted(append, len(events), len(people), len(aliases), discarded, commands)

    def _origin(self, item: AppendItem) -> Origin:
        asked = (item.project_id, item.environment, item.user_agent)
        origin = self._origins.get(asked)
        if origin is None:
            origin = self._origins[asked] = self._looked_up(*asked)
        return origin

    def _looked_up(self, project_id: str, environment_sent: int, user_agent: str) -> Origin:
        project = self._directory.project(project_id)
        if project is None:
            raise NotFound(ErrorReason.ERROR_REASON_PROJECT_NOT_FOUND)
        if project.state == "archived":
            raise Conflict(ErrorReason.ERROR_REASON_PROJECT_ARCHIVED)
        environment = ENVIRONMENTS.get(environment_sent)
        if environment is None:
            raise InvalidInput(detail="environment")
        return Origin(
            project_id=project_id,
            org_id=project.org_id,
            environment=environment,
            device=self._user_agents.read(user_agent),
            retry_key="",
            received_at_ms=self._received_at_ms,
            received_at=self._received_at,
            retention_days=project.retention_days,
        )


def _once(item: AppendItem) -> Once:
    """What makes a request with an Idempotency-Key happen once. Ids of rows are derived from both parts.

    So another body under the same key is never dropped, also when the log has forgotten the key.
    """
    digest = sha256()
    for operation in item.operations:
        encoded = operation.SerializeToString(deterministic=True)
        digest.update(len(encoded).to_bytes(8) + encoded)
    key = f"{item.project_id}\0{item.environment}\0{item.idempotency_key}"
    return Once(sha256(key.encode()).digest(), digest.digest())
