"""Users, groups, changes and refusals of SCIM (RFC 7643, 7644), as far as they are known here."""

from __future__ import annotations

from typing import Any, Final

from services.rest.openapi.area import Body
from services.rest.openapi.shapes import AT, MOMENT, ORG_ID, TEXT, Json, an_object, list_of, ref
from services.rest.scim.refusals import ROOT

LISTED: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
_GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
_CHANGE: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_FAILED: Final = "urn:ietf:params:scim:api:messages:2.0:Error"
_URNS: Final = list_of(TEXT)


def _fixed(urn: str) -> Json:
    return {"type": "array", "items": {"type": "string", "const": urn}, "minItems": 1, "maxItems": 1}


_META: Final = an_object(
    {"resourceType": TEXT, "created": MOMENT, "lastModified": MOMENT, "location": TEXT},
    optional=("lastModified",),
)
_EMAIL: Final = an_object(
    {"value": TEXT, "type": TEXT, "primary": {"type": "boolean"}}, optional=("type", "primary")
)
_ROLE: Final = an_object({"value": {"type": "string", "enum": ["member", "admin", "owner"]}})
_IN_TEAM: Final = an_object({"value": TEXT, "$ref": TEXT, "display": TEXT})
_SAID_USER: Final[Json] = {
    "schemas": _URNS,
    "userName": TEXT,
    "externalId": TEXT,
    "active": {"type": "boolean"},
    "emails": list_of(_EMAIL),
    "roles": list_of(_ROLE),
}
_LEFT_OUT: Final = ("externalId", "emails", "roles", "groups", "active", "userName")
USER: Final = an_object(
    _SAID_USER | {"id": TEXT, "groups": list_of(_IN_TEAM), "meta": _META}, optional=(*_LEFT_OUT, "meta")
)
GROUP: Final = an_object(
    {
        "schemas": _URNS,
        "id": TEXT,
        "displayName": TEXT,
        "externalId": TEXT,
        "members": list_of(an_object({"value": TEXT, "$ref": TEXT})),
        "meta": _META,
    },
    optional=("externalId", "members", "displayName", "meta"),
)
SCIM_ERROR: Final[Json] = {
    **an_object({"schemas": _URNS, "status": TEXT, "scimType": TEXT, "detail": TEXT}, optional=("scimType",)),
    "example": {"schemas": [_FAILED], "status": "404", "detail": "Member not found"},
}
_ID: Final = "usr_3Zx8Kq1LmN0pQrStUvWx"
_SENT: Final = {
    "schemas": [_USER],
    "userName": "grace@example.org",
    "externalId": "00u1a2b3",
    "active": True,
    "emails": [{"value": "grace@example.org", "type": "work", "primary": True}],
}
_AT: Final = ROOT + ORG_ID
EXAMPLE_USER: Final = {
    **_SENT,
    "id": _ID,
    "roles": [{"value": "member"}],
    "meta": {"resourceType": "User", "created": AT, "lastModified": AT, "location": f"{_AT}/Users/{_ID}"},
}
EXAMPLE_GROUP: Final = {
    "schemas": [_GROUP],
    "id": "team_5Rt7YuIoPa0pQrStUvWx",
    "displayName": "Growth",
    "members": [{"value": _ID, "$ref": f"{_AT}/Users/{_ID}"}],
    "meta": {"resourceType": "Group", "created": AT, "location": f"{_AT}/Groups/team_5Rt7YuIoPa0pQrStUvWx"},
}
_OPERATION: Final = an_object(
    {"op": {"type": "string", "enum": ["add", "replace", "remove"]}, "path": TEXT, "value": {}},
    optional=("path", "value"),
)
PATCH: Final[dict[str, Any]] = {
    "shape": an_object({"schemas": _fixed(_CHANGE), "Operations": {**list_of(_OPERATION), "minItems": 1}}),
    "User": {
        "schemas": [_CHANGE],
        "Operations": [{"op": "replace", "path": "active", "value": True}],
    },
    "Group": {
        "schemas": [_CHANGE],
        "Operations": [{"op": "replace", "path": "displayName", "value": "Growth"}],
    },
}


def listed(schema: str) -> Json:
    """A page."""
    return an_object(
        {
            "schemas": _URNS,
            "totalResults": {"type": "integer"},
            "startIndex": {"type": "integer"},
            "itemsPerPage": {"type": "integer"},
            "Resources": list_of(ref(schema)),
        },
        optional=("startIndex", "itemsPerPage", "Resources"),
    )


def sent_user() -> Body:
    """A user as a directory sends one; other attributes of RFC 7643 are passed over."""
    said = _SAID_USER | {"schemas": _fixed(_USER)}
    return Body(an_object(said, optional=("externalId", "active", "emails", "roles")), _SENT)


def sent_group() -> Body:
    """The same of a group."""
    member = an_object({"value": TEXT})
    shape = {
        "schemas": _fixed(_GROUP),
        "displayName": {**TEXT, "minLength": 1, "maxLength": 200},
        "externalId": {**TEXT, "maxLength": 255},
        "members": list_of(member),
    }
    return Body(
        an_object(shape, optional=("externalId", "members")), {"schemas": [_GROUP], "displayName": "Growth"}
    )
