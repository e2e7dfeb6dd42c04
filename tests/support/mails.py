"""The mails that a region has sent, as whoever they are for reads them."""

from __future__ import annotations

import re
import stat
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

_CODE = re.compile(r"org_\w+\.[\w-]{43}")


def mails(region_folder: Path) -> list[EmailMessage]:
    """Oldest first."""
    found = sorted((region_folder / "outbox").glob("*/*.eml"), key=lambda path: path.stat().st_mtime_ns)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in found)
    return [message_from_bytes(path.read_bytes(), policy=default) for path in found]  # type: ignore[misc]


def code_for(region_folder: Path, email: str) -> str:
    """What the last mail to somebody says to accept an invitation with."""
    last = [mail for mail in mails(region_folder) if mail["To"] == email][-1]
    (code,) = _CODE.findall(last.get_content())
    return str(code)
