"""The public state of a token: what the overview shows and `token.events` carries. No secrets."""

from datetime import date, datetime

from pydantic import Field

from schemas.envelope import ConfigId, Model, PrincipalId
from schemas.reasons import AttemptClass, PublicState
from schemas.token_config import MailServers, SaslMechanism, Validity


class LastError(Model):
    """The last failed attempt, with its cure; gone after a success."""

    at: datetime
    meaning: AttemptClass
    code: str | None = Field(
        default=None, description="`error` of the provider's answer, or a word for what the network did."
    )
    text: str = Field(max_length=1000, description="For the admin: `error (error code c): description`, secrets cut.")
    cure_id: str
    cure: str
    correlation_id: str | None = Field(default=None, description="The provider's own id of the failed request.")


class Attempt(Model):
    """One call to the provider's token endpoint, or one that was refused before it was sent."""

    at: datetime
    outcome: AttemptClass
    latency_ms: int = Field(ge=0, description="From sending to the end of the answer; 0 where either is not known.")
    code: str | None = Field(
        default=None,
        description="As in `last_error`; None for a success. `outcome_unknown`: its process died.",
    )
    http_status: int | None = None
    correlation_id: str | None = Field(default=None, description="The provider's own id of the request.")


class UsedBy(Model):
    """Who got this access token lately; noted once a minute."""

    principal: PrincipalId
    day: date


class TokenStatus(Model):
    """One row of the overview."""

    config_id: ConfigId
    name: str
    former_names: tuple[str, ...] = ()
    template: str
    validity: Validity
    deleted: bool = False
    state: PublicState
    revision: int = Field(ge=1, description="Of the config as the refresher knows it.")
    generation: int = Field(ge=0, description="Of the grant; rises only when stored tokens change.")
    sequence: int = Field(ge=1, description="Rises with every write of this state; consumers drop lower ones.")
    changed_at: datetime
    client: str = Field(description="Hash that names the client (issuer or token URL, and client id).")
    client_id: str | None = None
    account: str | None = Field(default=None, description="The account that logged in, where the provider told.")
    mailbox_login: str | None = None
    mechanism: SaslMechanism = "XOAUTH2"
    servers: MailServers = MailServers()
    scope: str | None = Field(default=None, description="As granted.")
    authorized_at: datetime | None = None
    authorizing_until: datetime | None = Field(
        default=None, description="A login is in progress, and ends then at the latest."
    )
    expires_at: datetime | None = Field(default=None, description="Of the access token.")
    has_refresh_token: bool = False
    refresh_token_expires_at: datetime | None = None
    client_secret_ends: date | None = None
    last_refresh_at: datetime | None = None
    next_refresh_at: datetime | None = None
    failures: int = Field(default=0, ge=0, description="Failed attempts since the last success.")
    last_error: LastError | None = None
    new_login_needed: bool = Field(default=False, description="The config wants what the grant does not give.")
    wrong_account: bool = False
    used_by: tuple[UsedBy, ...] = ()
    attempts: tuple[Attempt, ...] = Field(
        default=(),
        description="The last ten, newest first; only in answers about this one token, not in lists and events.",
    )
