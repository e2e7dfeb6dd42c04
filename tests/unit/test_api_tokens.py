"""API tokens: what each role may do with one, in its own project alone, and what none may."""

from __future__ import annotations

import itertools
import re

import pytest

from mesh.access import authorise
from mesh.api_tokens import new_secret
from mesh.context import acting
from mesh.directory import ApiTokenFact, OrgFact, ProjectFact
from mesh.errors import Forbidden, NotFound, Unauthenticated
from mesh.permissions import PROJECT_RULES, ProjectAction
from mesh.secrets import hash_of
from mesh.tokens import verify_person
from sankofa.org.v1.org_pb2 import ProjectRole
from tests.support.nodes import EU, MemoryDirectory

VIEWER, EDITOR, ADMIN = (ProjectRole.Value(f"PROJECT_ROLE_{name}") for name in ("VIEWER", "EDITOR", "ADMIN"))
BY_TOKEN = {
    VIEWER: """project.read project.query""",
    EDITOR: """project.read project.query project.documents.edit""",
    ADMIN: """project.read project.query project.documents.edit project.allow_lists.set project.change
        project.people.erase project.audit.read""",
}
"""Written out whole for each role: a new action is no token's until somebody says so here, too."""

SECRET = new_secret()


def known(role: ProjectRole = VIEWER, *, fresh: bool = True) -> MemoryDirectory:
    """Two projects of one organisation, and a token of the first."""
    return MemoryDirectory(
        projects={name: ProjectFact(name, "org_1", "Shop", "active") for name in ("proj_1", "proj_2")},
        orgs={"org_1": OrgFact("org_1", EU, 1)},
        api_tokens={hash_of(SECRET): ApiTokenFact("tok_1", "proj_1", role, 1)},
        fresh=fresh,
    )


@pytest.mark.parametrize(("action", "role"), itertools.product(ProjectAction, BY_TOKEN))
@pytest.mark.parametrize("fresh", [True, False])
def test_a_token_may_do_these_things_and_no_others(
    action: ProjectAction, role: ProjectRole, fresh: bool
) -> None:
    """Also past the lease of the organisation's word: nobody but the project's region has one in it."""
    directory = known(role, fresh=fresh)
    if action in BY_TOKEN[role].split():
        principal = authorise(directory, SECRET, "proj_1", action, mutation=True)
        assert (principal.user_id, principal.role) == ("token/tok_1", role)
        assert (acting().user_id, acting().email) == ("token/tok_1", "")
        return
    with pytest.raises(Forbidden, match=f"{action} takes"):
        authorise(directory, SECRET, "proj_1", action, mutation=True)


def test_nobody_below_the_highest_role_mints_tokens_so_none_is_above_its_minter() -> None:
    assert PROJECT_RULES[ProjectAction.MANAGE_API_TOKENS].least == max(ProjectRole.values())


@pytest.mark.parametrize("action", ProjectAction)
def test_a_token_of_another_project_may_do_nothing(action: ProjectAction) -> None:
    with pytest.raises(Forbidden, match="another project's"):
        authorise(known(ADMIN), SECRET, "proj_2", action, mutation=False)


def test_a_project_that_is_not_here_is_not_found() -> None:
    with pytest.raises(NotFound, match="Project not found"):
        authorise(known(ADMIN), SECRET, "proj_3", ProjectAction.QUERY, mutation=False)


@pytest.mark.parametrize(
    "token",
    ["sat_", new_secret(), SECRET[:-1], SECRET + "x", SECRET.swapcase()],
    ids=["nothing", "unknown", "cut", "longer", "other case"],
)
def test_what_is_no_token_of_ours_is_refused_before_anything_is_said(token: str) -> None:
    for project_id in ("proj_1", "proj_2", "proj_3"):
        with pytest.raises(Unauthenticated):
            authorise(known(ADMIN), token, project_id, ProjectAction.QUERY, mutation=False)


def test_a_token_is_no_person() -> None:
    for org_id in ("org_1", None):
        with pytest.raises(Unauthenticated):
            verify_person(SECRET, directory=known(ADMIN), org_id=org_id)


def test_secrets_are_told_from_other_text_and_from_each_other() -> None:
    made = {new_secret() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(re.fullmatch(r"sat_[0-9A-Za-z]{40}", secret) for secret in made)
