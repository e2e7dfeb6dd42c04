"""What one request of a directory may cost: to be imported late, since it brings pydantic.

Measured: a value that is validated takes 12 µs, and an operation of a PATCH 4 µs (it adds) to 21 µs (it
removes by a filter) for each member that the group has. So the values are counted before they are validated,
and the work before it is done.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel
from scim2_models import Context, PatchOp, Resource
from scim2_server.conditions import Conditions
from scim2_server.service import ModelT, ScimService

from mesh.errors import InvalidInput
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.scim.resources import Group

MOST_VALUES: Final = 60_000
"""Of a body: a group of 10,000 members, each with its reference, name and type, has 50,000."""
MOST_OPERATIONS: Final = 1_000
"""Of a PATCH."""
MOST_WORK: Final = 100_000
"""Operations of a PATCH times the members that they go through: two seconds at most."""
LONGEST_PATH: Final = 1_000
"""Characters. A filter in it is asked of each member: the longer it is, the more operations it counts as."""
_A_FILTER: Final = 64
"""Characters of a path with one condition."""


class BoundedService(ScimService):
    """The steps of the protocol, each of a bounded cost."""

    def read_body(
        self, model: type[ModelT], body: bytes, content_type: str | None, scim_ctx: Context
    ) -> ModelT:
        """As ScimService says. Raises InvalidInput(BODY_TOO_LARGE, TOO_MANY_OPERATIONS) first."""
        decoded = self.decode_body(body, content_type)
        if count(decoded) > MOST_VALUES:
            raise InvalidInput(
                ErrorReason.ERROR_REASON_BODY_TOO_LARGE, detail=f"{MOST_VALUES:,} values at most"
            )
        if issubclass(model, PatchOp):
            _require_few(_operations(decoded))
        return super().read_body(model, body, content_type, scim_ctx)

    def apply_patch(
        self, current: Resource[Any], patch_op: PatchOp[Any], conditions: Conditions
    ) -> Resource[Any] | None:
        """As ScimService says. Raises InvalidInput(TOO_MANY_OPERATIONS) for a group that is too large."""
        operations = patch_op.operations or []
        members = len(current.members or ()) if isinstance(current, Group) else 0
        members += sum(count(operation.value) for operation in operations)
        times = sum(1 + len(str(operation.path or "")) // _A_FILTER for operation in operations)
        if times > 1 and times * members > MOST_WORK:
            raise _too_many(f"{max(1, MOST_WORK // members):,} at most where they concern {members:,} values")
        return super().apply_patch(current, patch_op, conditions)


def count(value: Any) -> int:
    """How many values there are in a value of JSON, whatever holds them."""
    found, left = 0, [value]
    while left:
        inner = left.pop()
        if isinstance(inner, BaseModel):
            inner = inner.__dict__
        if isinstance(inner, dict):
            inner = list(inner.values())
        if isinstance(inner, list):
            found += len(inner)
            left.extend(inner)
    return found


def _operations(decoded: Any) -> list[Any]:
    """Names of attributes are the same in whatever case (RFC 7643, 2.1)."""
    lists = [value for name, value in _items(decoded) if name == "operations" and isinstance(value, list)]
    return [operation for operations in lists for operation in operations]


def _require_few(operations: list[Any]) -> None:
    if len(operations) > MOST_OPERATIONS:
        raise _too_many(f"{MOST_OPERATIONS:,} at most")
    for operation in operations:
        for name, value in _items(operation):
            if name == "path" and isinstance(value, str) and len(value) > LONGEST_PATH:
                raise InvalidInput(detail=f"a path has at most {LONGEST_PATH:,} characters")


def _items(value: Any) -> list[tuple[str, Any]]:
    named = value if isinstance(value, dict) else {}
    return [(name.lower(), each) for name, each in named.items()]


def _too_many(detail: str) -> InvalidInput:
    return InvalidInput(ErrorReason.ERROR_REASON_TOO_MANY_OPERATIONS, detail=detail)
