"""Every documented operation, called as the document says and otherwise: the answer is one that it names."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from mesh.egress import EgressConfig
from services.rest.openapi import document
from storage.analytics.engine import Engine
from tests.support.authenticator import App
from tests.support.cells import PASSWORD
from tests.support.mails import code_for
from tests.support.nodes import EU
from tests.support.oidc.mesh import CALLBACK, SECRET_NAME
from tests.support.oidc.real import CLIENT, Provider, running_provider
from tests.support.oidc.real import SECRET as SSO_SECRET
from tests.support.receiver import LOOPBACK
from tests.support.region import Region, region_beside

pytestmark = [pytest.mark.network, pytest.mark.disk, pytest.mark.timeout(300)]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
REFUSED = [400, 401, 403, 404, 405, 409, 413, 415, 429]
OF_A_FACTOR = {"beginSecondFactor", "confirmSecondFactor", "renewRecoveryCodes", "disableSecondFactor"}
OF_A_SESSION = {"refreshSession", "signOut", "changePassword", "endSession"}
OF_A_LOG = {
    *("listAuditRows", "getAuditRow", "listExports", "getExport"),
    *("listWebhooks", "getWebhook", "changeWebhook", "deleteWebhook", "testWebhook"),
    *("listDeadLetters", "replayDeadLetters"),
}
"""Whose query names an organisation or a project."""
BEYOND_A_SCHEMA = {
    *OF_A_LOG,
    *("signup", "createProject", "changeProject", "listEvents", "listPeople", "assignPrimaryRegion"),
    *("inviteMember", "acceptInvitation", "withdrawInvitation", "removeMember", "createTeam"),
    *("renameTeam", "deleteTeam"),
    *("createWebhook", "createExport", "downloadExport", "putSso", "finishSso", "mintApiToken"),
}
"""Printable names, hosts, addresses, a plan's most days, cursors, regions, times in their order, one of two
logs: no schema says which are good.
"""

LENIENT = {f"{does}Scim{what}" for does in ("create", "put", "patch") for what in ("User", "Group")}
LENIENT |= {"listScimUsers", "listScimGroups"}
"""Directories write "True" for true, and more: what can only mean one thing is taken, an empty count too."""
DESCRIBED = {
    "getScimResourceType": {"scim_id": "User"},
    "getScimSchema": {"scim_id": "urn:ietf:params:scim:schemas:core:2.0:User"},
}
"""What is the same for every organisation."""

contract = schemathesis.openapi.from_dict(
    document(),
    config=schemathesis.Config.from_dict(
        {"checks": {"negative_data_rejection": {"expected-statuses": REFUSED}}}
    ),
)
answered = Counter[str]()
"""Operations that were answered with a 2xx."""
bounded = settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class SignOn:
    """Single sign-on of the region's organisation, set and begun anew for each operation that needs it."""

    def __init__(self, region: Region, provider: Provider) -> None:
        self._region, self._provider = region, provider
        self.cookie = ""
        secret = region.cells.of[EU].folder / "secrets" / region.org_id / SECRET_NAME
        secret.parent.mkdir(parents=True)
        secret.write_text(SSO_SECRET)

    def prepare(self, name: str) -> dict[str, str]:
        """What only the provider and its client know."""
        if not name.endswith("Sso"):
            return {}
        self._region.upgrade("enterprise")
        known = {
            "issuer": self._provider.issuer,
            "client_id": CLIENT,
            "client_secret_name": SECRET_NAME,
        }
        query = {"org_id": self._region.org_id}
        self._region.call("PUT", "sso", params=query, json=known | {"allowed_domains": ["example.org"]})
        if name != "finishSso":
            return known
        return known | self._come_back(query) | {"iss": self._provider.issuer}

    def _come_back(self, query: dict[str, str]) -> dict[str, str]:
        begun = httpx.get(f"{self._region.url}/api/v1/auth/sso/start", params=query, timeout=30)
        self.cookie = begun.headers["set-cookie"].partition(";")[0]
        return dict(httpx.URL(self._provider.log_in(begun.json()["url"], "grace")).params)


