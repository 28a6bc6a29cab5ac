"""What the provider is told at start: its realms, its clients, and how long things live.

Built in: four realms that differ as Google, Microsoft, a strict server and a forgiving one do, and one demo client.
A TOML file replaces either list (`ProviderSettings.load`).
"""

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

DEMO_CLIENT_ID = "demo-client"
DEMO_CLIENT_SECRET = "demo-secret-for-this-machine-only"
MAIL_SERVER_ID = "mail-server"
MAIL_SERVER_SECRET = "mail-server-secret-for-this-machine-only"
Seconds = Annotated[float, Field(gt=0)]


class Rotation(StrEnum):
    """What using a refresh token does to it (the rules themselves: `rotation.py`)."""

    NONE = "none"
    KEEP_OLD = "keep_old"
    STRICT = "strict"
    GRACE = "grace"


class Offline(StrEnum):
    """What a client must do to get a refresh token."""

    ACCESS_TYPE = "access_type"  # Google: access_type=offline, and the consent page was shown
    SCOPE = "scope"  # OpenID Connect and Microsoft: scope offline_access


class Iss(StrEnum):
    """RFC 9207: the issuer in the redirect."""

    ADVERTISED = "advertised"
    SENT = "sent"  # Google sends it and does not say so
    ABSENT = "absent"


class Revocation(StrEnum):
    RFC7009 = "rfc7009"
    GOOGLE = "google"  # no client authentication; ends all of the user's grants to the client; 400 where there is none
    NONE = "none"  # Microsoft publishes no such endpoint


class Flavour(StrEnum):
    """Whose wording errors have and whose shape tokens have."""

    PLAIN = "plain"
    GOOGLE = "google"
    MICROSOFT = "microsoft"


class RealmSettings(BaseModel):
    """How one realm behaves. Lives are seconds; `None` is without end. Changeable at run time."""

    model_config = ConfigDict(extra="forbid", validate_default=True)

    rotation: Rotation = Rotation.STRICT
    grace: Seconds = 30
    offline: Offline = Offline.SCOPE
    iss: Iss = Iss.ADVERTISED
    revocation: Revocation = Revocation.RFC7009
    flavour: Flavour = Flavour.PLAIN
    access_token_life: Seconds = 300
    refresh_token_life: Seconds | None = None
    refresh_token_life_slides: bool = Field(default=True, description="every use starts the life anew")
    code_life: Seconds = 60
    device_code_life: Seconds = 900
    device_interval: int = Field(default=5, ge=1, le=300, description="seconds between two questions of a device login")
    answer_after: float = Field(default=0, ge=0, le=3600, description="seconds between the work and each answer")
    announce_refresh_life: bool = Field(default=False, description="answer with refresh_token_expires_in")
    pkce_required: bool = True
    scopes: tuple[str, ...] | None = Field(default=None, description="what may be asked for; none: anything")
    access_token_length: int = Field(default=0, ge=0, le=1_000_000, description="at least so many characters")


class ClientSettings(BaseModel):
    """One registered client. Without secret it is public and must use PKCE.

    `redirect_uris`: exact ones; empty allows any path and port below http://127.0.0.1 and http://localhost.
    """

    model_config = ConfigDict(extra="forbid")

    client_id: str = Field(min_length=1, max_length=200)
    secrets: tuple[SecretStr, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    grant_types: frozenset[str] = frozenset(
        {
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code",
        }
    )
    jwks: dict[str, Any] | None = Field(default=None, description="public keys: private_key_jwt and the JWT grant")

    @property
    def public(self) -> bool:
        return not self.secrets and self.jwks is None


def default_realms() -> dict[str, RealmSettings]:
    """Four providers in one: what differs is what the refresher must get right."""
    return {
        "google": RealmSettings(
            rotation=Rotation.NONE,
            offline=Offline.ACCESS_TYPE,
            iss=Iss.SENT,
            revocation=Revocation.GOOGLE,
            flavour=Flavour.GOOGLE,
        ),
        "microsoft": RealmSettings(
            rotation=Rotation.KEEP_OLD,
            iss=Iss.ABSENT,
            revocation=Revocation.NONE,
            flavour=Flavour.MICROSOFT,
        ),
        "strict": RealmSettings(rotation=Rotation.STRICT),
        "grace": RealmSettings(rotation=Rotation.GRACE),
    }


def default_clients() -> tuple[ClientSettings, ...]:
    return (
        ClientSettings(client_id=DEMO_CLIENT_ID, secrets=(SecretStr(DEMO_CLIENT_SECRET),)),
        ClientSettings(
            client_id=MAIL_SERVER_ID, secrets=(SecretStr(MAIL_SERVER_SECRET),), grant_types=frozenset[str]()
        ),
    )


class ProviderSettings(BaseModel):
    """Everything `app.build_app` needs but the clock."""

    model_config = ConfigDict(extra="forbid")

    issuer: str = Field(default="http://127.0.0.1:19020", pattern=r"^https?://[^/?#]+$", description="without realm")
    realms: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")], RealmSettings] = Field(
        default_factory=default_realms, min_length=1
    )
    clients: tuple[ClientSettings, ...] = Field(default_factory=default_clients)
    data: Path | None = Field(default=None, description="file that keeps grants over a restart")

    @classmethod
    def load(cls, path: Path) -> "ProviderSettings":
        """Read a TOML file with the keys of this class; `ValueError` names file, key and what is wrong."""
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise ValueError(f"{path}: cannot be read as TOML: {error}") from error
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            key = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"{path}: {key}: {first['msg']}") from error
