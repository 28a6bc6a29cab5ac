"""One document of `grants` as values: the config's public half, the grant, and what is in progress about it.

Times are aware UTC and the database's: whoever passes `now` has it from there. Encrypted values are opaque here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Protocol, Self, get_args

from schemas.reasons import AttemptClass, FaultScope, PublicState
from schemas.token_config import SaslMechanism, TokenConfig, Validity
from schemas.token_status import LastError

GrantState = Literal["none", "authorized", "reauthorization_required", "revoked"]


CLOCK_TOLERANCE: Final = timedelta(seconds=60)
"""Between the servers of a replica set, and between a reading of its clock and its use."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom a refresh token was granted to and by; a config that names others needs a new login."""

    client_id: str
    host: str
    """host[:port] of the token endpoint, of the issuer where the endpoint comes by discovery."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A refresh token that came back after another one had been stored: kept, never used by itself."""

    refresh_token: str = field(repr=False)
    generation: int
    at: datetime
    fingerprint: str | None = None
    """None = put aside by an earlier version."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What an authorization yielded, as stored; every secret is encrypted."""

    state: GrantState = "none"
    generation: int = 0
    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    fingerprint: str | None = None
    previous_refresh_token: str | None = field(default=None, repr=False)
    """The one before, kept until the new one has worked once."""
    previous_fingerprint: str | None = None
    falls_back: bool = False
    """The next attempt sends the previous refresh token: the stored one was refused after an unknown outcome."""
    obtained_at: datetime | None = None
    expires_at: datetime | None = None
    renew_at: datetime | None = None
    """From when the provider wants to be asked for another access token; None = it has not said."""
    refresh_token_expires_at: datetime | None = None
    """When it ends unless used before; a use may move it."""
    ends_at: datetime | None = None
    """When the whole grant ends, whatever is done."""
    authorized_at: datetime | None = None
    authorization: str | None = None
    """Hash of the state of the login that yielded this grant, or the name of the adoption (`adoption_of`)."""
    scope: str | None = None
    asked_scope: str | None = None
    account: str | None = None
    origin: Origin | None = None
    token_host: str | None = None
    """host[:port] of the token endpoint that answered: the refresh token goes to no other."""
    unknown: int = 0
    """How often the refresh token was sent without learning the outcome, since the last success."""
    lost_rotation: bool = False
    quarantine: tuple[Quarantined, ...] = ()
    shared_with: str | None = None
    """Another config that held the same refresh token when that was looked for last."""

    def is_live(self, now: datetime) -> bool:
        """Tell whether the access token is good right now."""
        return is_live(self, now)

    def holds(self, fingerprint: str) -> bool:
        """Tell whether a refresh token is kept here: in use, as the one before, or put aside.

        By its fingerprint: what is encrypted anew looks like another one.
        """
        kept = (each.fingerprint for each in self.quarantine)
        return fingerprint in (self.fingerprint, self.previous_fingerprint, *kept)


class Dated(Protocol):
    """An access token with its times."""

    @property
    def access_token(self) -> str | None: ...
    @property
    def obtained_at(self) -> datetime | None: ...
    @property
    def expires_at(self) -> datetime | None: ...


def is_live(held: Dated, now: datetime) -> bool:
    """Tell whether an access token is good right now.

    One that was obtained in the future is not: the database's clock went back, and nobody knows for how long it is.
    """
    if held.access_token is None or held.expires_at is None:
        return False
    clock_went_back = held.obtained_at is not None and held.obtained_at > now + CLOCK_TOLERANCE
    return held.expires_at > now and not clock_went_back


@dataclass(frozen=True, slots=True)
class Lease:
    """The exclusive right to one attempt; one that is found expired means that an outcome is unknown."""

    token: str
    until: datetime


WishKind = Literal["start", "complete", "device", "revoke", "adopt", "refresh", "report_rejected"]
EVERY_KIND: Final[frozenset[WishKind]] = frozenset(get_args(WishKind))
FORCED: Final[frozenset[WishKind]] = frozenset({"refresh", "report_rejected"})
"""Kinds that want a newer access token than that of the generation they name; any attempt ends them."""
OF_ADMINS: Final[frozenset[WishKind]] = frozenset({"start", "complete", "device", "adopt", "revoke", "refresh"})
"""What is worked on even where the client is paused: a person who asks is answered by the provider. What a mail module
wishes waits for its client like every refresh."""
ATTEMPTS_KEPT: Final = 10
"""Of each record: enough to see when trouble began, little enough to be written with every ending."""


