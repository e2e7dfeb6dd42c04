"""The guarded way out of the mesh: what goes to an address that an Owner set, and nothing else.

Here live the judgement on addresses and the client that calls them. What is
sent, and when, is a service's. No other code of a service opens a connection
to anything outside the mesh.
"""

from __future__ import annotations

from mesh.egress.client import Answer, Egress
from mesh.egress.config import EgressConfig
from mesh.egress.urls import checked_url

__all__ = ["Answer", "Egress", "EgressConfig", "checked_url"]
