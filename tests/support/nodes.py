"""Nodes of a mesh in one test: real certificates, real ledgers, spans kept in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from mesh.certificates import ensure_pki
from mesh.directory import AccessFact, ApiTokenFact, Directory, KeyFact, OrgFact, ProjectFact, RegionFact
from mesh.identity import Credentials
from mesh.ledger import Ledger
from mesh.node import Node
from mesh.telemetry import tracer_provider

REGIONS = ("eu-west-1", "us-east-1", "af-south-1", "ap-southeast-1")
EU, US, AF, AP = REGIONS


@dataclass
class MemoryDirectory:
    """A Directory of plain dictionaries."""

    pins: dict[str, str] = field(default_factory=dict)
    projects: dict[str, ProjectFact] = field(default_factory=dict)
    keys: dict[bytes, KeyFact] = field(default_factory=dict)
    orgs: dict[str, OrgFact] = field(default_factory=dict)
    jwt_keys: dict[tuple[str, str], bytes] = field(default_factory=dict)
    rows: dict[tuple[str, str], AccessFact] = field(default_factory=dict)
    catalogue: dict[str, RegionFact] = field(default_factory=dict)
    ended: set[tuple[str, str]] = field(default_factory=set)
    api_tokens: dict[bytes, ApiTokenFact] = field(default_factory=dict)
    accounts_ended: dict[tuple[str, str], int] = field(default_factory=dict)
    retired: set[tuple[str, str]] = field(default_factory=set)
    fresh: bool = True

    def default_region(self) -> str | None:
        return EU

    def regions(self) -> list[RegionFact]:
        return list(self.catalogue.values())

    def region(self, region_id: str) -> RegionFact | None:
        return self.catalogue.get(region_id)

    def pin(self, project_id: str) -> str | None:
        return self.pins.get(project_id)

    def project(self, project_id: str) -> ProjectFact | None:
        return self.projects.get(project_id)

    def key(self, key_hash: bytes) -> KeyFact | None:
        return self.keys.get(key_hash)

    def api_token(self, token_hash: bytes) -> ApiTokenFact | None:
        return self.api_tokens.get(token_hash)

    def org(self, org_id: str) -> OrgFact | None:
        return self.orgs.get(org_id)

    def jwt_key(self, region: str, kid: str) -> bytes | None:
        return None if self.jwt_key_retired(region, kid) else self.jwt_keys.get((region, kid))

    def jwt_key_retired(self, region: str, kid: str) -> bool:
        return (region, kid) in self.retired

    def session_ended(self, region: str, session_id: str) -> bool:
        return (region, session_id) in self.ended

    def account_ended_ms(self, region: str, user_id: str) -> int:
        return self.accounts_ended.get((region, user_id), 0)

    def access(self, user_id: str, project_id: str) -> AccessFact | None:
        return self.rows.get((user_id, project_id))

    def access_fresh(self, primary_region: str) -> bool:
        return self.fresh


def make_pki(folder: Path, regions: tuple[str, ...] = REGIONS) -> Path:
    """Authorities and certificates for all regions."""
    ensure_pki(folder, regions)
    return folder


@dataclass(frozen=True, slots=True)
class TestNode:
    """A node and the spans it wrote."""

    __test__ = False
    node: Node
    exporter: InMemorySpanExporter

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """Finished spans, in the order in which they ended."""
        return self.exporter.get_finished_spans()


def make_node(
    pki: Path, *, region: str, role: str = "cell", directory: Directory | None = None, ratio: float = 1.0
) -> TestNode:
    """One process's place in the mesh, with every span kept."""
    credentials = Credentials.load(pki, region=region, role=role)
    ledger = Ledger(pki.parent / "ledger" / region, credentials.identity)
    provider = tracer_provider(credentials.identity, instance_id=ledger.instance_id, ratio=ratio)
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    node = Node(
        credentials=credentials, directory=directory, ledger=ledger, tracer=provider.get_tracer("sankofa")
    )
    return TestNode(node, exporter)
