"""May this access token open this mailbox? Asked of the provider by introspection (RFC 7662), every time anew."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import requests

from devstack.mail.sasl import Presented
from devstack.provider.settings import MAIL_SERVER_ID, MAIL_SERVER_SECRET

log = logging.getLogger(__name__)
Protocol = Literal["imap", "pop3", "smtp"]
Refusal = Literal["invalid_token", "insufficient_scope"]
TIMEOUT = 5  # seconds
OUTLOOK = "https://outlook.office.com"
# One of these must be in the token: our provider's, Google's, Microsoft's for people and for applications.
SCOPES: Mapping[Protocol, tuple[str, ...]] = {
    "imap": ("mail.imap", "https://mail.google.com/", f"{OUTLOOK}/IMAP.AccessAsUser.All", f"{OUTLOOK}/.default"),
    "pop3": ("mail.pop", "mail.imap", "https://mail.google.com/", f"{OUTLOOK}/POP.AccessAsUser.All"),
    "smtp": ("mail.smtp", "mail.imap", "https://mail.google.com/", f"{OUTLOOK}/SMTP.Send"),
}


class TokenCheck:
    """`urls`: introspection endpoints, asked in turn; `shared`: mailbox -> logins and clients that may open it too."""

    def __init__(self, urls: Sequence[str], shared: Mapping[str, frozenset[str]]) -> None:
        self._urls = urls
        self._shared = {mailbox.lower(): {who.lower() for who in allowed} for mailbox, allowed in shared.items()}

    async def refusal(self, presented: Presented, protocol: Protocol) -> Refusal | None:
        """Why not, or None: the token is alive, of this user (or one the mailbox is shared with), with the scope."""
        about = await asyncio.to_thread(self._introspect, presented.access_token)
        if about is None or not self._may_open(presented.user.lower(), about):
            return "invalid_token"
        granted = set(str(about.get("scope", "")).split())
        return None if granted & set(SCOPES[protocol]) else "insufficient_scope"

    def _may_open(self, mailbox: str, about: Mapping[str, Any]) -> bool:
        person = str(about.get("username") or about.get("sub") or "").lower()
        return person == mailbox or person in self._shared.get(mailbox, ())

    def _introspect(self, access_token: str) -> Mapping[str, Any] | None:
        """What the first provider that knows the token says of it."""
        for url in self._urls:
            about = _ask(url, access_token)
            if about.get("active") is True:
                return about
        return None


def _ask(url: str, access_token: str) -> dict[str, Any]:
    parts = urlsplit(url)
    client = (parts.username or MAIL_SERVER_ID, parts.password or MAIL_SERVER_SECRET)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(bare, {"token": access_token}, auth=client, timeout=TIMEOUT)
        body = answer.json() if answer.ok else {}
    except requests.RequestException as error:
        log.warning("no introspection at %s: %s", bare, type(error).__name__)
        return {}
    return body if isinstance(body, dict) else {}
