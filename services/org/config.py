"""Settings of the org service."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec

from mesh.tokens import LONGEST_LIFETIME


class OrgConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section [org]."""

    token_lifetime_s: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_LIFETIME.total_seconds())] = 900.0
    """How long a user's token is valid, seconds: an hour at most, for which other regions keep the end of a
    session."""
    session_idle_s: float = 30 * 86_400.0
    """How long a session goes on without being refreshed, seconds."""
    key_look_s: float = 5.0
    """Between two looks for token keys whose time is over, seconds."""
    ticket_lifetime_s: float = 60.0
    """How long a project may be created after it was permitted, seconds."""
    reconcile_after_s: float = 30.0
    """How long after its ticket a pending project's region is asked, seconds: more than clocks differ."""
    reconcile_every_s: float = 10.0
    """Between two looks for pending projects, seconds."""
    mail_sender: str = "Sankofa <noreply@sankofa.example>"
    """Whom mails to people are from."""
    heartbeat_s: float = 5.0
    """Between two messages of an access feed without changes, seconds. The receivers' lease is 60 s."""

    sso_callback_url: str = ""
    """What providers of single sign-on send people back to: /api/v1/auth/sso/callback on the global URL, the
    same in all regions; empty: on the region's own public URL."""

    assign_patience_s: float = 30.0
    """How long an organisation may be read-only until a reassignment that is stuck is given up, seconds."""

    @property
    def assign_patience(self) -> timedelta:
        """Before a reassignment is given up."""
        return timedelta(seconds=self.assign_patience_s)

    webhook_look_s: float = 1.0
    """Between two looks for rows of the audit log that a webhook has not been sent, seconds."""
    export_look_s: float = 10.0
    """Between two looks for exports to make and files to delete, seconds; a new order is seen at once."""

    audit_expiry_every_s: float = 3600.0
    """Between two looks for rows of audit logs that are past their time, seconds."""

    @property
    def token_lifetime(self) -> timedelta:
        """Of a user's token."""
        return timedelta(seconds=self.token_lifetime_s)

    @property
    def session_idle(self) -> timedelta:
        """Of a session that is not refreshed."""
        return timedelta(seconds=self.session_idle_s)

    @property
    def ticket_lifetime(self) -> timedelta:
        """Of a ticket."""
        return timedelta(seconds=self.ticket_lifetime_s)
