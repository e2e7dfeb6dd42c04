"""Whose word counts for a member: said wherever a membership is read, so that it holds everywhere at once."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Label, and_, case, literal, select

from mesh.plans import TERMS, Feature
from sankofa.org.v1.org_pb2 import OrgRole
from storage.records.tables import members, orgs, sso_settings

_PLANS: Final = [plan for plan, terms in TERMS.items() if Feature.SSO in terms.features]


def home_region() -> Label[str]:
    """The home region of a row of `members`, whose tokens count for it; empty where none counts.

    None counts for who came by single sign-on and has no account, and for anybody but an Owner where the
    organisation requires single sign-on, as long as its plan has it.
    """
    its = orgs.alias()
    required = (
        select(literal(1))
        .join_from(sso_settings, its, sso_settings.c.org_id == its.c.org_id)
        .where(its.c.org_id == members.c.org_id, sso_settings.c.required, its.c.plan.in_(_PLANS))
        .correlate(members)
        .exists()
    )
    closed = and_(members.c.role < OrgRole.ORG_ROLE_OWNER, required)
    return case((closed, ""), else_=members.c.home_region).label("home_region")
