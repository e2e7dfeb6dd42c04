"""Mails to people: what one is, and who sends it. The folder that takes them by default is in storage/."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail of plain text on behalf of an organisation. It may hold a secret: it is never logged."""

    org_id: str
    to: str
    subject: str
    text: str


class Mailer(Protocol):
    """Sends mails, or has them sent. What it keeps stays in its region."""

    async def send(self, mail: Mail) -> None:
        """Takes a mail for good, or raises Unavailable: what it is about is done all the same."""

    async def forget(self, org_id: str) -> None:
        """Forgets every mail of an organisation that it still has, or raises Unavailable."""
