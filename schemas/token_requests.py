"""Topic `token.requests`: what mail modules and admins ask of grants. Read by the refresher."""

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from schemas.config_commands import Reference
from schemas.envelope import Actor, ConfigId, Digest, Message, Model, PrincipalId, Sealed, Seconds
from schemas.reasons import AttemptClass, EngineHold, PublicState
from schemas.token_config import MailServers, SaslMechanism, Validity
from schemas.token_status import TokenStatus
from schemas.topics import TOKEN_REQUESTS

Generation = Annotated[int, Field(ge=0, description="The generation that the sender means; another one is refused.")]


class Request(Message):
    """A request to the refresher."""

    TOPIC: ClassVar[str] = TOKEN_REQUESTS
    ROLES: ClassVar[frozenset[str]] = frozenset({"admin"})

    actor: Actor = None
    min_revision: int | None = Field(default=None, ge=1, description="Not before the refresher knows this revision.")


class TokenGet(Request):
    """An access token good for at least `min_validity` seconds. Result: AccessTokenView. Roles: mail, admin."""

    TYPE: ClassVar[str] = "grantkeeper.token.get.v1"
    ROLES: ClassVar[frozenset[str]] = frozenset({"mail", "admin"})

    config: Reference
    min_validity: Seconds = 60


class TokenReportRejected(Request):
    """A mail server refused this access token: force one refresh. Result: as TokenGet. Roles: mail, admin."""

    TYPE: ClassVar[str] = "grantkeeper.token.report_rejected.v1"
    ROLES: ClassVar[frozenset[str]] = frozenset({"mail", "admin"})

    config: Reference
    generation: Generation


class TokenRefresh(Request):
    """Refresh now. Result: TokenStatusView. Role: admin."""

    TYPE: ClassVar[str] = "grantkeeper.token.refresh.v1"

    config: Reference
    generation: Generation


class TokenRevoke(Request):
    """End the grant, at the provider where it has an endpoint for that. Result: Revoked. Role: admin."""

    TYPE: ClassVar[str] = "grantkeeper.token.revoke.v1"

    config: Reference
    generation: Generation


class TokenStatusGet(Request):
    """The public state of one token. Result: TokenStatusView. Roles: viewer, admin."""

    TYPE: ClassVar[str] = "grantkeeper.token.status.v1"
    ROLES: ClassVar[frozenset[str]] = frozenset({"viewer", "admin"})

    config: Reference


class TokenList(Request):
    """The overview, a page at a time. Result: TokenPage. Roles: viewer, admin."""

    TYPE: ClassVar[str] = "grantkeeper.token.list.v1"
    ROLES: ClassVar[frozenset[str]] = frozenset({"viewer", "admin"})

    search: Annotated[str, Field(max_length=250)] | None = Field(
        default=None, description="Part of a name, account or template."
    )
    states: tuple[PublicState, ...] = ()
    validity: tuple[Validity, ...] = ()
    client: str | None = Field(default=None, max_length=64)
    used_by: PrincipalId | None = Field(default=None, description="Only what this principal got access tokens of.")
    deleted: bool = False
    sort: Literal["name", "state", "expires_at", "next_refresh_at", "changed_at", "template", "used"] = Field(
        default="name", description="`used`: by the day on which `used_by` got it last; without that by name."
    )
    descending: bool = False
    offset: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class AuthorizationStart(Request):
    """Begin one login. Result: AuthorizationStarted. Role: admin."""

    TYPE: ClassVar[str] = "grantkeeper.authorization.start.v1"

    config: Reference
    nonce_hash: Digest | None = Field(
        default=None, description="Binds the login to a browser; None = completed by a pasted redirect URL."
    )


