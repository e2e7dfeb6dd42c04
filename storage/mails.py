"""The mails of a region in a folder, one file each, for whoever carries them on."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path

from mesh.errors import Unavailable
from mesh.ids import new_id
from mesh.mail import Mail
from storage.folders import sync_folders

_log = logging.getLogger(__name__)

OUTBOX = "outbox"
"""The folder's name in a region's data directory."""


class MailFolder:
    """A Mailer: `<folder>/<org id>/<mail id>.eml`, RFC 5322, for its owner only, whole or not there."""

    def __init__(self, folder: Path, *, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        """As Mailer says."""
        try:
            await asyncio.to_thread(self._write, mail)
        except OSError as error:
            _log.error("a mail could not be written: %s", type(error).__name__)
            raise Unavailable from None

    async def forget(self, org_id: str) -> None:
        """As Mailer says."""
        try:
            await asyncio.to_thread(shutil.rmtree, self._folder / org_id)
        except FileNotFoundError:
            return  # it never sent one
        except OSError as error:
            _log.error("mails could not be deleted: %s", type(error).__name__)
            raise Unavailable from None

    def _write(self, mail: Mail) -> None:
        message = EmailMessage(policy=SMTPUTF8)
        message["From"], message["To"], message["Subject"] = self._sender, mail.to, mail.subject
        message.set_content(mail.text)
        folder = self._folder / mail.org_id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = new_id("mail")
        half = folder / f".{name}"
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(message.as_bytes())
            file.flush()
            os.fsync(file.fileno())
        half.rename(folder / f"{name}.eml")
        sync_folders([folder])
