"""The second factor of an account: codes of an authenticator app, and recovery codes for a lost phone.

codes.py knows what a code is, sealing.py how it rests, proving.py judges one, core.py is what an account's
owner does about it, removing.py what an operator does for who has lost it. What does not live here: passwords
and sessions, and single sign-on, whose provider asks for factors of its own.
"""

from __future__ import annotations

from mesh.hints import LoginHints
from mesh.server import Service
from sankofa.org.v1 import second_factor_pb2
from sankofa.org.v1.second_factor_pb2_grpc import add_SecondFactorServiceServicer_to_server
from services.org.passwords import Passwords
from services.org.second_factor.core import SecondFactors
from services.org.second_factor.proving import Proving
from services.org.second_factor.removing import Removing
from services.org.second_factor.sealing import Sealing
from services.org.second_factor.service import SecondFactorServicer
from services.org.sessions.core import Sessions
from services.org.throttle import LoginThrottle
from storage.records.orgs import OrgRecords
from storage.records.second_factors import SecondFactorRecords


def build_second_factor(
    *,
    region: str,
    records: SecondFactorRecords,
    accounts: OrgRecords,
    sessions: Sessions,
    passwords: Passwords,
    throttle: LoginThrottle,
    hints: LoginHints,
    secret: bytes,
) -> tuple[Proving, Service]:
    """Who judges at a log-in, and the service. `secret`: what its keys are derived from."""
    sealing = Sealing(secret)
    proving = Proving(records=records, sealing=sealing, throttle=throttle)
    factors = SecondFactors(
        records=records,
        accounts=accounts,
        caller_of=sessions.caller,
        proving=proving,
        sealing=sealing,
        passwords=passwords,
        throttle=throttle,
        hints=hints,
    )
    removing = Removing(records=records, accounts=accounts, end_sessions=sessions.end_all)
    service = Service(
        add_SecondFactorServiceServicer_to_server,
        SecondFactorServicer(region=region, factors=factors, removing=removing),
        second_factor_pb2.DESCRIPTOR.services_by_name["SecondFactorService"],
    )
    return proving, service
