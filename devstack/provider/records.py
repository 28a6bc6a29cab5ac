"""What the provider remembers. Tokens and codes are known by the sha256 of their text, never by the text."""

import hashlib
from dataclasses import dataclass, field

# Enough to tell records apart in a journal, far too little to guess anything from.
FINGERPRINT_LENGTH = 16


def digest(secret_text: str) -> str:
    return hashlib.sha256(secret_text.encode()).hexdigest()


def fingerprint(secret_text: str) -> str:
    return digest(secret_text)[:FINGERPRINT_LENGTH]


@dataclass(frozen=True, slots=True)
class Pair:
    """The texts of what was last issued, in memory alone, for realms and faults that answer the same again."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)


@dataclass(slots=True)
class Grant:
    """What one consent yielded: the family of all tokens issued from it. Revoking it ends them all."""

    id: str
    realm: str
    client_id: str
    login: str
    scope: tuple[str, ...]
    created_at: float
    revoked_at: float | None = None
    revoked_by: str | None = None  # user, client, reuse or code_replay
    latest: Pair | None = field(default=None, repr=False)


@dataclass(slots=True)
class Code:
    id: str
    realm: str
    client_id: str
    redirect_uri: str
    login: str
    scope: tuple[str, ...]
    challenge: str | None
    nonce: str | None
    offline: bool
    expires_at: float
    forget_at: float
    grant_id: str | None = None  # set once redeemed: a second try ends this grant


@dataclass(slots=True)
class DeviceCode:
    """A login on another device; the person's decision is None until there is one."""

    id: str
    realm: str
    client_id: str
    user_code: str
    scope: tuple[str, ...]
    interval: int
    expires_at: float
    forget_at: float
    login: str | None = None
    decision: str | None = None  # allowed or denied
    asked_at: float | None = None
    grant_id: str | None = None  # set once redeemed


@dataclass(slots=True)
class AccessToken:
    """`login` is None for client credentials: such a token speaks for the client alone."""

    id: str
    realm: str
    client_id: str
    login: str | None
    scope: tuple[str, ...]
    issued_at: float
    expires_at: float
    forget_at: float
    grant_id: str | None


@dataclass(slots=True)
class RefreshToken:
    id: str
    grant_id: str
    issued_at: float
    expires_at: float | None
    forget_at: float | None = None
    used_at: float | None = None
    answered: Pair | None = field(default=None, repr=False)


@dataclass(slots=True)
class Consent:
    """The user has allowed the client these scopes: the page need not be shown again."""

    id: str
    realm: str
    client_id: str
    login: str
    scope: tuple[str, ...]


@dataclass(slots=True)
class Document:
    """Anything else that must survive a restart: a client changed at run time, the signing key."""

    id: str
    body: str = field(repr=False)


Mortal = Code | DeviceCode | AccessToken | RefreshToken
Record = Grant | Consent | Document | Mortal


def consent_id(realm: str, client_id: str, login: str) -> str:
    return digest(f"{realm}\n{client_id}\n{login}")
