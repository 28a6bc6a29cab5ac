"""Why the provider says no, once: the OAuth code, and how Google and Microsoft would word it.

Sources: RFC 6749 section 5.2; Microsoft's list of AADSTS numbers (entra-docs `reference-error-codes.md`).
"""

from dataclasses import dataclass
from enum import Enum

from devstack.provider.answer import Answer, json_answer
from devstack.provider.settings import Flavour
from devstack.provider.wording import google_error, microsoft_error

UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Refusal:
    error: str
    description: str
    aadsts: int
    status: int = 400
    google: str = "Bad Request"


class Reason(Enum):
    """Every reason of a token, revocation or introspection endpoint."""

    MALFORMED = Refusal("invalid_request", "the request is no well-formed form", 90014)
    MISSING = Refusal("invalid_request", "a required parameter is missing", 900144)
    CLIENT_UNKNOWN = Refusal("invalid_client", "client unknown", 700016, 401, "The OAuth client was not found.")
    SECRET_WRONG = Refusal("invalid_client", "client secret wrong", 7000215, 401, "Unauthorized")
    SECRET_MISSING = Refusal("invalid_client", "client authentication missing", 7000218, 401, "Unauthorized")
    SECRET_UNWANTED = Refusal("invalid_client", "a public client has no secret to send", 700025, 401, "Unauthorized")
    ASSERTION_WRONG = Refusal("invalid_client", "client assertion refused", 700027, 401, "Invalid JWT Signature.")
    GRANT_TYPE_UNKNOWN = Refusal("unsupported_grant_type", "grant type unknown", 70003)
    GRANT_TYPE_FORBIDDEN = Refusal("unauthorized_client", "this client may not use this grant type", 700016)
    CODE_UNKNOWN = Refusal("invalid_grant", "code unknown", 70000)
    CODE_EXPIRED = Refusal("invalid_grant", "code expired", 70008)
    CODE_REDEEMED = Refusal("invalid_grant", "code used before; its tokens are revoked", 54005)
    CODE_FOREIGN = Refusal("invalid_grant", "code issued to another client", 70000)
    REDIRECT_MISMATCH = Refusal("invalid_grant", "redirect_uri is not the one of the authorization", 50011)
    VERIFIER_WRONG = Refusal("invalid_grant", "code_verifier does not match", 501481)
    REFRESH_UNKNOWN = Refusal("invalid_grant", "refresh token unknown", 70000)
    REFRESH_EXPIRED = Refusal(
        "invalid_grant", "refresh token expired", 700082, google="Token has been expired or revoked."
    )
    REFRESH_REUSED = Refusal("invalid_grant", "refresh token used before; the whole family is revoked", 70000)
    GRANT_REVOKED = Refusal("invalid_grant", "grant revoked", 50173, google="Token has been expired or revoked.")
    ASSERTION_INVALID = Refusal("invalid_grant", "assertion refused", 500133, google="Invalid JWT Signature.")
    DEVICE_PENDING = Refusal("authorization_pending", "the person has not decided yet", 70016)
    DEVICE_TOO_SOON = Refusal("slow_down", "asked too soon: wait five seconds longer from now on", 50196)
    DEVICE_DENIED = Refusal("access_denied", "the person denied access", 70017)
    DEVICE_CODE_EXPIRED = Refusal("expired_token", "the device code has ended", 70019)
    DEVICE_CODE_UNKNOWN = Refusal("invalid_grant", "device code unknown or used before", 70018)
    SCOPE_WIDER = Refusal("invalid_scope", "scope exceeds what was granted", 70011)
    SCOPE_UNKNOWN = Refusal("invalid_scope", "scope unknown", 70011)
    TOKEN_GONE = Refusal("invalid_token", "token expired or revoked", 70000, google="Token expired or revoked")


class Refused(Exception):
    """Raised by an endpoint's rules; `refusal` words it for the realm."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value.description)
        self.reason = reason


def refusal(reason: Reason, flavour: Flavour, now: float) -> Answer:
    """The error answer of RFC 6749 section 5.2, worded as `flavour` words it."""
    row = reason.value
    headers = {"www-authenticate": 'Basic realm="token endpoint"'} if row.status == UNAUTHORIZED else {}
    if flavour is Flavour.MICROSOFT:
        return json_answer(microsoft_error(row.error, row.aadsts, row.description, now), row.status, headers)
    if flavour is Flavour.GOOGLE:
        return json_answer(google_error(row.error, row.google), row.status, headers)
    return json_answer({"error": row.error, "error_description": row.description}, row.status, headers)
