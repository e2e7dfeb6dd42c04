"""Who may do what: the one table of actions, and the only place where roles are compared.

A person has one role in an organisation and, for each of its projects, one role there. An action belongs to
either; the least role that permits it is in RULES. `residency permissions` prints it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar, overload

from mesh.errors import Forbidden
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole

R = TypeVar("R", OrgRole, ProjectRole)

MEMBER, ADMIN, OWNER = OrgRole.ORG_ROLE_MEMBER, OrgRole.ORG_ROLE_ADMIN, OrgRole.ORG_ROLE_OWNER
VIEWER, EDITOR, PROJECT_ADMIN = (
    ProjectRole.PROJECT_ROLE_VIEWER,
    ProjectRole.PROJECT_ROLE_EDITOR,
    ProjectRole.PROJECT_ROLE_ADMIN,
)


class OrgAction(StrEnum):
    """What is done to an organisation; its primary region decides, at each request."""

    READ_ORG = "org.read"
    READ_RESIDENCY = "org.residency.read"
    LIST_REGIONS = "regions.list"
    ASSIGN_ORG = "org.assign"
    DELETE_ORG = "org.delete"
    LIST_PROJECTS = "projects.list"
    LIST_EVERY_PROJECT = "projects.list_every"
    CREATE_PROJECT = "projects.create"
    CHOOSE_REGION = "projects.choose_region"
    SET_RETENTION = "projects.retention.set"
    MIGRATE_PROJECT = "projects.migrate"
    LIST_MEMBERS = "members.list"
    LEAVE_ORG = "members.leave"
    INVITE_MEMBER = "members.invite"
    CHANGE_MEMBER = "members.change"
    REMOVE_MEMBER = "members.remove"
    MANAGE_OWNERS = "members.owners"
    LIST_INVITATIONS = "invitations.list"
    MANAGE_INVITATIONS = "invitations.manage"
    LIST_TEAMS = "teams.list"
    MANAGE_TEAMS = "teams.manage"
    READ_PLAN = "plan.read"
    SET_PLAN = "plan.set"
    READ_BILLING = "billing.read"
    READ_SSO = "sso.read"
    SET_SSO = "sso.set"
    MANAGE_SCIM = "sso.scim.manage"
    READ_AUDIT = "audit.read"
    EXPORT_AUDIT = "audit.export"
    MANAGE_WEBHOOKS = "audit.webhooks.manage"


class ProjectAction(StrEnum):
    """What is done in a project; its own region decides, from the access rows it was told."""

    READ_PROJECT = "project.read"
    QUERY = "project.query"
    EDIT_DOCUMENTS = "project.documents.edit"
    MANAGE_KEYS = "project.keys.manage"
    MANAGE_API_TOKENS = "project.api_tokens.manage"
    MANAGE_PROJECT_MEMBERS = "project.members.manage"
    SET_ALLOW_LISTS = "project.allow_lists.set"
    CHANGE_PROJECT = "project.change"
    ARCHIVE_PROJECT = "project.archive"
    ERASE_PERSON = "project.people.erase"
    READ_PROJECT_AUDIT = "project.audit.read"
    EXPORT_PROJECT_AUDIT = "project.audit.export"
    MANAGE_PROJECT_WEBHOOKS = "project.audit.webhooks.manage"


@dataclass(frozen=True, slots=True)
class Rule(Generic[R]):
    """The least role that permits an action, and what the action is, for people.

    `by_token`: whether an API token of that role may do it too. None makes a credential, gives a role, sends
    anything out for longer than its own answer, or ends the project: what a leaked one can do ends with it.
    """

    least: R
    text: str
    by_token: bool = False


ORG_RULES: Final[dict[OrgAction, Rule[OrgRole]]] = {
    OrgAction.READ_ORG: Rule(MEMBER, "See the organisation"),
    OrgAction.READ_RESIDENCY: Rule(OWNER, "See where everything of the organisation is"),
    OrgAction.LIST_REGIONS: Rule(OWNER, "See the catalogue of regions"),
    OrgAction.ASSIGN_ORG: Rule(OWNER, "Move the organisation's own data to another primary region"),
    OrgAction.DELETE_ORG: Rule(OWNER, "Delete the organisation"),
    OrgAction.LIST_PROJECTS: Rule(MEMBER, "List the projects in which one has a role"),
    OrgAction.LIST_EVERY_PROJECT: Rule(ADMIN, "List all projects"),
    OrgAction.CREATE_PROJECT: Rule(ADMIN, "Create a project in the default region"),
    OrgAction.CHOOSE_REGION: Rule(OWNER, "Create a project in another region"),
    OrgAction.SET_RETENTION: Rule(OWNER, "Set how long a project's events are kept"),
    OrgAction.MIGRATE_PROJECT: Rule(OWNER, "Migrate a project's data to another project"),
    OrgAction.LIST_MEMBERS: Rule(MEMBER, "List the members"),
    OrgAction.LEAVE_ORG: Rule(MEMBER, "Leave the organisation"),
    OrgAction.INVITE_MEMBER: Rule(ADMIN, "Invite a Member or an Admin"),
    OrgAction.CHANGE_MEMBER: Rule(ADMIN, "Change the role of a Member or an Admin"),
    OrgAction.REMOVE_MEMBER: Rule(ADMIN, "Remove a Member or an Admin"),
    OrgAction.MANAGE_OWNERS: Rule(OWNER, "Invite, make, change or remove an Owner"),
    OrgAction.LIST_INVITATIONS: Rule(ADMIN, "List open invitations"),
    OrgAction.MANAGE_INVITATIONS: Rule(ADMIN, "Send an invitation again, or withdraw it"),
    OrgAction.LIST_TEAMS: Rule(MEMBER, "List teams"),
    OrgAction.MANAGE_TEAMS: Rule(ADMIN, "Make, change and delete teams, their members and projects"),
    OrgAction.READ_PLAN: Rule(MEMBER, "See the plan and what is left of it"),
    OrgAction.SET_PLAN: Rule(OWNER, "Change the plan"),
    OrgAction.READ_BILLING: Rule(OWNER, "See what is billed"),
    OrgAction.READ_SSO: Rule(OWNER, "See the settings of single sign-on"),
    OrgAction.SET_SSO: Rule(OWNER, "Change the settings of single sign-on"),
    OrgAction.MANAGE_SCIM: Rule(OWNER, "Make and end the token of the organisation's directory"),
    OrgAction.READ_AUDIT: Rule(ADMIN, "Read the organisation's audit log"),
    OrgAction.EXPORT_AUDIT: Rule(ADMIN, "Export the organisation's audit log"),
    OrgAction.MANAGE_WEBHOOKS: Rule(OWNER, "Send the organisation's audit log to an address outside"),
}
"""Region choice, assignment, migrations, deletion, plan, single sign-on and ways out are the Owner's."""

