"""SCIM in the document: an Owner's side of it, and what a directory asks for."""

from __future__ import annotations

from typing import Any, Final

from mesh.errors import error_of
from sankofa.residency.v1.error_pb2 import ErrorReason
from services.rest.openapi.area import DONE, Area, Body, answered, operation, path
from services.rest.openapi.scim_shapes import (
    EXAMPLE_GROUP,
    EXAMPLE_USER,
    GROUP,
    LISTED,
    PATCH,
    SCIM_ERROR,
    USER,
    listed,
    sent_group,
    sent_user,
)
from services.rest.openapi.shapes import (
    AT,
    MOMENT,
    ORG_ID,
    TEXT,
    Json,
    an_object,
    in_path,
    in_query,
    ok,
    ref,
)
from services.rest.scim.refusals import MEDIA_TYPE, ROOT, told

_TAG: Final = "SCIM 2.0"
_AT: Final = ROOT + "{org_id}"
_TYPE: Final = MEDIA_TYPE[1].decode()
_REFUSED: Final = (400, 401, 403, 404, 415, 429, 503)
_TOLD: Final[Json] = {"id": TEXT, "created_at": MOMENT}
_EXAMPLE_TOKEN: Final = {"id": "sct_3Zx8Kq1LmN0pQrStUvWx", "created_at": AT}
_DIRECTORY: Final[list[Json]] = [{"scim": []}]
_PAGE: Final = ("scim_filter", "startIndex", "count")


def _of_directory(
    name: str,
    summary: str,
    answer: Body | None,
    *,
    errors: tuple[int, ...] = _REFUSED,
    **more: Any,
) -> Json:
    """As any operation, in the media type and with the refusals of RFC 7644."""
    written = operation(_TAG, name, summary, answer, errors=errors, security=_DIRECTORY, **more)
    for status, answered_so in written["responses"].items():
        if int(status) in (408, 431):
            continue  # before anybody knows what is asked for
        content = answered_so.pop("content", None)
        if int(status) >= 400:
            content = {"application/json": _refused(content["application/json"])}
        if content:
            answered_so["content"] = {_TYPE: content["application/json"]}
    if body := written.get("requestBody"):
        body["content"] = {_TYPE: body["content"]["application/json"]}
    return written


def _refused(content: Json) -> Json:
    shown = {
        name: {"value": told(error_of(ErrorReason.Value(f"ERROR_REASON_{name.upper()}")))}
        for name in content.get("examples", {})
    }
    return {"schema": ref("ScimError")} | ({"examples": shown} if shown else {})


def _resources(kind: str, schema: str, example: Json, sent: Body) -> Json:
    """The two paths of a type of resource."""
    ids, one, many = path("org_id"), f"{_AT}/{kind}s/{{scim_id}}", f"{_AT}/{kind}s"
    whole, changing = Body(ref(schema), example), (*_REFUSED, 409)
    page = Body(listed(schema), {"schemas": [LISTED], "totalResults": 1, "Resources": [example]})
    changed = _of_directory(
        f"patchScim{kind}",
        "Change some of it",
        whole,
        errors=changing,
        body=Body(ref("ScimPatch"), PATCH[kind]),
    )
    changed["responses"]["204"] = answered("Done, where no attributes are asked for.", None)
    return {
        many: {
            "parameters": ids,
            "get": _of_directory(f"listScim{kind}s", "List them, page by page", page, query=_PAGE),
            "post": _of_directory(
                f"createScim{kind}", "Make one", whole, errors=changing, status=201, body=sent
            ),
        },
        one: {
            "parameters": [*ids, *path("scim_id")],
            "get": _of_directory(
                f"getScim{kind}", "Say all of it, or the attributes named (RFC 7644, 3.9)", whole
            ),
            "put": _of_directory(f"putScim{kind}", "Set all of it", whole, errors=changing, body=sent),
            "patch": changed,
            "delete": _of_directory(f"deleteScim{kind}", "End it", None, errors=changing, status=204),
        },
    }


def _discovery(name: str, summary: str) -> Json:
    shape = Body(an_object({"schemas": {"type": "array", "items": TEXT}}), {"schemas": [LISTED]})
    told_of = _of_directory(f"getScim{name}", summary, shape)
    return {f"{_AT}/{name}": {"parameters": path("org_id"), "get": told_of}}


def _described(name: str, summary: str) -> Json:
    """A list, and each of it."""
    shape = Body(an_object({"schemas": {"type": "array", "items": TEXT}}), {"schemas": [LISTED]})
    one = _of_directory(f"getScim{name}", "Say one of them", shape)
    return {
        **_discovery(f"{name}s", summary),
        f"{_AT}/{name}s/{{scim_id}}": {"parameters": path("org_id", "scim_id"), "get": one},
    }


AREA: Final = Area(
    _TAG,
    {
        "/api/v1/sso/scim": {
            "get": operation(
                _TAG,
                "getScimToken",
                "Say where a directory sends to, and since when it has a token",
                Body(
                    ok(base_path=TEXT, token={"anyOf": [ref("ScimToken"), {"type": "null"}]}),
                    {
                        "ok": True,
                        "base_path": ROOT + ORG_ID,
                        "token": _EXAMPLE_TOKEN | {"created_by": "usr_1"},
                    },
                ),
                query=("org_id",),
            ),
            "post": operation(
                _TAG,
                "createScimToken",
                "Make a token for the directory, shown this once; the one before ends",
                Body(
                    ok(base_path=TEXT, token=an_object(_TOLD | {"secret": TEXT})),
                    {
                        "ok": True,
                        "base_path": ROOT + ORG_ID,
                        "token": _EXAMPLE_TOKEN | {"secret": "scim_7Yc0…"},
                    },
                ),
                status=201,
                query=("org_id",),
            ),
            "delete": operation(
                _TAG, "deleteScimToken", "End the directory's token", DONE, query=("org_id",)
            ),
        },
        **_discovery("ServiceProviderConfig", "Say what is supported"),
        **_described("ResourceType", "Say that there are users and groups"),
        **_described("Schema", "Say which attributes they have"),
        **_resources("User", "ScimUser", EXAMPLE_USER, sent_user()),
        **_resources("Group", "ScimGroup", EXAMPLE_GROUP, sent_group()),
    },
    schemas={
        "ScimToken": an_object(_TOLD | {"created_by": TEXT}),
        "ScimUser": USER,
        "ScimGroup": GROUP,
        "ScimPatch": PATCH["shape"],
        "ScimError": SCIM_ERROR,
    },
    parameters={
        "path_scim_id": in_path("scim_id", "A user or a team of the organisation."),
        "scim_filter": in_query(
            "filter",
            "Of users userName, externalId or id, of groups displayName, externalId or id: eq, and a text.",
            {**TEXT, "pattern": r'^(id|externalId) eq "[A-Za-z0-9@._-]+"$'},
        ),
        "startIndex": in_query("startIndex", "From 1 on.", {"type": "integer"}),
        "count": in_query("count", "Of a page, 200 at most.", {"type": "integer"}),
    },
)