@dataclass(frozen=True, slots=True)
class Waiter:
    """Somebody who is answered by whoever ends the attempt."""

    id: str
    """`<principal>:<message id>`: the same question asked twice waits once."""
    reply_to: Mapping[str, Any]
    min_validity: int = 0
    deadline: datetime | None = None
    renamed: bool = False

    def is_gone(self, now: datetime) -> bool:
        """Tell whether nobody listens for this answer any more."""
        return self.deadline is not None and self.deadline <= now


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that the attempt loop is to do for an admin or a mail module."""

    id: str
    kind: WishKind
    actor: str
    generation: int | None = None
    code: str | None = field(default=None, repr=False)
    """The authorization code of a `complete`, the refresh token of an `adopt`; encrypted."""
    askers: tuple[Waiter, ...] = ()
    nonce_hash: str | None = None
    """Of a `start`: binds the login to a browser."""
    origin: Origin | None = None
    """Of an `adopt`: whom the config named when the refresh token was handed in; it goes to nobody else."""

    def is_overtaken(self, grant: Grant) -> bool:
        """Tell whether the access token that it wants renewed is not the stored one any more."""
        return self.kind in FORCED and self.generation != grant.generation

    def askers_in(self, record: "Record") -> tuple[Waiter, ...]:
        """Return who asked for it by now: some may have joined after it was claimed."""
        return next((known.askers for known in record.wishes if known.id == self.id), self.askers)


def adoption_of(fingerprint: str) -> str:
    """Name the wish to adopt a refresh token, and later the grant that came of it, whatever replaced it since."""
    return f"adopt:{fingerprint}"


@dataclass(frozen=True, slots=True)
class DeviceLogin:
    """A login on another device in progress (RFC 8628)."""

    id: str
    device_code: str = field(repr=False)
    """Encrypted."""
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    origin: Origin
    scope: str | None
    actor: str
    interval: int
    """Seconds between two questions to the provider."""
    poll_at: datetime
    expires_at: datetime

    @property
    def state_hash(self) -> str:
        """What a grant remembers of the login that it comes from."""
        return self.id


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to a token endpoint, or one that was refused before it was sent: for people, without secrets."""

    at: datetime
    outcome: AttemptClass
    latency_ms: int
    code: str | None = None
    http_status: int | None = None
    correlation_id: str | None = None
    """The provider's own id of the request."""


LOST_ATTEMPT: Final = Attempt(datetime.min.replace(tzinfo=UTC), "ambiguous", 0, "outcome_unknown")
"""What is written, with its own time, of an attempt whose process ended before it could say what came of it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One grant with all that belongs to it."""

    config_id: str
    config: TokenConfig
    """Without its secret."""
    revision: int
    config_sequence: int
    client: str
    """Hash that names the client: issuer, else exact token URL, and client id."""
    origin: Origin
    """The client and token host that the config names now."""
    created_at: datetime
    changed_at: datetime
    secret: str | None = field(default=None, repr=False)
    """The client secret, sealed to the installation."""
    former_names: tuple[str, ...] = ()
    deleted: bool = False
    purged: bool = False
    grant: Grant = Grant()
    lease: Lease | None = None
    due: datetime | None = None
    not_before: datetime | None = None
    failures: int = 0
    last_error: LastError | None = None
    error_scope: FaultScope | None = None
    authorizing_until: datetime | None = None
    device: DeviceLogin | None = None
    wishes: tuple[Wish, ...] = ()
    waiters: tuple[Waiter, ...] = ()
    state: PublicState = "not_authorized"
    sequence: int = 0
    told: Mapping[str, str] = field(default_factory=dict)
    """Open expiry causes: kind -> the stage that was told last."""
    attempts: tuple[Attempt, ...] = ()
    """The last ones, oldest first."""
    used_by: Mapping[str, str] = field(default_factory=dict)
    """Principal -> the last day (ISO date) on which it got the access token."""

    @property
    def name(self) -> str:
        """Return the current name."""
        return self.config.name

    @property
    def mints(self) -> bool:
        """Tell whether new access tokens need no refresh token."""
        return self.config.mints

    @property
    def is_off(self) -> bool:
        """Tell whether nobody gets an access token."""
        return self.deleted or self.purged or self.config.validity != "valid"


@dataclass(frozen=True, slots=True)
class Servable:
    """What of a record decides whether its access token is handed out at once, and what goes out with it.

    Read by itself where somebody asks for an access token: a whole record costs three times as much.
    """

    config_id: str
    name: str
    former_names: tuple[str, ...]
    revision: int
    validity: Validity
    deleted: bool
    purged: bool
    state: GrantState
    generation: int
    access_token: str | None = field(repr=False)
    obtained_at: datetime | None
    expires_at: datetime | None
    account: str | None
    mailbox_login: str | None
    mechanism: SaslMechanism
    servers: Mapping[str, str]
    """Of the mailbox, as in the config: kind -> host:port."""

    @classmethod
    def of(cls, record: Record) -> Self:
        """Take it from a whole record."""
        config, grant = record.config, record.grant
        return cls(
            record.config_id,
            config.name,
            record.former_names,
            record.revision,
            config.validity,
            record.deleted,
            record.purged,
            grant.state,
            grant.generation,
            grant.access_token,
            grant.obtained_at,
            grant.expires_at,
            grant.account,
            config.options.mailbox_login,
            config.options.mechanism,
            config.options.servers.model_dump(exclude_none=True),
        )
