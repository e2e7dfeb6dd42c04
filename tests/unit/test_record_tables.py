"""What goes where an organisation or an account goes is listed whole."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import Table

from storage.records.tables import ACCOUNT_TABLES, ORG_TABLES, metadata

STAYS = {
    "projects": "a project is its region's; the organisation is only named",
    "members": "a membership is the organisation's",
    "project_roles": "a role is the organisation's",
    "access_rows": "a role is the organisation's",
    "team_members": "who is in a team is the organisation's",
    "account_orgs": "where its owner may be a member is the account's",
    "sso_identities": "whom a provider knows is the organisation's",
    "scim_users": "whom a directory has named is the organisation's",
    "sso_sign_ins": "a sign-in between two visits of a browser: over in 10 minutes, begun anew elsewhere",
    "sessions": "a single sign-on is over in minutes, and signed by the region that was the primary then",
    "departures": "how a region remembers what has left it: ids and times",
    "arrivals": "how a region remembers what has come to it: ids and times",
}


@pytest.mark.parametrize(("column", "listed"), [("org_id", ORG_TABLES), ("user_id", ACCOUNT_TABLES)])
def test_every_table_that_names_an_owner_goes_with_it_or_says_why_not(
    column: str, listed: Sequence[Table]
) -> None:
    unlisted = {
        table.name for table in metadata.tables.values() if column in table.columns and table not in listed
    }
    assert unlisted <= STAYS.keys()


@pytest.mark.parametrize("listed", [ORG_TABLES, ACCOUNT_TABLES])
def test_tables_are_listed_after_those_that_they_refer_to(listed: Sequence[Table]) -> None:
    for place, table in enumerate(listed):
        for key in table.foreign_keys:
            referred = key.column.table
            assert referred not in listed or listed.index(referred) <= place
