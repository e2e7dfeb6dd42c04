"""Every room of the management and query API: add a line here for a new one."""

from __future__ import annotations

from starlette.routing import Route

from mesh.directory import Directory
from services.rest.accounts import Accounts, HintOf
from services.rest.actors import Actors
from services.rest.api_tokens import ApiTokens
from services.rest.assignments import Assignments
from services.rest.audit import Audit
from services.rest.billing import Billing
from services.rest.cells import Cells
from services.rest.exports import Exports
from services.rest.members import Members
from services.rest.primaries import Primaries
from services.rest.project_callers import ProjectCallers
from services.rest.project_members import ProjectMembers
from services.rest.projects import Projects
from services.rest.queries import Queries
from services.rest.residency import Residency
from services.rest.scim.room import Scim
from services.rest.scopes import Answerers
from services.rest.second_factor import SecondFactor
from services.rest.sessions import Sessions
from services.rest.sso import Sso
from services.rest.teams import Teams
from services.rest.webhooks import Webhooks


def managed_routes(
    *, region: str, directory: Directory, cells: Cells, hint_of: HintOf, callers: ProjectCallers
) -> list[Route]:
    """What a signed-in person, or a project's API token, asks of one region's shim."""
    primaries = Primaries(directory=directory, cells=cells)
    actors = Actors(cells=cells, primaries=primaries)
    answerers = Answerers(region=region, directory=directory, cells=cells, primaries=primaries)
    rooms = (
        Accounts(primaries=primaries, cells=cells, hint_of=hint_of),
        Sso(directory=directory, cells=cells, primaries=primaries),
        Scim(directory=directory, cells=cells, primaries=primaries),
        Sessions(directory=directory, cells=cells),
        SecondFactor(directory=directory, cells=cells),
        Projects(region=region, directory=directory, cells=cells, primaries=primaries, callers=callers),
        ApiTokens(region=region, directory=directory, cells=cells, actors=actors),
        Billing(cells=cells, primaries=primaries),
        Members(directory=directory, cells=cells, primaries=primaries),
        Teams(cells=cells, primaries=primaries),
        ProjectMembers(region=region, directory=directory, cells=cells, primaries=primaries),
        Residency(directory=directory, cells=cells, primaries=primaries),
        Assignments(cells=cells, primaries=primaries),
        Webhooks(cells=cells, answerers=answerers),
        Exports(cells=cells, answerers=answerers),
        # After these two: a row of the log is whatever else is asked for below its path.
        Audit(cells=cells, primaries=primaries, callers=callers, actors=actors),
        Queries(cells=cells, callers=callers),
    )
    return [route for room in rooms for route in room.routes()]
