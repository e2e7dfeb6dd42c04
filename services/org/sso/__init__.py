"""Single sign-on by OpenID Connect: an organisation's provider vouches for its members to the primary region.

What lives here: the settings, the code flow with PKCE, and what of a provider's word is believed. What does
not: passwords and sessions of accounts, which have nothing to do with it. docs/sso.md says who becomes whom.
"""

from __future__ import annotations

from pathlib import Path

from mesh.egress import Egress
from mesh.node import Node
from mesh.server import Service
from sankofa.org.v1 import sso_pb2
from sankofa.org.v1.sso_pb2_grpc import add_SsoServiceServicer_to_server
from services.org.callers import Callers
from services.org.signal import ChangeSignal
from services.org.sso.callback import Callback
from services.org.sso.provider import Providers
from services.org.sso.service import SsoServicer
from services.org.sso.settings import Settings
from services.org.sso.signing_in import BeginSession, SigningIn
from storage.records.sso import SsoRecords
from storage.secrets import SecretFiles


def build_sso(
    *,
    node: Node,
    records: SsoRecords,
    callers: Callers,
    egress: Egress,
    secrets_dir: Path | None,
    changes: ChangeSignal,
    begin_session: BeginSession,
    callback_url: str,
) -> Service:
    """Wires the service. `callback_url` empty: the region's own public URL, as the catalogue has it."""
    assert node.directory is not None
    callback = Callback(region=node.region, directory=node.directory, url=callback_url)
    providers, secrets = Providers(egress), SecretFiles(secrets_dir)
    settings = Settings(
        records=records,
        callers=callers,
        providers=providers,
        secrets=secrets,
        changes=changes,
        callback=callback,
    )
    signing_in = SigningIn(
        region=node.region,
        directory=node.directory,
        records=records,
        providers=providers,
        secrets=secrets,
        changes=changes,
        callback=callback,
        begin_session=begin_session,
    )
    servicer = SsoServicer(region=node.region, settings=settings, signing_in=signing_in)
    return Service(
        add_SsoServiceServicer_to_server, servicer, sso_pb2.DESCRIPTOR.services_by_name["SsoService"]
    )
