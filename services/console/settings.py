"""What the console is told at start; `PUBLIC_URL` decides cookies, redirect URIs and what counts as the same origin."""

from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, IPvAnyNetwork, SecretStr, StringConstraints, model_validator

from grantkeeper.process.settings import Port, ProcessSettings, Section

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
MIN_KEY_LENGTH: Final = 32
"""Characters; 32 of base64url carry 192 bits, more than HMAC-SHA256 signatures of cookies need."""


class WebSettings(Section):
    """Where the console listens; TLS ends in front of it."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 in a container.")
    port: Port = Field(default=0, description="Port to listen on; 0 = a free one, which the log names.")
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        description='Networks of your proxies, a JSON list such as ["10.0.0.7/32"]: only they are believed which '
        "address they speak for (X-Forwarded-For). The brake on passwords counts by address.",
    )


class ConsoleSettings(ProcessSettings):
    """Settings of the console."""

    public_url: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        description="Address under which browsers reach the console, e.g. https://grantkeeper.example.org; part of "
        "every redirect URI registered at a provider."
    )
    credential_file: Path = Field(
        description="Credential file of the console's principal (role admin, acts_for_users)."
    )
    users_file: Path = Field(
        description="File of the console's users; `python -m services.console.users add` writes it."
    )
    session_key: SecretStr = Field(
        description=f"Signs session cookies: at least {MIN_KEY_LENGTH} random characters, the same for every replica."
    )
    feed_token: SecretStr | None = Field(
        default=None, description="Bearer token with which help desks read /notifications.json; none = switched off."
    )
    session_hours: float = Field(default=12.0, gt=0, le=168, description="Hours after which a login ends.")
    web: WebSettings = WebSettings()

    @model_validator(mode="after")
    def _cookies_can_be_safe(self) -> Self:
        parts = urlsplit(self.public_url)
        local = parts.scheme == "http" and self.public_url_host.rsplit(":", 1)[0] in LOOPBACK
        if not (parts.scheme == "https" or local) or not parts.netloc:
            raise ValueError("public_url must be https://...; http:// only for 127.0.0.1 and localhost")
        if parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("public_url must be scheme, host and port alone: give the console a host of its own")
        if len(self.session_key.get_secret_value()) < MIN_KEY_LENGTH:
            raise ValueError(
                f"session_key is shorter than {MIN_KEY_LENGTH} characters: make one with openssl rand -base64 48"
            )
        if self.feed_token is not None and len(self.feed_token.get_secret_value()) < MIN_KEY_LENGTH:
            raise ValueError(
                f"feed_token is shorter than {MIN_KEY_LENGTH} characters: make one with openssl rand -base64 48"
            )
        return self

    @property
    def origin(self) -> str:
        """Scheme, host and port, as a browser's Origin header says it."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}".lower()

    @property
    def public_url_host(self) -> str:
        """Host and port, as a browser's Host header says it."""
        return urlsplit(self.public_url).netloc.lower()

    @property
    def secure(self) -> bool:
        """Whether browsers reach the console over TLS."""
        return self.public_url.startswith("https:")
