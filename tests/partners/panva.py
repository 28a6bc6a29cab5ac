"""panva's oidc-provider as a process: a certified server that follows one of three rules for refresh tokens."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from devstack.child import Child
from devstack.ports import free_ports
from tests.partners.assertion import public_keys
from tests.partners.node import HERE, find_node, install_partners

Mode = Literal["google", "microsoft", "strict"]
MODES: tuple[Mode, ...] = ("google", "microsoft", "strict")
CLIENT_ID = "mail-app"
CLIENT_SECRET = "mail-app-secret-of-the-contract-tests"
BASIC_CLIENT_ID = "mail-app-basic"
PUBLIC_CLIENT_ID = "mail-app-public"
SIGNING_CLIENT_ID = "signing-daemon"
MAIL_SERVER_ID = "mail-server"
MAIL_SERVER_SECRET = "mail-server-secret-of-the-contract-tests"
REDIRECT_URI = "http://127.0.0.1:18081/oauth2/callback/local"
START_DEADLINE = 20  # seconds


@dataclass(frozen=True, slots=True)
class Panva:
    """A running server; endpoints as in its discovery document."""

    mode: Mode
    issuer: str
    child: Child

    @property
    def discovery_url(self) -> str:
        return f"{self.issuer}/.well-known/openid-configuration"


def start_panva(
    mode: Mode,
    folder: Path,
    environment: Mapping[str, str],
    *,
    port: int | None = None,
    redirect_uris: tuple[str, ...] = (REDIRECT_URI,),
    access_token_life: int = 60,
    refresh_token_life: int = 3600,
) -> Panva:
    """Install at first need and start; the caller stops `.child`. PartMissing where Node is not here."""
    node = find_node()
    install_partners(node, dict(environment))
    port = free_ports(1)[0] if port is None else port
    order = {
        "port": port,
        "mode": mode,
        "clients": _clients(list(redirect_uris)),
        "accessTokenLife": access_token_life,
        "refreshTokenLife": refresh_token_life,
    }
    child = Child(
        f"oidc-provider ({mode})",
        [node.node, str(HERE / "server.mjs"), json.dumps(order)],
        log=folder / f"panva-{mode}-{port}.log",
        environment={"PATH": environment.get("PATH", "")},
    )
    child.start()
    child.wait_until_ready(lambda: "ready" in child.log.read_text(errors="replace"), START_DEADLINE)
    return Panva(mode, f"http://127.0.0.1:{port}", child)


def _clients(redirect_uris: list[str]) -> list[dict[str, Any]]:
    app = {
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"],
        "redirect_uris": redirect_uris,
        # these are native and web clients in one: loopback redirects over http
        "application_type": "native",
    }
    secret = {"client_secret": CLIENT_SECRET}
    nothing: dict[str, Any] = {"grant_types": [], "response_types": [], "redirect_uris": []}
    return [
        {"client_id": CLIENT_ID, "token_endpoint_auth_method": "client_secret_post", **secret, **app},
        {"client_id": BASIC_CLIENT_ID, "token_endpoint_auth_method": "client_secret_basic", **secret, **app},
        {"client_id": PUBLIC_CLIENT_ID, "token_endpoint_auth_method": "none", **app},
        {
            "client_id": "daemon",
            "client_secret": CLIENT_SECRET,
            "token_endpoint_auth_method": "client_secret_post",
            "scope": "mail.imap",
            **nothing,
            "grant_types": ["client_credentials"],
        },
        {
            "client_id": SIGNING_CLIENT_ID,
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": "PS256",
            "scope": "mail.imap",
            **nothing,
            "grant_types": ["client_credentials"],
            "jwks": public_keys(),
        },
        {
            "client_id": MAIL_SERVER_ID,
            "client_secret": MAIL_SERVER_SECRET,
            "token_endpoint_auth_method": "client_secret_basic",
            **nothing,
        },
    ]
