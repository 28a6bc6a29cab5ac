"""A token config in its parsed form: what config_service writes and the refresher works by.

The YAML format is Znuny's (`AuthFlow`, `Requests`, `AutofilledParametersMapping`, ...) with one optional mapping
`Config.Grantkeeper` in CamelCase. Here the same facts stand under RFC 6749's names, typed.
"""

from datetime import date
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from schemas.envelope import Model, Sealed

NAME_MAX_LENGTH = 250
"""Characters of a name after normalisation (Znuny's limit, kept so that names travel both ways)."""

MAX_DAYS = 36_500
"""A century: no rule of a provider is longer, and every date computed from it exists."""

Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=NAME_MAX_LENGTH),
    Field(description="Unique after normalisation (NFC, outer blanks cut, inner runs of blanks one)."),
]
Validity = Literal["valid", "invalid", "invalid-temporarily"]
AuthFlow = Literal["AuthorizationCode", "ClientCredentials", "JWTBearer"]
MINTING: Final[frozenset[AuthFlow]] = frozenset({"ClientCredentials", "JWTBearer"})
"""Flows in which nobody logs in: each access token is asked for anew."""
RequestType = Literal[
    "AuthorizationCode",
    "TokenByAuthorizationCode",
    "TokenByRefreshToken",
    "TokenByClientCredentials",
    "TokenByJWTBearer",
]
ClientAuthentication = Literal["post", "basic", "none", "private_key_jwt"]
RsaAlgorithm = Literal["RS256", "PS256"]
RotationRule = Literal["none", "replace", "grace", "strict"]
SaslMechanism = Literal["XOAUTH2", "OAUTHBEARER"]
Parameters = dict[str, str]


class RequestBlock(Model):
    """One entry of `Config.Requests`: where a request goes, what it carries, how its answer is read."""

    url: str | None = Field(default=None, description="Absolute https URL; None = by discovery.")
    parameters: Parameters = Field(default_factory=dict, description="Fixed parameters, sent as they are.")
    autofill: Parameters = Field(
        default_factory=dict, description="Parameter name -> source key; wins over a fixed one."
    )
    response: Parameters = Field(default_factory=dict, description="Field of the answer -> target key.")


class MailServers(Model):
    """Where the mailbox lives; hints for mail modules, `host:port` each."""

    imap: str | None = None
    pop3: str | None = None
    smtp: str | None = None


class Options(Model):
    """`Config.Grantkeeper`: what Znuny's format cannot say. Every field has a default that suits most providers."""

    issuer: str | None = Field(
        default=None, description="Issuer identifier (RFC 8414); with `discovery` the source of endpoints."
    )
    discovery: bool = Field(default=False, description="Take missing endpoints from the issuer's metadata.")
    issuer_check: Literal["exact", "template", "off"] = Field(
        default="exact", description="`template`: Microsoft's metadata names {tenantid} instead of the issuer asked."
    )
    client_authentication: ClientAuthentication = "post"
    rsa_algorithm: RsaAlgorithm | None = Field(
        default=None,
        description="What an RSA key signs with in `private_key_jwt`; None = PS256 beside a certificate, else RS256.",
    )
    pkce: bool = True
    rotation: RotationRule = Field(
        default="replace",
        description="What the provider does with a refresh token that was used: keeps it (none), replaces it and "
        "still takes the old one (replace), for a short while (grace), or ends the whole grant on reuse (strict).",
    )
    refresh_margin: int | None = Field(
        default=None,
        ge=5,
        le=86_400,
        description="Seconds before expiry at which a refresh is due; None = by lifetime.",
    )
    keep_alive_days: int | None = Field(default=None, ge=1, le=365, description="Idle grants are refreshed this often.")
    refresh_token_idle_days: int | None = Field(
        default=None, ge=1, le=MAX_DAYS, description="Dies unused after so many days."
    )
    refresh_token_max_days: int | None = Field(
        default=None, ge=1, le=MAX_DAYS, description="Ends so many days after the login."
    )
    default_expires_in: int = Field(
        default=3600, ge=30, le=31_536_000, description="Seconds, where the answer names none."
    )
    client_secret_ends: date | None = Field(
        default=None,
        ge=date(2000, 1, 1),
        le=date(2199, 12, 31),
        description="The day on which the client secret stops working.",
    )
    revocation_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    mailbox_login: str | None = Field(
        default=None, max_length=320, description="SASL user; the account expected to log in."
    )
    mechanism: SaslMechanism = "XOAUTH2"
    servers: MailServers = MailServers()
    redirect_slug: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,80}$")] | None = Field(
        default=None,
        description="Last part of the redirect URI; None = derived from the template's name and the issuer.",
    )
    setup_hint: str | None = Field(
        default=None, max_length=2000, description="What to click at this provider, for the admin."
    )


class TokenConfig(Model):
    """One token config without its identity: name, client, flow, requests, switches, options."""

    name: Name
    template: str = Field(
        max_length=NAME_MAX_LENGTH, description="Name of the template it was made from; fixed once saved."
    )
    auth_flow: AuthFlow = "AuthorizationCode"
    validity: Validity = "valid"
    client_id: str | None = Field(default=None, max_length=1000)
    client_secret: Sealed | None = None
    scope: str | None = Field(
        default=None, max_length=4000, description="As the provider wants it, mostly separated by blanks."
    )
    notify_expired_token: bool = False
    notify_expired_refresh_token: bool = True
    requests: dict[RequestType, RequestBlock] = Field(default_factory=dict)
    extra: Parameters = Field(default_factory=dict, description="Further keys of `Config`, usable as autofill sources.")
    options: Options = Options()

    @property
    def mints(self) -> bool:
        """Tell whether nobody logs in for this config."""
        return self.auth_flow in MINTING