PROJECT_RULES: Final[dict[ProjectAction, Rule[ProjectRole]]] = {
    ProjectAction.READ_PROJECT: Rule(VIEWER, "See the project and its keys, without secrets", by_token=True),
    ProjectAction.QUERY: Rule(VIEWER, "Ask questions about its events and people", by_token=True),
    ProjectAction.EDIT_DOCUMENTS: Rule(EDITOR, "Change cohorts and documents", by_token=True),
    ProjectAction.MANAGE_KEYS: Rule(PROJECT_ADMIN, "Mint and revoke keys"),
    ProjectAction.MANAGE_API_TOKENS: Rule(PROJECT_ADMIN, "Mint, list and revoke API tokens"),
    ProjectAction.MANAGE_PROJECT_MEMBERS: Rule(PROJECT_ADMIN, "List, add, change and remove its members"),
    ProjectAction.SET_ALLOW_LISTS: Rule(PROJECT_ADMIN, "Set where its events may come from", by_token=True),
    ProjectAction.CHANGE_PROJECT: Rule(PROJECT_ADMIN, "Ask for a change of the project", by_token=True),
    ProjectAction.ARCHIVE_PROJECT: Rule(PROJECT_ADMIN, "Archive it"),
    ProjectAction.ERASE_PERSON: Rule(PROJECT_ADMIN, "Erase a person", by_token=True),
    ProjectAction.READ_PROJECT_AUDIT: Rule(PROJECT_ADMIN, "Read its audit log", by_token=True),
    ProjectAction.EXPORT_PROJECT_AUDIT: Rule(PROJECT_ADMIN, "Export its audit log"),
    ProjectAction.MANAGE_PROJECT_WEBHOOKS: Rule(PROJECT_ADMIN, "Send its audit log to an address outside"),
}
"""Queries need Viewer, cohorts and documents Editor, keys and members Admin."""


@overload
def permitted(action: OrgAction, role: OrgRole) -> bool: ...
@overload
def permitted(action: ProjectAction, role: ProjectRole) -> bool: ...
def permitted(action: OrgAction | ProjectAction, role: OrgRole | ProjectRole) -> bool:
    """Whether a role permits an action: in the organisation, or in the project. No role permits nothing."""
    return int(role) >= int(_least(action))


@overload
def require(action: OrgAction, role: OrgRole) -> None: ...
@overload
def require(action: ProjectAction, role: ProjectRole) -> None: ...
def require(action: OrgAction | ProjectAction, role: OrgRole | ProjectRole) -> None:
    """Raises Forbidden, saying which role it takes, unless the role permits the action."""
    if int(role) < int(_least(action)):
        raise Forbidden(detail=f"{action} takes {who_may(action)}")


def require_for_token(action: ProjectAction) -> None:
    """Raises Forbidden unless an API token may do it, as well as a person of the same role."""
    if not PROJECT_RULES[action].by_token:
        raise Forbidden(detail=f"{action} takes a person who is signed in, an API token may not")


def who_may(action: OrgAction | ProjectAction) -> str:
    """The least role that permits an action, in words: "an Owner of the organisation"."""
    if isinstance(action, OrgAction):
        name = OrgRole.Name(ORG_RULES[action].least).removeprefix("ORG_ROLE_").title()
        return f"{_article(name)} {name} of the organisation"
    name = ProjectRole.Name(PROJECT_RULES[action].least).removeprefix("PROJECT_ROLE_").title()
    return f"{_article(name)} {name} of the project"


def in_project(role: OrgRole, given: ProjectRole) -> ProjectRole:
    """What a member may do in a project: Owners and Admins are its Admins, a Member what they were given."""
    return PROJECT_ADMIN if int(role) >= int(ADMIN) else given


def _least(action: OrgAction | ProjectAction) -> OrgRole | ProjectRole:
    return ORG_RULES[action].least if isinstance(action, OrgAction) else PROJECT_RULES[action].least


def _article(name: str) -> str:
    return "an" if name[0] in "AEIOU" else "a"


def org_role_name(role: OrgRole) -> str:
    """As people read it: owner."""
    return OrgRole.Name(role).removeprefix("ORG_ROLE_").lower()


def project_role_name(role: ProjectRole) -> str:
    """As people read it: viewer."""
    return ProjectRole.Name(role).removeprefix("PROJECT_ROLE_").lower()