class ScimDirectory:
    """The region's organisation has one: with a token and a user or a group of its own for each operation."""

    def __init__(self, region: Region, sso: SignOn, numbers: Iterator[int]) -> None:
        self._region, self._sso, self._numbers = region, sso, numbers
        self._operation, self._base, self._bearer = "", "", dict[str, str]()

    def put_into(self, case: Case, name: str) -> tuple[dict[str, str], dict[str, str]]:
        """The ids that it knows, and its credential."""
        if self._operation != name:
            self._sso.prepare("putSso")
            made = self._region.call("POST", "sso/scim", params={"org_id": self._region.org_id})
            self._operation, self._base = name, made["base_path"]
            self._bearer = {"authorization": f"Bearer {made['token']['secret']}"}
        email, group = f"s{next(self._numbers)}@example.org", "Group" in name
        body = {"displayName": "Sales"} if group else {"userName": email}
        urn = f"urn:ietf:params:scim:schemas:core:2.0:{'Group' if group else 'User'}"
        url = f"{self._region.url}{self._base}/{'Groups' if group else 'Users'}"
        answer = httpx.post(url, headers=self._bearer, json={"schemas": [urn], **body}, timeout=30)
        assert answer.status_code == 201, answer.text
        if name in LENIENT and isinstance(case.body, dict) and not broken(case, ParameterLocation.BODY):
            self._put_body(case, name)
        return {"scim_id": answer.json()["id"], "org_id": self._region.org_id}, self._bearer

    def _put_body(self, case: Case, name: str) -> None:
        """What no generator can know: who is a member, and which e-mail single sign-on allows."""
        if name.startswith("patch"):
            place = "displayName" if "Group" in name else "userName"
            value = f"t{next(self._numbers)}@example.org"
            case.body["Operations"] = [{"op": "replace", "path": place, "value": value}]
            return
        for unknown in ("emails", "roles", "members", "externalId"):
            case.body.pop(unknown, None)
        if "userName" in case.body:
            case.body["userName"] = f"t{next(self._numbers)}@example.org"
        else:
            case.body["displayName"] = "Growth"


