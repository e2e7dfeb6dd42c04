"""A real provider (NanoIDP): discovery, PKCE, signed id tokens, JWKS. A process, ended by its id."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import httpx
import yaml

CLIENT, SECRET = "sankofa", "the-clients-own-secret"
OTHER_CLIENT, OTHER_SECRET = "another", "the-other-clients-secret"
PASSWORD = "a password at the provider"


@dataclass(frozen=True, slots=True)
class Provider:
    """At `issuer`; whoever logs in there has PASSWORD."""

    issuer: str

    def log_in(self, url: str, username: str) -> str:
        """Goes to the provider as a browser does, logs in, and answers where it would send the browser."""
        with httpx.Client(follow_redirects=False, timeout=20) as browser:
            page = browser.get(url)
            while page.is_redirect and page.headers["location"].startswith((self.issuer, "/")):
                page = browser.get(urljoin(url, page.headers["location"]))
            assert page.status_code == 200, page.text
            form = _form_of(page.text)
            sent = form.fields | {"username": username, "password": PASSWORD}
            back = browser.post(urljoin(str(page.url), form.action), data=sent)
            assert back.is_redirect, back.text
            return back.headers["location"]


@contextmanager
def running_provider(folder: Path, redirect_uri: str, people: dict[str, str]) -> Iterator[Provider]:
    """`people`: e-mails by user name."""
    _configure(folder, redirect_uri, people)
    child = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "child.py"), str(folder)],
        stdout=subprocess.PIPE,
        stderr=(folder / "log").open("wb"),
        cwd=folder,
        text=True,
    )
    try:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("port "):
                yield Provider(f"http://127.0.0.1:{int(line.split()[1])}")
                break
        else:
            raise AssertionError((folder / "log").read_text())
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def _configure(folder: Path, redirect_uri: str, people: dict[str, str]) -> None:
    clients = [
        {"client_id": name, "client_secret": secret, "redirect_uris": [redirect_uri]}
        for name, secret in ((CLIENT, SECRET), (OTHER_CLIENT, OTHER_SECRET))
    ]
    settings = {
        "config_version": 1,
        "server": {"host": "127.0.0.1", "port": 8000},
        "oauth": {"issuer_from_request": True, "audience": "api", "clients": clients},
    }
    users = {name: {"password": PASSWORD, "email": email} for name, email in people.items()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
    (folder / "users.yaml").write_text(yaml.safe_dump({"config_version": 1, "users": users}))


class _Form(HTMLParser):
    """The first form of a page: where it goes, and its hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = said.get("action", "")
        if tag == "input" and said.get("type") == "hidden":
            self.fields[said["name"]] = said.get("value", "")


def _form_of(page: str) -> _Form:
    form = _Form()
    form.feed(page)
    return form
