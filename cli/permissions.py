"""`residency permissions`: the table of who may do what, as the services use it."""

from __future__ import annotations

from typing import Any

import click
import msgspec
from rich.table import Table

from cli.commands import wide_console
from mesh.permissions import ORG_RULES, PROJECT_RULES
from sankofa.org.v1.org_pb2 import OrgRole, ProjectRole

_ROLES = {"organisation": OrgRole, "project": ProjectRole}


def print_permissions(*, as_json: bool) -> None:
    """On standard output, as tables or as a JSON document."""
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(document())).decode())
        return
    console = wide_console()
    for scope, actions in document().items():
        roles = [name for name in _names(scope) if name]
        table = Table(title=scope, title_justify="left")
        of_project = scope == "project"
        for heading in ("action", "what", *roles, *(["by API token"] if of_project else [])):
            table.add_column(heading)
        for action in actions:
            reached = roles.index(action["least_role"])
            marks = ["yes" if place >= reached else "" for place, _ in enumerate(roles)]
            if of_project:
                marks.append("yes" if action["by_token"] else "")
            table.add_row(action["action"], action["text"], *marks)
        console.print(table)
    console.print("An Owner or Admin of the organisation is Admin of each of its projects.")
    console.print("An API token has one role in one project, and none in the organisation.")


def document() -> dict[str, list[dict[str, Any]]]:
    """Actions by scope, in the order of the table."""
    of_org = [
        {"action": action, "least_role": _names("organisation")[rule.least], "text": rule.text}
        for action, rule in ORG_RULES.items()
    ]
    of_project = [
        {
            "action": action,
            "least_role": _names("project")[rule.least],
            "text": rule.text,
            "by_token": rule.by_token,
        }
        for action, rule in PROJECT_RULES.items()
    ]
    return {"organisation": of_org, "project": of_project}


def _names(scope: str) -> list[str]:
    """Of roles, by their numbers; the first is none."""
    return ["", *(name.rpartition("_ROLE_")[2].lower() for name in _ROLES[scope].keys()[1:])]