class Known:
    """What exists in the region, so that an operation has something to succeed on."""

    def __init__(self, region: Region, provider: Provider) -> None:
        self.region = region
        self.project, self.spare = region.project(), region.project()
        self.headers = {**region.bearer, "x-api-key": self.project["keys"]["live"]["secret"]}
        person = {"distinct_id": "known", "properties": {"plan": "pro"}}
        answer = httpx.post(f"{region.url}/api/v1/people", headers=self.headers, json=person, timeout=30)
        assert answer.status_code == 200
        self.other = {"email": "grace@example.org", "password": PASSWORD, "org_name": "Of sessions"}
        careful = {**self.other, "email": "careful@example.org"}
        for person in (self.other, careful):
            answer = httpx.post(f"{region.url}/api/v1/auth/signup", json=person, timeout=30)
            assert answer.status_code == 201
        self.careful: dict[str, Any] = answer.json()
        self.own: dict[str, str] = {}
        """The credential of a case that has one of its own."""
        self.webhooks = [self._webhook() for _ in range(2)]
        self.export = self._export()
        tokens = f"projects/{self.project['project']['id']}/tokens"
        minted = region.call("POST", tokens, json={"name": "CI", "role": "viewer"})
        self.token_id = minted["token"]["id"]
        log = region.call("GET", "audit", params={"org_id": region.org_id})["rows"]
        self.audit_id = log[-1]["id"]
        self.numbers = itertools.count()
        self.region.upgrade("growth")
        self.members = [self._member() for _ in range(2)]
        self.invitations = [self._invite()[0] for _ in range(2)]
        self.teams = [self._team() for _ in range(2)]
        self.sso = SignOn(region, provider)
        self.directory = ScimDirectory(region, self.sso, self.numbers)

    def _webhook(self) -> str:
        body = {"org_id": self.region.org_id, "url": "https://hooks.example.com/"}
        return str(self.region.call("POST", "audit/webhooks", json=body)["webhook"]["id"])

    def _export(self) -> str:
        """One that is ready."""
        self.region.upgrade("pro")
        made = self.region.call("POST", "audit/exports", json={"org_id": self.region.org_id})["export"]["id"]
        deadline = time.monotonic() + 30
        while not self._link(made):
            assert time.monotonic() < deadline, made
        return str(made)

    def _link(self, export: str) -> dict[str, str]:
        """What its link says, which ends after a while; nothing before there is one."""
        query = {"org_id": self.region.org_id}
        got = self.region.call("GET", f"audit/exports/{export}", params=query)
        return dict(httpx.URL(got["download_url"] or "").params)

    def _invite(self) -> tuple[str, str]:
        """An open invitation, and what its mail says."""
        email, query = f"person{next(self.numbers)}@example.org", {"org_id": self.region.org_id}
        made = self.region.call("POST", "members/invite", params=query, json={"email": email})
        return str(made["invitation"]["id"]), code_for(self.region.cells.of[EU].folder, email)

    def _member(self) -> str:
        body = {"token": self._invite()[1], "password": PASSWORD}
        answer = httpx.post(f"{self.region.url}/api/v1/members/accept", json=body, timeout=30)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["user_id"])

    def _team(self) -> str:
        query = {"org_id": self.region.org_id}
        made = self.region.call("POST", "teams", params=query, json={"name": "Growth"})
        return str(made["team"]["id"])

    def _put_acceptance(self, case: Case) -> None:
        """A secret works once: each time another one, for a new account."""
        self.region.upgrade("enterprise")
        if isinstance(case.body, dict) and isinstance(case.body.get("token"), str):
            case.body["token"] = self._invite()[1]
            if isinstance(case.body.get("password", ""), str):
                case.body["password"] = PASSWORD

    def signed_in(self) -> dict[str, str]:
        """The tokens of a new session of another person than the Owner, and its id."""
        answer = httpx.post(f"{self.region.url}/api/v1/auth/login", json=self.other, timeout=30)
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
        claims = jwt.decode(tokens["token"], options={"verify_signature": False})
        return {**tokens, "session_id": claims["sid"]}

    def put_into(self, case: Case) -> None:
        """Replaces the ids that a generator can only guess."""
        name = case.operation.definition.raw["operationId"]
        self.own = {}
        if name in OF_A_SESSION:
            self._put_session_into(case)
            return
        if name in OF_A_FACTOR:
            self._put_factor_into(case, name)
            return
        if "Scim" in name and not name.endswith("ScimToken"):
            ids, self.own = self.directory.put_into(case, name)
            put(case, ids | DESCRIBED.get(name, {}))
            return
        if name.endswith("ScimToken"):
            self.sso.prepare("putSso")
        project = self.spare if name in ("archiveProject", "revokeKey") else self.project
        ids = {
            "project_id": project["project"]["id"],
            "key_id": project["keys"]["test"]["id"],
            "org_id": self.region.org_id,
            "webhook_id": self.webhooks[name == "deleteWebhook"],
            "export_id": self.export,
            "audit_id": self.audit_id,
            "token_id": self.token_id,
            "user_id": self.members[name == "removeMember"],
            "invitation_id": self.invitations[name == "withdrawInvitation"],
            "team_id": self.teams[name == "deleteTeam"],
            **self.sso.prepare(name),
        }
        if name == "createExport":
            self.region.upgrade("pro")  # another operation may have chosen another plan
        if name == "downloadExport" and not broken(case, ParameterLocation.QUERY):
            case.query = self._link(self.export)  # all of it is the credential
        if name == "changePlan":  # every plan has room for one member
            ids["org_id"] = self.careful["orgs"][0]["id"]
            self.own = {"authorization": f"Bearer {self.careful['token']}"}
        if name == "getPerson":
            ids["distinct_id"] = "known"
        if name in OF_A_LOG and isinstance(case.query, dict):
            if case.query.get("org_id") == "" and not case.query.get("project_id"):
                case.query["org_id"] = self.region.org_id  # empty is all that it thinks of
            both = [key for key in ("org_id", "project_id") if isinstance(case.query.get(key), str)]
            if len(both) == 2:  # the generator can't know that it is one of them
                del case.query["project_id"]
        if name == "inviteMember":
            self.region.upgrade("enterprise")
        if name == "acceptInvitation":
            self._put_acceptance(case)
        if name == "finishSso":
            case.headers["Cookie"] = self.sso.cookie
            case.query.pop("error", None)  # with one, a provider has refused
        put(case, ids)

    def has_mended(self, case: Case) -> bool:
        """Whether the generator broke the query, and the organisation that was put into it made it good."""
        if not broken(case, ParameterLocation.QUERY) or not isinstance(case.query, dict):
            return False
        return bool(case.query.get("org_id") == self.region.org_id)

    def put_into_query(self, case: Case) -> None:
        """Its organisation: one that is not known is waited for, as it may be new in another region."""
        if isinstance(case.query, dict) and case.query.get("org_id"):
            case.query["org_id"] = self.region.org_id

    def _put_session_into(self, case: Case) -> None:
        """What is done to a session ends it: each case has one of its own."""
        session = self.signed_in()
        self.own = {"authorization": f"Bearer {session['token']}"}
        known = {"refresh_token", "session_id"}
        for place in (case.path_parameters, case.body):
            if isinstance(place, dict):
                place.update({name: session[name] for name in known & place.keys() if text(place[name])})
        body = case.body if isinstance(case.body, dict) else {}
        if text(body.get("old_password")) and 8 <= len(str(body.get("new_password", 0))) <= 1024:
            body["old_password"] = PASSWORD
            if isinstance(body["new_password"], str):
                body["new_password"] = PASSWORD

    def _put_factor_into(self, case: Case, name: str) -> None:
        """Of an account that has none, as far as it has to be for the operation to succeed."""
        removing = self.region.cells.of[EU].records.second_factors.remove(self.careful["user"]["id"])
        asyncio.run_coroutine_threadsafe(removing, self.region.loop).result(30)
        self.own = {"authorization": f"Bearer {self.careful['token']}"}
        known = {"password": PASSWORD}
        if name != "beginSecondFactor":
            known["code"] = App(self._factor("", known)["secret"]).now()
        if name not in ("beginSecondFactor", "confirmSecondFactor"):
            known["code"] = self._factor("/confirm", known)["recovery_codes"][0]
        if isinstance(case.body, dict):
            case.body.update({key: known[key] for key in known.keys() & case.body if text(case.body[key])})

    def _factor(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        url = f"{self.region.url}/api/v1/auth/second-factor{path}"
        answer = httpx.post(url, json=body, headers=self.own, timeout=30)
        assert answer.status_code == 200, answer.text
        answered: dict[str, Any] = answer.json()
        return answered


def broken(case: Case, where: ParameterLocation) -> bool:
    """Whether the generator broke a part of a request."""
    part = case.meta and case.meta.components.get(where)
    return bool(part and part.mode.is_negative)


def put(case: Case, ids: dict[str, str]) -> None:
    """Ids that exist in the place of those that were guessed."""
    for place in (case.path_parameters, case.query, case.body):
        if isinstance(place, dict):
            guessed = {key for key, value in place.items() if isinstance(value, str) and 0 < len(value) < 256}
            place.update({key: ids[key] for key in ids.keys() & guessed})


def text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


@pytest.fixture(scope="module")
def known(pki: Path, tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Known]:
    """A region with an organisation, two projects and a person."""
    folder = tmp_path_factory.mktemp("region")
    (folder / EU).mkdir()
    egress = EgressConfig(allowed_networks=[LOOPBACK])
    people = {"grace": "grace@example.org"}
    with (
        running_provider(folder / "provider", CALLBACK, people) as provider,
        region_beside(pki, folder, engine, egress=egress) as region,
    ):
        yield Known(region, provider)


def _call(case: Case, known: Known) -> Any:
    case.headers.pop("Content-Encoding", None)  # the generator names an encoding and sends plain JSON
    accepting = case.operation.definition.raw["operationId"] == "acceptInvitation"
    headers = {} if accepting else known.headers | known.own
    return case.call(base_url=known.region.url, headers=headers, timeout=30)


@contract.parametrize()
@bounded
def test_an_operation_on_what_exists_is_answered_as_documented(case: Case, known: Known) -> None:
    known.put_into(case)
    response = _call(case, known)
    name = case.operation.definition.raw["operationId"]
    answered[name] += response.status_code < 300
    checks = list(CHECKS)
    # A garbage id is dropped with all that came with it, whatever that is.
    if response.status_code != 202 and name not in LENIENT and not known.has_mended(case):
        checks.append(negative_data_rejection)
    if name not in BEYOND_A_SCHEMA | LENIENT:
        checks.append(positive_data_acceptance)
    case.validate_response(response, checks=checks)


@contract.include(path_regex=r"\{").exclude(path_regex=r"org_id").parametrize()
@bounded
def test_an_operation_on_what_does_not_exist_is_answered_as_documented(case: Case, known: Known) -> None:
    known.put_into_query(case)
    case.validate_response(_call(case, known), checks=CHECKS)


@contract.parametrize()
@settings(bounded, max_examples=2)
def test_an_operation_without_a_credential_is_refused_as_documented(case: Case, known: Known) -> None:
    secured = case.operation.definition.raw["security"]
    if not secured:
        known.put_into(case)
    case.headers.pop("Content-Encoding", None)
    for headers in ({}, {"x-api-key": "no", "authorization": "Bearer no"}):
        sent = {name: value for name, value in case.headers.items() if name.lower() not in known.headers}
        case.headers = type(case.headers)(sent)
        response = case.call(base_url=known.region.url, headers=headers, timeout=30)
        case.validate_response(response, checks=CHECKS)
        if secured and case.method != "OPTIONS":
            assert response.status_code >= 400


def test_every_operation_was_answered_well_at_least_once() -> None:
    """Otherwise the tests above have only seen refusals."""
    names = {
        operation["operationId"]
        for item in document()["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    }
    assert {name for name, count in answered.items() if count} == names
