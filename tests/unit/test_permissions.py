"""The permission table, action by action and role by role, against what the product's rules say."""

from __future__ import annotations

import itertools
import json

import pytest
from click.testing import CliRunner

from cli.main import main
from mesh.errors import Forbidden
from mesh.permissions import (
    ORG_RULES,
    PROJECT_RULES,
    OrgAction,
    ProjectAction,
    in_project,
    permitted,
    require,
    who_may,
)
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole

ORG_ROLES = ("unspecified", "member", "admin", "owner")
PROJECT_ROLES = ("unspecified", "viewer", "editor", "admin")

ORG = {
    "member": """org.read projects.list members.list members.leave teams.list plan.read""",
    "admin": """org.read projects.list members.list members.leave teams.list plan.read
        projects.list_every projects.create members.invite members.change members.remove
        invitations.list invitations.manage teams.manage audit.read audit.export""",
    "owner": """org.read projects.list members.list members.leave teams.list plan.read
        projects.list_every projects.create members.invite members.change members.remove
        invitations.list invitations.manage teams.manage audit.read audit.export
        org.residency.read regions.list org.assign org.delete projects.choose_region projects.retention.set
        projects.migrate members.owners plan.set billing.read sso.read sso.set
        sso.scim.manage audit.webhooks.manage""",
}
"""What each role may do in its organisation, written out whole for each: no role is derived from another."""

PROJECT = {
    "viewer": """project.read project.query""",
    "editor": """project.read project.query project.documents.edit""",
    "admin": """project.read project.query project.documents.edit project.keys.manage
        project.api_tokens.manage project.members.manage project.allow_lists.set project.change
        project.archive project.people.erase project.audit.read project.audit.export
        project.audit.webhooks.manage""",
}


@pytest.mark.parametrize(("action", "name"), itertools.product(OrgAction, ORG_ROLES))
def test_an_action_on_an_organisation_is_permitted_to_these_roles_only(action: OrgAction, name: str) -> None:
    role = OrgRole.Value(f"ORG_ROLE_{name.upper()}")
    assert permitted(action, role) == (action in ORG.get(name, "").split())
    _agrees(action, role)


@pytest.mark.parametrize(("action", "name"), itertools.product(ProjectAction, PROJECT_ROLES))
def test_an_action_in_a_project_is_permitted_to_these_roles_only(action: ProjectAction, name: str) -> None:
    role = ProjectRole.Value(f"PROJECT_ROLE_{name.upper()}")
    assert permitted(action, role) == (action in PROJECT.get(name, "").split())
    _agrees(action, role)


@pytest.mark.parametrize(
    ("action", "member", "given"),
    [
        (action, member, given)
        for action in ProjectAction
        for member in ORG_ROLES[1:]
        for given in PROJECT_ROLES
    ],
)
def test_owners_and_admins_are_admin_in_each_project_and_members_what_they_were_given(
    action: ProjectAction, member: str, given: str
) -> None:
    effective = in_project(
        OrgRole.Value(f"ORG_ROLE_{member.upper()}"), ProjectRole.Value(f"PROJECT_ROLE_{given.upper()}")
    )
    counts = "admin" if member in ("owner", "admin") else given
    assert permitted(action, effective) == (action in PROJECT.get(counts, "").split())


def _agrees(action: OrgAction | ProjectAction, role: OrgRole | ProjectRole) -> None:
    """The refusal says the same as the question, and whom to ask."""
    if permitted(action, role):  # type: ignore[call-overload]
        require(action, role)  # type: ignore[call-overload]
        return
    with pytest.raises(Forbidden, match=f"{action} takes {who_may(action)}"):
        require(action, role)  # type: ignore[call-overload]


def test_every_action_has_one_rule_and_every_rule_is_expected_here() -> None:
    assert set(ORG_RULES) == set(OrgAction) == {OrgAction(name) for name in ORG["owner"].split()}
    assert (
        set(PROJECT_RULES) == set(ProjectAction) == {ProjectAction(name) for name in PROJECT["admin"].split()}
    )
    assert [name for name, _ in OrgRole.items()] == [f"ORG_ROLE_{name.upper()}" for name in ORG_ROLES]
    assert [name for name, _ in ProjectRole.items()] == [
        f"PROJECT_ROLE_{name.upper()}" for name in PROJECT_ROLES
    ]


def test_the_table_is_printed_as_it_is() -> None:
    printed = json.loads(CliRunner().invoke(main, ["permissions", "--json"]).output)
    for scope, rules, roles in (
        ("organisation", ORG_RULES, ORG_ROLES),
        ("project", PROJECT_RULES, PROJECT_ROLES),
    ):
        assert [(each["action"], roles.index(each["least_role"])) for each in printed[scope]] == [
            (action, int(rule.least)) for action, rule in rules.items()
        ]
    assert [each["by_token"] for each in printed["project"]] == [
        rule.by_token for rule in PROJECT_RULES.values()
    ]
    table = CliRunner().invoke(main, ["permissions"]).output
    assert all(action in table for action in (*OrgAction, *ProjectAction))
