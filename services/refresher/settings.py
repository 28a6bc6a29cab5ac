"""The refresher's settings; see grantkeeper.process.settings for how they are read."""

from pathlib import Path

from pydantic import Field, SecretStr

from grantkeeper.process.settings import MongoSettings, ProcessSettings, Section


class RingSettings(Section):
    """Where the two rings are."""

    auth_file: Path = Field(description="The auth ring: signing keys of principals and services.")
    vault_file: Path = Field(description="The vault ring: sealing keys and the keys at rest; this service's alone.")


class OAuth2Settings(Section):
    """How providers are reached."""

    allow_hosts: tuple[str, ...] = Field(
        default=(),
        description="host:port of on-premise providers that may be called by http or at private addresses.",
    )
    proxy: SecretStr | None = Field(
        default=None, description="URL of the proxy for all calls to providers; may hold a password."
    )
    ca_file: Path | None = Field(default=None, description="PEM file of authorities; none = the system's.")


class AttemptSettings(Section):
    """How many calls to providers run at a time."""

    max_in_flight: int = Field(
        default=300,
        ge=1,
        le=10_000,
        description="Calls at a time in this process that clients with something due share evenly; each may have one.",
    )
    max_per_client: int = Field(
        default=50, ge=1, le=1000, description="Calls at a time for one client (issuer and client id) in this process."
    )


class RefresherSettings(ProcessSettings):
    """Everything the refresher reads from its environment."""

    mongo: MongoSettings
    rings: RingSettings
    public_url: str = Field(
        description="The console's public base URL: redirect URIs are made from it.", pattern=r"^https?://[^?#]+$"
    )
    oauth2: OAuth2Settings = OAuth2Settings()
    attempts: AttemptSettings = AttemptSettings()
