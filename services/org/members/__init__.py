"""The people of an organisation: who is invited, who is a member, which teams there are, who has which role.

core.py has members and invitations, joining.py how an invitation is accepted, project_roles.py roles in
projects, teams.py teams. What does not live here: what a role permits (mesh/permissions.py), and accounts.
"""

from __future__ import annotations

from mesh.directory import Directory
from mesh.hints import LoginHints
from mesh.mail import Mailer
from mesh.server import Service
from sankofa.org.v1 import member_pb2
from sankofa.org.v1.member_pb2_grpc import (
    add_MemberServiceServicer_to_server,
    add_TeamServiceServicer_to_server,
)
from services.org.callers import Callers
from services.org.claims import Claims
from services.org.core import RegistryPublisher
from services.org.members.access_wait import AccessWait
from services.org.members.core import Members
from services.org.members.joining import Joinings
from services.org.members.project_roles import ProjectRoles
from services.org.members.service import MemberServicer
from services.org.members.team_service import TeamServicer
from services.org.members.teams import Teams
from services.org.passwords import Passwords
from storage.records.members import MemberRecords, TeamRecords


def build_members(
    *,
    region: str,
    members: MemberRecords,
    teams: TeamRecords,
    directory: Directory,
    callers: Callers,
    publisher: RegistryPublisher,
    hints: LoginHints,
    passwords: Passwords,
    wait: AccessWait,
    claims: Claims,
    mailer: Mailer,
) -> list[Service]:
    """Wires both services."""
    servicer = MemberServicer(
        region=region,
        members=Members(records=members, callers=callers, mailer=mailer, wait=wait),
        joinings=Joinings(
            region=region,
            records=members,
            directory=directory,
            publisher=publisher,
            hints=hints,
            passwords=passwords,
            wait=wait,
            claims=claims,
        ),
        project_roles=ProjectRoles(records=members, callers=callers, wait=wait),
    )
    of_teams = TeamServicer(teams=Teams(records=teams, callers=callers, wait=wait))
    services = member_pb2.DESCRIPTOR.services_by_name
    return [
        Service(add_MemberServiceServicer_to_server, servicer, services["MemberService"]),
        Service(add_TeamServiceServicer_to_server, of_teams, services["TeamService"]),
    ]
