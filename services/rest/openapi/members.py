"""Members, invitations and roles in projects, in the document."""

from __future__ import annotations

from typing import Final

from services.rest.openapi.area import DONE, MANAGED, OPEN, Area, Body, operation, path
from services.rest.openapi.shapes import (
    AT,
    EMAIL,
    MOMENT,
    ORG_ID,
    PROJECT_ID,
    TEXT,
    Json,
    an_object,
    in_path,
    list_of,
    ok,
    ref,
)

_TAG: Final = "Members"
USER_ID: Final = "usr_7Yh2JkLmN0pQrStUvWx1"
_INVITATION_ID: Final = "inv_3Fg5HjKlMn0pQrStUvWx"
ORG_ROLE: Final[Json] = {"type": "string", "enum": ["member", "admin", "owner"]}
PROJECT_ROLE: Final[Json] = {"type": "string", "enum": ["viewer", "editor", "admin"]}
PROJECTS: Final[Json] = {
    "type": "object",
    "additionalProperties": PROJECT_ROLE,
    "description": "Roles by project id.",
}
_MEMBER: Final[Json] = {
    "user_id": USER_ID,
    "email": "bob@example.com",
    "role": "member",
    "home_region": "eu-west-1",
    "joined_at": AT,
}
_INVITATION: Final[Json] = {
    "id": _INVITATION_ID,
    "email": "bob@example.com",
    "role": "member",
    "projects": {PROJECT_ID: "viewer"},
    "invited_by": "usr_1",
    "created_at": AT,
    "expires_at": "2026-05-16T14:32:01.482Z",
}
_PROJECT_MEMBER: Final[Json] = {
    **_MEMBER,
    "org_role": "member",
    "role": "editor",
    "given_role": "editor",
    "team_ids": [],
}
_MEMBER_SHAPE: Final[Json] = {
    "user_id": TEXT,
    "email": TEXT,
    "role": ORG_ROLE,
    "home_region": TEXT,
    "joined_at": MOMENT,
}
_INVITED: Final = Body(ok(invitation=ref("Invitation")), {"ok": True, "invitation": _INVITATION})
_IN_PROJECT: Final = Body(ok(member=ref("ProjectMember")), {"ok": True, "member": _PROJECT_MEMBER})
_ACCEPTANCE: Final[Json] = an_object(
    {
        "token": {**TEXT, "description": "What the mail says: the organisation's id, a dot, a secret."},
        "password": {
            "type": ["string", "null"],
            "description": "Without a bearer token: for a new account of the invited e-mail, at home "
            "in the organisation's primary region. 8 to 1024 characters.",
        },
    },
    optional=("password",),
)

AREA: Final = Area(
    _TAG,
    {
        "/api/v1/members": {
            "get": operation(
                _TAG,
                "listMembers",
                "List members and, for Admins, open invitations",
                Body(
                    ok(members=list_of(ref("Member")), invitations=list_of(ref("Invitation"))),
                    {"ok": True, "members": [_MEMBER], "invitations": [_INVITATION]},
                ),
                query=("org_id",),
            )
        },
        "/api/v1/members/invite": {
            "post": operation(
                _TAG,
                "inviteMember",
                "Invite a person by e-mail; again, the later invitation counts",
                _INVITED,
                status=201,
                query=("org_id",),
                errors=(*MANAGED, 409),
                body=Body(
                    an_object(
                        {"email": EMAIL, "role": ORG_ROLE, "projects": PROJECTS},
                        optional=("role", "projects"),
                    ),
                    {"email": "bob@example.com", "role": "member", "projects": {PROJECT_ID: "viewer"}},
                ),
            )
        },
        "/api/v1/members/accept": {
            "post": operation(
                _TAG,
                "acceptInvitation",
                "Become a member: signed in, or with a password for a new account",
                Body(
                    ok(user_id=TEXT, org=ref("Org")),
                    {
                        "ok": True,
                        "user_id": USER_ID,
                        "org": {
                            "id": ORG_ID,
                            "name": "Shop",
                            "plan": "pro",
                            "primary_region": "eu-west-1",
                            "role": "member",
                        },
                    },
                ),
                security=OPEN,
                status=201,
                errors=(*MANAGED, 409),
                body=Body(_ACCEPTANCE, {"token": f"{ORG_ID}.pJ3kq0", "password": "correct horse"}),
            )
        },
        "/api/v1/members/invitations/{invitation_id}/resend": {
            "parameters": path("invitation_id"),
            "post": operation(
                _TAG,
                "resendInvitation",
                "Send an invitation again, with a new secret",
                _INVITED,
                query=("org_id",),
            ),
        },
        "/api/v1/members/invitations/{invitation_id}": {
            "parameters": path("invitation_id"),
            "delete": operation(
                _TAG, "withdrawInvitation", "Withdraw an invitation", DONE, query=("org_id",)
            ),
        },
        "/api/v1/members/{user_id}": {
            "parameters": path("user_id"),
            "patch": operation(
                _TAG,
                "changeMember",
                "Change a member's role, at once; an Owner's is the Owners' to change",
                Body(ok(member=ref("Member")), {"ok": True, "member": _MEMBER}),
                query=("org_id",),
                errors=(*MANAGED, 409),
                body=Body(an_object({"role": ORG_ROLE}), {"role": "member"}),
            ),
            "delete": operation(
                _TAG,
                "removeMember",
                "End a membership: somebody's, or one's own",
                DONE,
                query=("org_id",),
                errors=(*MANAGED, 409),
            ),
        },
        "/api/v1/projects/{project_id}/members": {
            "parameters": path("project_id"),
            "get": operation(
                _TAG,
                "listProjectMembers",
                "List who has a role in a project, and where they have it from",
                Body(ok(members=list_of(ref("ProjectMember"))), {"ok": True, "members": [_PROJECT_MEMBER]}),
            ),
        },
        "/api/v1/projects/{project_id}/members/{user_id}": {
            "parameters": path("project_id", "user_id"),
            "put": operation(
                _TAG,
                "giveProjectRole",
                "Give a member a role in a project by name, which beats their teams'",
                _IN_PROJECT,
                body=Body(an_object({"role": PROJECT_ROLE}), {"role": "editor"}),
            ),
            "delete": operation(
                _TAG,
                "takeProjectRole",
                "Take a role by name away; their teams' count again",
                Body(
                    ok(member={"anyOf": [ref("ProjectMember"), {"type": "null"}]}),
                    {"ok": True, "member": None},
                ),
            ),
        },
    },
    schemas={
        "Member": an_object(_MEMBER_SHAPE),
        "ProjectMember": an_object(
            {
                **_MEMBER_SHAPE,
                "org_role": ORG_ROLE,
                "role": PROJECT_ROLE,
                "given_role": {"type": ["string", "null"], "enum": ["viewer", "editor", "admin", None]},
                "team_ids": list_of(TEXT),
            }
        ),
        "Invitation": an_object(
            {
                "id": TEXT,
                "email": TEXT,
                "role": ORG_ROLE,
                "projects": PROJECTS,
                "invited_by": TEXT,
                "created_at": MOMENT,
                "expires_at": MOMENT,
            }
        ),
    },
    parameters={
        "path_user_id": in_path("user_id", "A member of the organisation."),
        "path_invitation_id": in_path("invitation_id", "An open invitation."),
    },
)