class AuthorizationComplete(Request):
    """Hand in what came back on the redirect URI. Result: AuthorizationCompleted. Role: admin.

    Either `redirect_url` (pasted, sealed, bound to the config) or the parts: sealed `code` bound to the state's
    hash, or the provider's `error`, with `state`, `iss` and the browser's `nonce`.
    """

    TYPE: ClassVar[str] = "grantkeeper.authorization.complete.v1"

    config: Reference
    redirect_url: Sealed | None = None
    code: Sealed | None = None
    state: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    iss: Annotated[str, Field(max_length=2000)] | None = None
    nonce: Annotated[str, Field(max_length=200)] | None = None
    error: Annotated[str, Field(max_length=200)] | None = None
    error_description: Annotated[str, Field(max_length=2000)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "AuthorizationComplete":
        ways = [self.redirect_url is not None, self.code is not None, self.error is not None]
        if sum(ways) != 1:
            reason = "give one of redirect_url, code, error"
            raise ValueError(reason)
        if self.redirect_url is None and self.state is None:
            reason = "state is required beside code or error"
            raise ValueError(reason)
        return self


class AuthorizationDevice(Request):
    """Begin one login by device code (RFC 8628). Result: DeviceAuthorizationStarted. Role: admin.

    The refresher asks the provider for the outcome by itself; `token.events` and the status tell it.
    """

    TYPE: ClassVar[str] = "grantkeeper.authorization.device.v1"

    config: Reference


class GrantAdopt(Request):
    """Take over a refresh token that another program held. Result: TokenStatusView. Role: admin.

    It is used once before it is stored: what does not refresh leaves nothing behind.
    """

    TYPE: ClassVar[str] = "grantkeeper.grant.adopt.v1"

    config: Reference
    refresh_token: Sealed = Field(repr=False, description="Sealed with use `refresh_token`, bound to {config_id}.")
    generation: Generation | None = Field(
        default=None, description="The grant that may be replaced; None = only where none is authorized."
    )


class EngineStatusGet(Request):
    """What the engine is doing. Result: EngineStatus. Roles: viewer, admin."""

    TYPE: ClassVar[str] = "grantkeeper.engine.status.get.v1"
    ROLES: ClassVar[frozenset[str]] = frozenset({"viewer", "admin"})


class EngineStop(Request):
    """Send nothing to any provider, in all refreshers. Result: EngineStatus. Role: admin."""

    TYPE: ClassVar[str] = "grantkeeper.engine.stop.v1"


class EngineResume(Request):
    """Go on; also confirms that this database belongs to this Kafka cluster. Result: EngineStatus. Role: admin."""

    TYPE: ClassVar[str] = "grantkeeper.engine.resume.v1"


class CredentialIssue(Request):
    """Make the credential of a registered principal. Result: CredentialIssued. Role: admin."""

    TYPE: ClassVar[str] = "grantkeeper.credential.issue.v1"

    principal: PrincipalId


class AccessTokenView(Model):
    """One access token, sealed to the asker and bound to config_id, generation, expires_at and correlation id."""

    config_id: ConfigId
    name: str
    renamed: bool = False
    revision: int
    generation: int
    access_token: str = Field(description="JWE (dir, A256GCM) under the asking principal's key.", repr=False)
    expires_at: datetime
    user: str | None = Field(default=None, description="SASL user name: the mailbox login, else the account.")
    mechanism: SaslMechanism = "XOAUTH2"
    servers: MailServers = MailServers()


class TokenStatusView(Model):
    """One token's public state."""

    status: TokenStatus
    renamed: bool = False


class TokenPage(Model):
    """One page of the overview: rows as the page needs them, with numbers over the whole selection."""

    rows: tuple[TokenStatus, ...]
    total: int
    states: dict[PublicState, int] = Field(description="How many of each state there are, before the filter by state.")


class AuthorizationStarted(Model):
    """Where to send the browser."""

    config_id: ConfigId
    name: str
    url: str = Field(
        repr=False, description="Authorization request with the state in it: for the admin's browser alone."
    )
    redirect_uri: str
    host: str = Field(description="Where the browser goes, for the eye of the admin.")
    expected_account: str | None = None
    expires_at: datetime


class AuthorizationCompleted(Model):
    """What the login yielded."""

    status: TokenStatus
    refresh_token_received: bool
    account: str | None = None
    notes: tuple[str, ...] = Field(
        default=(), description="Sentences for the admin, e.g. no refresh token and its cure."
    )


class DeviceAuthorizationStarted(Model):
    """What a person needs to log in on any device."""

    config_id: ConfigId
    name: str
    user_code: str = Field(description="To be typed at `verification_uri`.")
    verification_uri: str
    verification_uri_complete: str | None = Field(default=None, description="The address with the code in it.")
    expected_account: str | None = None
    expires_at: datetime
    interval: int = Field(ge=1, description="Seconds between two questions to the provider.")


class EngineClient(Model):
    """One client: whose tokens share its fault, its pauses and its secret."""

    client: str = Field(description="Hash that names the client.")
    client_id: str
    server: str = Field(description="Issuer, else the exact token URL.")
    tokens: int = Field(ge=0, description="How many token configs use it.")
    fault: AttemptClass | None = Field(default=None, description="What paused it; None = nothing did.")
    code: str | None = None
    text: str = ""
    cure_id: str | None = None
    cure: str | None = None
    held_until: datetime | None = Field(default=None, description="The provider asked for patience.")
    breaker_until: datetime | None = Field(default=None, description="It did not answer: nothing is sent until then.")
    candidate_secret: bool = Field(default=False, description="A new secret has not worked yet; the old one is kept.")
    secret_ends_at: date | None = Field(default=None, description="The earliest end of a client secret.")


class KeyUse(Model):
    """What one entry of the vault ring is still needed for."""

    ring_id: str
    current: bool
    stored: int = Field(ge=0, description="Token configs with a value at rest under it.")
    sealed: int = Field(
        ge=0, description="Copies of client secrets sealed to it, in token configs and kept for clients."
    )


class EngineStatus(Model):
    """What all refreshers together are doing."""

    stopped: bool
    stopped_by: str | None = None
    stopped_at: datetime | None = None
    held: EngineHold | None = Field(default=None, description="Why nothing is sent although nobody stopped it.")
    due_now: int = Field(ge=0, description="Grants that wait to be refreshed, those of paused clients left out.")
    overdue_seconds: float = Field(ge=0, description="How long the first of them has waited.")
    in_flight: int = Field(ge=0, description="Attempts under way.")
    clients: tuple[EngineClient, ...] = Field(description="Troubled ones first, at most 200.")
    keys: tuple[KeyUse, ...] = Field(
        default=(), description="Empty where there is one entry, and until they were counted after a start."
    )
    keys_counted_at: datetime | None = None


class Revoked(Model):
    """The grant is over here; at the provider as far as `at_provider` says."""

    status: TokenStatus
    at_provider: Literal["revoked", "no_endpoint", "failed"]
    note: str = ""


class CredentialIssued(Model):
    """A credential file's content, sealed to the asker and bound to principal and version."""

    principal: PrincipalId
    version: int
    credential: str = Field(repr=False)
