"""The script of the steel thread: one REST call after another, as a client would make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.support.nodes import AF, EU, US

JSON_TYPE = {"content-type": "application/json"}
OWNER = {"email": "owner@steel.example", "password": "correct horse battery"}

BAG = (
    '{"nested":{"deep":[{"er":[]},{}]},"big":9007199254740993,"most":-9223372036854775808,"float":1.10,'
    '"text":"ü 東京 😀 \\u00e9 \\"","null":null,"empty":[],"none":"","yes":true,"a.b":{"c.d":1},'
    '"$session_id":"sess_1"}'
)
"""Properties come back byte for byte."""

TRACK = {"event_name": "checkout", "distinct_id": "user_1", "timestamp": "2026-05-09T14:32:01.482Z"}


@dataclass(frozen=True, slots=True)
class Step:
    """One call. `{name}` in path, headers and body is what an earlier step kept under that name.

    `at` is a region, or "global"; `keep` names values to take from the answer by path ("project.id");
    `until` repeats the call until the answer is as far as it should come; `holds` is in the raw body;
    `invited` keeps, as {invitation}, what the newest mail to that address holds.
    """

    name: str
    method: str
    path: str
    at: str = "global"
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    raw: bytes | None = None
    keep: dict[str, str] = field(default_factory=dict)
    until: Callable[[Any], bool] | None = None
    holds: str = ""
    invited: str = ""


def script() -> Iterator[Step]:
    """All of it, in order."""
    yield from _accounts()
    yield from _projects()
    yield from _ingestion()
    yield from _bad_ingestion()
    yield from _queries()
    yield from _people_of_the_organisation()
    yield from _audit_log()
    yield from _assignment()
    yield from _api_tokens()
    yield from _management()


def _user(**more: str) -> dict[str, str]:
    return {"authorization": "Bearer {token}", **more}


def _key(name: str = "live", **more: str) -> dict[str, str]:
    return {"x-api-key": f"{{{name}}}", **more}


def _accounts() -> Iterator[Step]:
    signup, login = "/api/v1/auth/signup", "/api/v1/auth/login"
    account = {**OWNER, "org_name": "Steel works", "primary_region": US}
    yield Step("health", "GET", "/healthz", at=EU)
    yield Step("ready", "GET", "/readyz", at=US)
    yield Step("sign up", "POST", signup, body=account, keep={"org": "orgs.0.id", "owner": "user.id"})
    yield Step("sign up with a taken e-mail", "POST", signup, at=EU, body=account)
    yield Step("sign up without a password", "POST", signup, body={"email": "x@y.example"})
    yield Step("sign up in no region", "POST", signup, body={**account, "primary_region": "mars-1"})
    yield Step("log in from another region", "POST", login, at=AF, body=OWNER, keep={"token": "token"})
    yield Step("log in with a wrong password", "POST", login, body={**OWNER, "password": "wrong horse"})
    yield Step("log in as nobody", "POST", login, body={**OWNER, "email": "nobody@steel.example"})
    stranger = {"email": "stranger@steel.example", "password": "correct horse battery", "org_name": "Others"}
    yield Step("a stranger signs up", "POST", signup, body=stranger, keep={"stranger": "token"})


def _projects() -> Iterator[Step]:
    path = "/api/v1/projects"
    shop = {"org_id": "{org}", "name": "Eisenhütte 東京", "region": AF}
    keep = {
        "project": "project.id",
        "live": "keys.live.secret",
        "test": "keys.test.secret",
        "test_id": "keys.test.id",
    }
    yield Step("create a project", "POST", path, headers=_user(), body=shop, keep=keep)
    yield Step(
        "create one without a region",
        "POST",
        path,
        headers=_user(),
        body={"org_id": "{org}", "name": "Default"},
    )
    yield Step("create without a token", "POST", path, body=shop)
    yield Step(
        "create with a forged token", "POST", path, headers={"authorization": "Bearer a.b.c"}, body=shop
    )
    yield Step(
        "create as a stranger", "POST", path, headers={"authorization": "Bearer {stranger}"}, body=shop
    )
    yield Step("create in no region", "POST", path, headers=_user(), body={**shop, "region": "mars-1"})
    yield Step(
        "create in no organisation", "POST", path, headers=_user(), body={**shop, "org_id": "org_none"}
    )
    yield Step("list projects", "GET", f"{path}?org_id={{org}}", headers=_user())
    yield Step("list projects of nothing", "GET", path, headers=_user())
    yield Step("read a project", "GET", f"{path}/{{project}}", headers=_user(), until=lambda body: body["ok"])
    yield Step("read it at another region", "GET", f"{path}/{{project}}", at=EU, headers=_user())
    yield Step("read one that is not", "GET", f"{path}/proj_none", headers=_user())
    yield Step("move a project", "PATCH", f"{path}/{{project}}", headers=_user(), body={"region": EU})
    for what, body in (
        ("keep its events for a week", {"retention_days": 7}),
        ("keep them longer than the plan permits", {"retention_days": 31}),
        ("keep them for no time", {"retention_days": 0}),
        ("change nothing of it", {}),
        ("keep them as long as the plan grants", {"retention_days": None}),
    ):
        yield Step(what, "PATCH", f"{path}/{{project}}", headers=_user(), body=body)


def _ingestion() -> Iterator[Step]:
    track, people, alias, batch = (f"/api/v1/{name}" for name in ("track", "people", "alias", "batch"))
    bag = (
        f'{{"event_name":"bag","distinct_id":"user_1","timestamp":"2026-05-09T14:30:00Z","properties":{BAG}}}'
    )
    once = {
        **TRACK,
        "event_name": "once",
        "event_id": "8c7a4a8e-0000-4000-8000-000000000001",
        "timestamp": "2026-05-09T14:31:00Z",
    }
    yield Step(
        "track",
        "POST",
        track,
        headers=_key(),
        body={
            **TRACK,
            "properties": {"cart_value": 49.99},
            "default_properties": {"$os": "ios"},
            "lib_version": "web@1.0.0",
        },
    )
    yield Step("track at the regional URL", "POST", track, at=AF, headers=_key(**JSON_TYPE), raw=bag.encode())
    yield Step(
        "track a screen",
        "POST",
        track,
        headers=_key(),
        body={
            "event_name": "$screen",
            "distinct_id": "anon_1",
            "timestamp": "2026-05-09 14:29:00.500",
            "properties": {"$screen_name": "Home"},
        },
    )
    for attempt in ("first", "again"):
        yield Step(f"track with an event id, {attempt}", "POST", track, headers=_key(), body=once)
    yield Step("track in the test environment", "POST", track, headers=_key("test"), body=TRACK)
    yield Step("track a garbage id", "POST", track, headers=_key(), body={**TRACK, "distinct_id": "x"})
    yield Step(
        "people",
        "POST",
        people,
        headers=_key(),
        body={
            "distinct_id": "user_1",
            "timestamp": "2026-05-09T14:00:00Z",
            "properties": {"plan": "free", "city": "東京", "gone": 1, "big": 9007199254740993},
        },
    )
    yield Step(
        "people, later",
        "POST",
        people,
        headers=_key(),
        body={
            "distinct_id": "user_1",
            "timestamp": "2026-05-09T15:00:00Z",
            "properties": {"plan": "pro", "gone": None},
        },
    )
    yield Step(
        "alias",
        "POST",
        alias,
        headers=_key(),
        body={"alias_id": "anon_1", "distinct_id": "user_1", "timestamp": "2026-05-09T14:00:00Z"},
    )
    operations = [
        {"type": "track", "payload": {**TRACK, "event_name": "batched", "timestamp": 1778336940000}},
        {
            "type": "people",
            "payload": {"distinct_id": "user_2", "properties": {"n": 1}, "timestamp": "2026-05-09T14:00:00Z"},
        },
        {"type": "alias", "payload": {"alias_id": "anon_2", "distinct_id": "user_2"}},
        {"type": "track", "payload": {**TRACK, "distinct_id": "gzip, deflate"}},
    ]
    yield Step("batch", "POST", batch, headers=_key(), body={"operations": operations})
    yield Step("batch of garbage", "POST", batch, headers=_key(), body={"operations": operations[3:]})
    preflight = {
        "origin": "https://shop.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-api-key",
    }
    yield Step("preflight", "OPTIONS", track, headers=preflight)
    yield Step("preflight of the management API", "OPTIONS", "/api/v1/projects", headers=preflight)


def _bad_ingestion() -> Iterator[Step]:
    track, batch = "/api/v1/track", "/api/v1/batch"
    yield Step("track without a key", "POST", track, body=TRACK)
    yield Step("track without a key at the regional URL", "POST", track, at=AF, body=TRACK)
    yield Step(
        "track with an unknown key", "POST", track, headers={"x-api-key": "sk_live_" + "0" * 32}, body=TRACK
    )
    yield Step("track at another region's URL", "POST", track, at=EU, headers=_key(), body=TRACK)
    yield Step("track nothing", "POST", track, headers=_key(), raw=b"")
    yield Step("track a list", "POST", track, headers=_key(), body=[])
    yield Step("track without a name", "POST", track, headers=_key(), body={"distinct_id": "user_1"})
    yield Step("track an empty name", "POST", track, headers=_key(), body={**TRACK, "event_name": ""})
    yield Step("track without an id", "POST", track, headers=_key(), body={"event_name": "x"})
    yield Step("track a number as name", "POST", track, headers=_key(), body={**TRACK, "event_name": 1})
    yield Step("people without an id", "POST", "/api/v1/people", headers=_key(), body={"properties": {}})
    yield Step(
        "alias without an alias", "POST", "/api/v1/alias", headers=_key(), body={"distinct_id": "user_1"}
    )
    yield Step("alias without an id", "POST", "/api/v1/alias", headers=_key(), body={"alias_id": "anon_1"})
    yield Step("batch of nothing", "POST", batch, headers=_key(), body={"operations": []})
    for kind, payload in (("page", {}), ("track", []), ("people", {}), ("alias", {"alias_id": 1})):
        good = {"type": "track", "payload": {**TRACK, "event_name": "never stored"}}
        yield Step(
            f"batch with a bad {kind}",
            "POST",
            batch,
            headers=_key(),
            body={"operations": [good, {"type": kind, "payload": payload}]},
        )
    yield Step("track by GET", "GET", track, at=AF, headers=_key())
    yield Step("no such path", "GET", "/api/v1/nothing", at=AF)


def _queries() -> Iterator[Step]:
    project = "/api/v1/projects/{project}"
    yield Step(
        "count events",
        "GET",
        f"{project}/events/counts",
        headers=_user(),
        until=lambda body: body.get("events") == 5,
    )
    yield Step("list events", "GET", f"{project}/events", headers=_user(), holds=f'"properties":{BAG}')
    yield Step(
        "list events of a person", "GET", f"{project}/events?distinct_id=anon_1&limit=2", headers=_user()
    )
    yield Step(
        "list events in a time",
        "GET",
        headers=_user(),
        path=f"{project}/events?since=2026-05-09T14:30:00Z&until=2026-05-09T14:31:00Z",
    )
    yield Step(
        "list events of the test environment",
        "GET",
        f"{project}/events?environment=test",
        headers=_user(),
        until=lambda body: len(body.get("events", ())) == 1,
    )
    yield Step("list events of no environment", "GET", f"{project}/events?environment=x", headers=_user())
    yield Step("list events by a bad limit", "GET", f"{project}/events?limit=0", headers=_user())
    yield Step("list events without a token", "GET", f"{project}/events")
    yield Step(
        "list events as a stranger",
        "GET",
        f"{project}/events",
        headers={"authorization": "Bearer {stranger}"},
    )
    yield Step("list events at another region", "GET", f"{project}/events", at=US, headers=_user())
    yield Step("names of events", "GET", f"{project}/events/names", headers=_user())
    yield Step(
        "list people",
        "GET",
        f"{project}/people",
        headers=_user(),
        until=lambda body: len(body.get("people", ())) == 2,
    )
    yield Step("one person by an alias", "GET", f"{project}/people/anon_1", headers=_user())
    yield Step("nobody", "GET", f"{project}/people/user_9", headers=_user())


MEMBER = {"email": "member@steel.example", "password": "correct horse staple"}


def _member() -> dict[str, str]:
    return {"authorization": "Bearer {member_token}"}


def _people_of_the_organisation() -> Iterator[Step]:
    members, teams = "/api/v1/members", "/api/v1/teams"
    of, counts = "?org_id={org}", "/api/v1/projects/{project}/events/counts"
    invite = {"email": MEMBER["email"]}
    yield Step("invite", "POST", f"{members}/invite{of}", headers=_user(), body=invite)
    yield Step("invite nobody", "POST", f"{members}/invite{of}", headers=_user(), body={"email": "x"})
    yield Step(
        "invite as a stranger",
        "POST",
        f"{members}/invite{of}",
        headers={"authorization": "Bearer {stranger}"},
        body=invite,
    )
    accept = {"token": "{invitation}", "password": MEMBER["password"]}
    yield Step(
        "accept",
        "POST",
        f"{members}/accept",
        at=AF,
        body=accept,
        invited=MEMBER["email"],
        keep={"member": "user_id"},
    )
    yield Step("accept once more", "POST", f"{members}/accept", body=accept)
    yield Step(
        "log in as a member", "POST", "/api/v1/auth/login", body=MEMBER, keep={"member_token": "token"}
    )
    yield Step("a member without a project", "GET", f"/api/v1/projects{of}", headers=_member())
    yield Step("a member queries without a role", "GET", counts, headers=_member())
    yield Step(
        "make a team",
        "POST",
        f"{teams}{of}",
        headers=_user(),
        body={"name": "Analysts"},
        keep={"team": "team.id"},
    )
    yield Step("make it as a member", "POST", f"{teams}{of}", headers=_member(), body={"name": "Mine"})
    team = f"{teams}/{{team}}"
    yield Step("put them in", "POST", f"{team}/members{of}", headers=_user(), body={"user_id": "{member}"})
    yield Step(
        "give the team a project",
        "POST",
        f"{team}/projects{of}",
        headers=_user(),
        body={"project_id": "{project}", "role": "viewer"},
    )
    yield Step(
        "a member queries by the team", "GET", counts, headers=_member(), until=lambda body: body["ok"]
    )
    yield Step(
        "a viewer mints no key",
        "POST",
        "/api/v1/projects/{project}/keys",
        headers=_member(),
        body={"environment": "live"},
    )
    yield Step("teams", "GET", f"{teams}{of}", headers=_user())
    yield Step("members", "GET", f"{members}{of}", at=EU, headers=_user())
    yield Step("a project's members", "GET", "/api/v1/projects/{project}/members", headers=_user())
    yield Step(
        "make them an Admin",
        "PATCH",
        f"{members}/{{member}}{of}",
        headers=_user(),
        body={"role": "admin"},
    )
    yield Step(
        "a role of no kind", "PATCH", f"{members}/{{member}}{of}", headers=_user(), body={"role": "king"}
    )
    yield Step("the last Owner leaves", "DELETE", f"{members}/{{owner}}{of}", headers=_user())
    yield Step("no such member", "DELETE", f"{members}/usr_none{of}", headers=_user())


def _audit_log() -> Iterator[Step]:
    log = "/api/v1/audit"
    yield Step(
        "what was done to members",
        "GET",
        f"{log}?org_id={{org}}&resource_type=member",
        at=EU,
        headers=_user(),
        keep={"row": "rows.0.id"},
    )
    yield Step("one row of it", "GET", f"{log}/{{row}}?org_id={{org}}", headers=_user())
    yield Step(
        "what was done to a project",
        "GET",
        f"{log}?project_id={{project}}&resource_type=project",
        at=AF,
        headers=_user(),
    )
    yield Step(
        "a project's log at another region", "GET", f"{log}?project_id={{project}}", at=EU, headers=_user()
    )
    yield Step("the log of nothing", "GET", log, headers=_user())
    yield Step(
        "two logs at once", "GET", f"{log}?org_id={{org}}&project_id={{project}}", at=AF, headers=_user()
    )
    yield Step(
        "the log as a stranger",
        "GET",
        f"{log}?org_id={{org}}",
        headers={"authorization": "Bearer {stranger}"},
    )


def _assignment() -> Iterator[Step]:
    path = "/api/v1/admin/regions/orgs/{org}"
    assign = f"{path}/assign"
    yield Step("reassign to no region", "POST", assign, headers=_user(), body={"region": "mars-1"})
    yield Step("reassign as an Admin", "POST", assign, headers=_member(), body={"region": EU})
    yield Step("reassign to where it is", "POST", assign, headers=_user(), body={"region": US})
    yield Step("reassign", "POST", assign, at=AF, headers=_user(), body={"region": EU})
    yield Step(
        "how far it is",
        "GET",
        assign,
        headers=_user(),
        until=lambda body: (body.get("assignment") or {}).get("step") == "done",
    )
    yield Step("where everything is then", "GET", path, at=US, headers=_user())
    yield Step("log in after it", "POST", "/api/v1/auth/login", at=AF, body=OWNER, keep={"token": "token"})
    yield Step("members after it", "GET", "/api/v1/members?org_id={org}", at=US, headers=_user())
    yield Step(
        "a change after it",
        "PATCH",
        "/api/v1/members/{member}?org_id={org}",
        headers=_user(),
        body={"role": "member"},
    )
    yield Step(
        "the reassignment in the log",
        "GET",
        "/api/v1/audit?org_id={org}&action=org.primary_region.assigned",
        headers=_user(),
    )


def _api_tokens() -> Iterator[Step]:
    project = "/api/v1/projects/{project}"
    tokens, names = f"{project}/tokens", f"{project}/events/names"
    machine = {"authorization": "Bearer {machine}"}
    body = {"name": "Nightly report", "role": "viewer", "expires_in_days": 30}
    keep = {"machine": "token.secret", "machine_id": "token.id"}
    yield Step("mint an API token", "POST", tokens, at=AF, headers=_user(), body=body, keep=keep)
    yield Step(
        "mint one for two years", "POST", tokens, headers=_user(), body={**body, "expires_in_days": 730}
    )
    yield Step(
        "mint as a stranger", "POST", tokens, headers={"authorization": "Bearer {stranger}"}, body=body
    )
    yield Step("API tokens", "GET", tokens, headers=_user())
    yield Step("a machine queries", "GET", names, headers=machine)
    yield Step("a machine queries at the regional URL", "GET", names, at=AF, headers=machine)
    yield Step("a machine queries at another region", "GET", names, at=EU, headers=machine)
    yield Step("a machine erases somebody", "DELETE", f"{project}/people/user_1", headers=machine)
    yield Step("a machine mints", "POST", tokens, headers=machine, body=body)
    yield Step("a machine lists projects", "GET", "/api/v1/projects?org_id={org}", headers=machine)
    yield Step("revoke an API token", "DELETE", f"{tokens}/{{machine_id}}", headers=_user())
    yield Step("a machine queries no more", "GET", names, headers=machine)
    yield Step("revoke no token", "DELETE", f"{tokens}/tok_none", headers=_user())


def _management() -> Iterator[Step]:
    project, regions = "/api/v1/projects/{project}", "/api/v1/admin/regions"
    yield Step("regions", "GET", regions, headers=_user())
    yield Step("regions without a token", "GET", regions)
    yield Step("an organisation's regions", "GET", f"{regions}/orgs/{{org}}", headers=_user())
    yield Step(
        "them as a stranger", "GET", f"{regions}/orgs/{{org}}", headers={"authorization": "Bearer {stranger}"}
    )
    yield Step(
        "a new key",
        "POST",
        f"{project}/keys",
        headers=_user(),
        body={"environment": "live"},
        keep={"second": "key.secret", "second_id": "key.id"},
    )
    yield Step(
        "a key of no environment", "POST", f"{project}/keys", headers=_user(), body={"environment": "x"}
    )
    yield Step("revoke a key", "DELETE", f"{project}/keys/{{second_id}}", headers=_user())
    yield Step("revoke no key", "DELETE", f"{project}/keys/key_none", headers=_user())
    yield Step(
        "revoke a key as a stranger",
        "DELETE",
        f"{project}/keys/{{test_id}}",
        headers={"authorization": "Bearer {stranger}"},
    )
    yield Step(
        "track with the revoked key",
        "POST",
        "/api/v1/track",
        at=AF,
        headers=_key("second"),
        body=TRACK,
        until=lambda body: not body["ok"],
    )
    yield Step("archive the project", "POST", f"{project}/archive", headers=_user())
    yield Step(
        "track into the archive",
        "POST",
        "/api/v1/track",
        at=AF,
        headers=_key(),
        body=TRACK,
        until=lambda body: not body["ok"],
    )
    yield Step("archived data can be read", "GET", f"{project}/events/counts", headers=_user())
