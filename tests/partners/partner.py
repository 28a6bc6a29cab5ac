"""One authorization server as the contract suite sees it: the same calls, whoever answers.

What a server does is stated by hand in its `Traits`, never asked of the server itself.
"""

import base64
import hashlib
import secrets
import select
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from devstack.login import log_in

TIMEOUT = 15  # seconds


@dataclass(frozen=True, slots=True)
class Traits:
    """Expectations written down beforehand."""

    rotation: Literal["none", "keep_old", "strict", "grace"]
    sends_iss: bool = True
    advertises_iss: bool = True
    revocation: Literal["rfc7009", "google", "none"] = "rfc7009"
    offline: Mapping[str, str] = field(default_factory=lambda: {"prompt": "consent"})
    scope: str = "openid email offline_access mail.imap"


@dataclass(frozen=True, slots=True)
class Clients:
    post: str
    basic: str
    public: str
    secret: str
    mail_server: str
    mail_server_secret: str
    daemon: str
    signing: str  # client credentials by private_key_jwt, PS256, with the key of assertion.py


@dataclass(frozen=True, slots=True)
class Pkce:
    verifier: str
    challenge: str

    @classmethod
    def new(cls) -> "Pkce":
        verifier = secrets.token_urlsafe(48)
        hashed = hashlib.sha256(verifier.encode()).digest()
        return cls(verifier, base64.urlsafe_b64encode(hashed).rstrip(b"=").decode())


@dataclass(frozen=True)
class Partner:
    name: str
    issuer: str
    clients: Clients
    redirect_uri: str
    traits: Traits

    @cached_property
    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        return session

    @cached_property
    def metadata(self) -> dict[str, Any]:
        found = self.session.get(f"{self.issuer}/.well-known/openid-configuration", timeout=TIMEOUT)
        metadata: dict[str, Any] = found.json()
        return metadata

    def authorization_url(self, pkce: Pkce | None, *, state: str | None = "a-state", **changes: str | None) -> str:
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.clients.post,
            "redirect_uri": self.redirect_uri,
            "scope": self.traits.scope,
            "state": state,
            **self.traits.offline,
        }
        if pkce is not None:
            parameters |= {"code_challenge": pkce.challenge, "code_challenge_method": "S256"}
        query = {name: value for name, value in (parameters | changes).items() if value is not None}
        return f"{self.metadata['authorization_endpoint']}?{urlencode(query)}"

    def answer(
        self,
        authorization_url: str,
        *,
        login: str = "alice@example.test",
        deny: bool = False,
        scopes: Collection[str] | None = None,
    ) -> dict[str, str]:
        """Log in; the parameters the redirect URI would get."""
        redirect = log_in(authorization_url, login=login, deny=deny, scopes=scopes)
        return dict(parse_qsl(urlsplit(redirect).query))

    def code(self, pkce: Pkce, *, login: str = "alice@example.test", **changes: str | None) -> str:
        return self.answer(self.authorization_url(pkce, **changes), login=login)["code"]

    def post(
        self, endpoint: str, data: Mapping[str, str | None], *, basic: tuple[str, str] | None = None
    ) -> requests.Response:
        given = {name: value for name, value in data.items() if value is not None}
        return self.session.post(self.metadata[endpoint], given, auth=basic, timeout=TIMEOUT)

    def exchange(self, code: str, pkce: Pkce, /, **changes: str | None) -> requests.Response:
        request: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": pkce.verifier,
            "client_id": self.clients.post,
            "client_secret": self.clients.secret,
        }
        return self.post("token_endpoint", request | changes)

    def tokens(self, *, login: str = "alice@example.test") -> dict[str, Any]:
        """A whole authorization; the token answer."""
        pkce = Pkce.new()
        answered = self.exchange(self.code(pkce, login=login), pkce)
        assert answered.status_code == 200, answered.text
        tokens: dict[str, Any] = answered.json()
        return tokens

    def refresh(self, refresh_token: str, /, **changes: str | None) -> requests.Response:
        request: dict[str, str | None] = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": self.clients.post,
            "client_secret": self.clients.secret,
        }
        return self.post("token_endpoint", request | changes)

    def send_and_hang_up(self, refresh_token: str) -> None:
        """Send a refresh and close the connection as soon as the server has worked on it, without reading a byte."""
        url = urlsplit(self.metadata["token_endpoint"])
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": self.clients.post,
            "client_secret": self.clients.secret,
        }
        body = urlencode(form).encode()
        head = (
            f"POST {url.path} HTTP/1.1\r\nhost: {url.netloc}\r\ncontent-length: {len(body)}\r\n"
            "content-type: application/x-www-form-urlencoded\r\n\r\n"
        )
        with socket.create_connection((url.hostname or "", url.port or 80), timeout=TIMEOUT) as connection:
            connection.sendall(head.encode() + body)
            select.select([connection], [], [], TIMEOUT)  # the answer is here, and nobody takes it

    def introspect(self, token: str) -> dict[str, Any]:
        basic = (self.clients.mail_server, self.clients.mail_server_secret)
        answered = self.post("introspection_endpoint", {"token": token}, basic=basic)
        assert answered.status_code == 200, answered.text
        body: dict[str, Any] = answered.json()
        return body

    def is_alive(self, token: str) -> bool:
        return self.introspect(token)["active"] is True

    def revoke(self, token: str, /, **changes: str | None) -> requests.Response:
        request: dict[str, str | None] = {
            "token": token,
            "client_id": self.clients.post,
            "client_secret": self.clients.secret,
        }
        return self.post("revocation_endpoint", request | changes)
