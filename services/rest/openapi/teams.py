"""Teams in the document."""

from __future__ import annotations

from typing import Final

from services.rest.openapi.area import DONE, MANAGED, Area, Body, operation, path
from services.rest.openapi.members import PROJECT_ROLE, PROJECTS, USER_ID
from services.rest.openapi.shapes import (
    AT,
    MOMENT,
    PROJECT_ID,
    SHORT_NAME,
    TEXT,
    an_object,
    in_path,
    list_of,
    ok,
    ref,
)

_TAG: Final = "Teams"
_AT: Final = "/api/v1/teams/{team_id}"
_EXAMPLE: Final = {
    "id": "team_5Rt7YuIoPa0pQrStUvWx",
    "name": "Growth",
    "created_at": AT,
    "user_ids": [USER_ID],
    "projects": {PROJECT_ID: "editor"},
}
_TEAM: Final = Body(ok(team=ref("Team")), {"ok": True, "team": _EXAMPLE})
_NAME: Final = Body(an_object({"name": SHORT_NAME}), {"name": "Growth"})

AREA: Final = Area(
    _TAG,
    {
        "/api/v1/teams": {
            "get": operation(
                _TAG,
                "listTeams",
                "List teams",
                Body(ok(teams=list_of(ref("Team"))), {"ok": True, "teams": [_EXAMPLE]}),
                query=("org_id",),
            ),
            "post": operation(
                _TAG,
                "createTeam",
                "Make a team",
                _TEAM,
                errors=(*MANAGED, 409),
                status=201,
                query=("org_id",),
                body=_NAME,
            ),
        },
        _AT: {
            "parameters": path("team_id"),
            "patch": operation(_TAG, "renameTeam", "Rename a team", _TEAM, query=("org_id",), body=_NAME),
            "delete": operation(
                _TAG,
                "deleteTeam",
                "Delete a team, and what its members may do by it",
                DONE,
                query=("org_id",),
            ),
        },
        f"{_AT}/members": {
            "parameters": path("team_id"),
            "post": operation(
                _TAG,
                "addTeamMember",
                "Put a member of the organisation into a team",
                _TEAM,
                query=("org_id",),
                body=Body(an_object({"user_id": TEXT}), {"user_id": USER_ID}),
            ),
        },
        f"{_AT}/members/{{user_id}}": {
            "parameters": path("team_id", "user_id"),
            "delete": operation(
                _TAG, "removeTeamMember", "Take a member out of a team", _TEAM, query=("org_id",)
            ),
        },
        f"{_AT}/projects": {
            "parameters": path("team_id"),
            "post": operation(
                _TAG,
                "addTeamProject",
                "Give a team's members a role in a project; again, the later role counts",
                _TEAM,
                query=("org_id",),
                body=Body(
                    an_object({"project_id": TEXT, "role": PROJECT_ROLE}),
                    {"project_id": PROJECT_ID, "role": "editor"},
                ),
            ),
        },
        f"{_AT}/projects/{{project_id}}": {
            "parameters": path("team_id", "project_id"),
            "delete": operation(
                _TAG,
                "removeTeamProject",
                "Take a team's role in a project away",
                _TEAM,
                query=("org_id",),
            ),
        },
    },
    schemas={
        "Team": an_object(
            {"id": TEXT, "name": TEXT, "created_at": MOMENT, "user_ids": list_of(TEXT), "projects": PROJECTS}
        )
    },
    parameters={"path_team_id": in_path("team_id", "A team of the organisation.")},
)
