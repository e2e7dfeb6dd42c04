"""Stored answers of test_trace_shape: each scenario's spans, callees indented below their caller.

A line is: region that keeps the span, service, kind, name, and for an rpc its plane and caller → callee.
The request of a track or batch waits for its frame, so both ends of Append are children of the HTTP span.
"""

from __future__ import annotations

SHAPES: dict[str, str] = {
    "track, regional URL": """
us-east-1 rest Server POST /api/v1/track
  us-east-1 rest Client sankofa.ingest.v1.IngestService/Append DATA us-east-1 → us-east-1
  us-east-1 cell Server sankofa.ingest.v1.IngestService/Append DATA us-east-1 → us-east-1
""",
    "track, global URL": """
us-east-1 rest Server POST /api/v1/track
  us-east-1 rest Client sankofa.ingest.v1.IngestService/Append DATA us-east-1 → us-east-1
  us-east-1 cell Server sankofa.ingest.v1.IngestService/Append DATA us-east-1 → us-east-1
""",
    "batch": """
us-east-1 rest Server POST /api/v1/batch
  us-east-1 rest Client sankofa.ingest.v1.IngestService/Append DATA us-east-1 → us-east-1
  us-east-1 cell Server sankofa.ingest.v1.IngestService/Append DATA us-east-1 → us-east-1
""",
    "query events": """
us-east-1 rest Server GET /api/v1/projects/{project_id}/events
  us-east-1 rest Client sankofa.query.v1.QueryService/ListEvents DATA us-east-1 → us-east-1
    us-east-1 cell Server sankofa.query.v1.QueryService/ListEvents DATA us-east-1 → us-east-1
""",
    "query events of another region": """
eu-west-1 rest Server GET /api/v1/projects/{project_id}/events
""",
    "sign up": """
eu-west-1 rest Server POST /api/v1/auth/signup
  eu-west-1 rest Client sankofa.org.v1.OrgService/SignUp ORG eu-west-1 → us-east-1
    us-east-1 cell Server sankofa.org.v1.OrgService/SignUp ORG eu-west-1 → us-east-1
      us-east-1 cell Client sankofa.registry.v1.RegistryService/PutRows CONTROL us-east-1 → global
        eu-west-1 registry Server sankofa.registry.v1.RegistryService/PutRows CONTROL us-east-1 → global
""",
    "log in from another region": """
eu-west-1 rest Server POST /api/v1/auth/login
  eu-west-1 rest Client sankofa.registry.v1.RegistryService/FindLoginHint CONTROL eu-west-1 → global
    eu-west-1 registry Server sankofa.registry.v1.RegistryService/FindLoginHint CONTROL eu-west-1 → global
  eu-west-1 rest Client sankofa.org.v1.OrgService/Login ORG eu-west-1 → us-east-1
    us-east-1 cell Server sankofa.org.v1.OrgService/Login ORG eu-west-1 → us-east-1
""",
    "create a project in another region than the organisation's": """
us-east-1 rest Server POST /api/v1/projects
  us-east-1 rest Client sankofa.org.v1.OrgService/AuthorizeCreate ORG us-east-1 → eu-west-1
    eu-west-1 cell Server sankofa.org.v1.OrgService/AuthorizeCreate ORG us-east-1 → eu-west-1
  us-east-1 rest Client sankofa.ingest.v1.ProjectService/Provision CONTROL us-east-1 → us-east-1
    us-east-1 cell Server sankofa.ingest.v1.ProjectService/Provision CONTROL us-east-1 → us-east-1
  us-east-1 rest Client sankofa.org.v1.OrgService/CompleteCreate ORG us-east-1 → eu-west-1
    eu-west-1 cell Server sankofa.org.v1.OrgService/CompleteCreate ORG us-east-1 → eu-west-1
""",
    "revoke a key": """
us-east-1 rest Server DELETE /api/v1/projects/{project_id}/keys/{key_id}
  us-east-1 rest Client sankofa.ingest.v1.ProjectService/RevokeKey CONTROL us-east-1 → us-east-1
    us-east-1 cell Server sankofa.ingest.v1.ProjectService/RevokeKey CONTROL us-east-1 → us-east-1
""",
    "DATA call into another region, refused at home": """
eu-west-1 operator Client sankofa.query.v1.QueryService/CountEvents DATA eu-west-1 → us-east-1 refused
""",
    "DATA call for another region's project, refused by the server": """
eu-west-1 operator Client sankofa.query.v1.QueryService/CountEvents DATA eu-west-1 → eu-west-1
  eu-west-1 cell Server sankofa.query.v1.QueryService/CountEvents DATA eu-west-1 → eu-west-1 refused
""",
}
