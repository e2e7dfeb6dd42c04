"""Regions, and where an organisation is, in the document."""

from __future__ import annotations

from typing import Final

from services.rest.openapi.area import Area, Body, operation, path
from services.rest.openapi.shapes import ORG_ID, PROJECT_ID, TEXT, an_object, list_of, ok

_TAG: Final = "Residency"
_REGIONS: Final = Body(
    ok(
        default_region=TEXT,
        regions=list_of(
            an_object(
                {
                    "id": TEXT,
                    "display_name": TEXT,
                    "status": {"type": "string", "enum": ["open", "roadmap"]},
                    "rest_url": TEXT,
                }
            )
        ),
    ),
    {
        "ok": True,
        "default_region": "eu-west-1",
        "regions": [
            {
                "id": "eu-west-1",
                "display_name": "Europe / Ireland",
                "status": "open",
                "rest_url": "https://eu-west-1.example.com",
            }
        ],
    },
)
_WHERE: Final = Body(
    ok(
        org_id=TEXT,
        primary_region=TEXT,
        projects=list_of(an_object({"project_id": TEXT, "name": TEXT, "region": TEXT})),
    ),
    {
        "ok": True,
        "org_id": ORG_ID,
        "primary_region": "eu-west-1",
        "projects": [{"project_id": PROJECT_ID, "name": "Web shop", "region": "af-south-1"}],
    },
)

AREA: Final = Area(
    _TAG,
    {
        "/api/v1/admin/regions": {
            "get": operation(_TAG, "listRegions", "List the regions", _REGIONS, errors=(401, 403, 503))
        },
        "/api/v1/admin/regions/orgs/{org_id}": {
            "parameters": path("org_id"),
            "get": operation(_TAG, "getResidency", "Say where an organisation is", _WHERE),
        },
    },
)
