"""Named bad answers for faults on command: what providers really say when something is wrong.

A name is `oauth:<error>`, `microsoft:<AADSTS number>`, `google:<name>` or `proxy:<name>`; `names()` lists them all.
Sources: RFC 6749 section 5.2; Microsoft's AADSTS list; Google's documents and public logs.
"""

from devstack.provider.answer import Answer, json_answer
from devstack.provider.wording import google_error, microsoft_error

HTML = "text/html; charset=utf-8"

# error -> status
OAUTH = {
    "invalid_request": 400,
    "invalid_client": 401,
    "invalid_grant": 400,
    "unauthorized_client": 400,
    "unsupported_grant_type": 400,
    "invalid_scope": 400,
    "invalid_target": 400,
    "interaction_required": 400,
    "login_required": 400,
    "consent_required": 400,
    "access_denied": 400,
    "temporarily_unavailable": 503,
    "server_error": 500,
}

# AADSTS number -> status, error, suberror, text
MICROSOFT: dict[int, tuple[int, str, str | None, str]] = {
    50053: (400, "invalid_grant", None, "The account is locked"),
    50055: (400, "invalid_grant", None, "The password is expired"),
    50057: (400, "invalid_grant", None, "The user account is disabled"),
    50076: (400, "invalid_grant", "basic_action", "You must use multi-factor authentication"),
    50079: (400, "interaction_required", "basic_action", "You must enroll in multi-factor authentication"),
    50105: (400, "invalid_grant", None, "The signed in user is not assigned to a role for the application"),
    50173: (400, "invalid_grant", "bad_token", "The provided grant has expired due to it being revoked"),
    50196: (
        400,
        "invalid_grant",
        None,
        "The server terminated an operation because it encountered a client request loop",
    ),
    53003: (400, "invalid_grant", "message_only", "Access has been blocked by Conditional Access policies"),
    54005: (400, "invalid_grant", None, "OAuth2 Authorization code was already redeemed"),
    65001: (
        400,
        "invalid_grant",
        "consent_required",
        "The user or administrator has not consented to use the application",
    ),
    70000: (400, "invalid_grant", None, "The provided value for the input parameter 'refresh_token' is not valid"),
    70008: (400, "invalid_grant", "token_expired", "The provided authorization code or refresh token has expired"),
    70011: (400, "invalid_scope", None, "The provided value for the input parameter 'scope' is not valid"),
    70043: (400, "invalid_grant", "token_expired", "The refresh token has expired due to sign-in frequency checks"),
    90002: (400, "invalid_request", None, "Tenant not found"),
    90033: (503, "temporarily_unavailable", None, "A transient error has occurred"),
    90055: (429, "temporarily_unavailable", None, "The tenant is throttled"),
    90094: (403, "access_denied", None, "Admin consent is required for the permissions requested"),
    650052: (400, "invalid_client", None, "The app needs access to a service your organization has not subscribed to"),
    700016: (400, "unauthorized_client", None, "Application was not found in the directory"),
    700082: (400, "invalid_grant", "bad_token", "The refresh token has expired due to inactivity"),
    700084: (400, "invalid_grant", "token_expired", "The refresh token was issued to a single page app (SPA)"),
    900144: (400, "invalid_request", None, "The request body must contain the following parameter: 'scope'"),
    7000112: (400, "unauthorized_client", None, "Application is disabled"),
    7000215: (401, "invalid_client", None, "Invalid client secret provided"),
    7000218: (401, "invalid_client", None, "The request body must contain client_assertion or client_secret"),
    7000222: (401, "invalid_client", None, "The provided client secret keys are expired"),
}

# name -> status, error, description, subtype
GOOGLE: dict[str, tuple[int, str, str, str | None]] = {
    "revoked": (400, "invalid_grant", "Token has been expired or revoked.", None),
    "bad_request": (400, "invalid_grant", "Bad Request", None),
    "invalid_rapt": (400, "invalid_grant", "reauth related error (invalid_rapt)", "invalid_rapt"),
    "account_deleted": (400, "invalid_grant", "Account has been deleted", None),
    "clock_skew": (400, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)", None),
    "invalid_client": (401, "invalid_client", "Unauthorized", None),
    "client_not_found": (401, "invalid_client", "The OAuth client was not found.", None),
    "deleted_client": (401, "deleted_client", "The OAuth client was deleted.", None),
    "unauthorized_client": (401, "unauthorized_client", "Client is unauthorized to retrieve access tokens", None),
    "admin_policy": (400, "admin_policy_enforced", "Access restricted by the administrator", None),
    "rate_limit": (403, "rate_limit_exceeded", "Too many new users for this project", None),
    "internal_failure": (500, "internal_failure", "Backend Error", None),
}

PROXY: dict[str, Answer] = {
    "bad_gateway": Answer(502, b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", HTML),
    "forbidden": Answer(403, b"<html><body><h1>Request blocked</h1><p>Incident 4711</p></body></html>", HTML),
    "captive_portal": Answer(200, b"<!doctype html><title>Sign in to the network</title>", HTML),
    "empty": Answer(200, b"", "text/plain"),
    "too_many_requests": Answer(429, b"rate limit exceeded", "text/plain"),
    "moved": Answer(308, b"", "text/plain", {"location": "https://elsewhere.example.test/token"}),
}


def names() -> list[str]:
    return [
        *(f"oauth:{error}" for error in OAUTH),
        *(f"microsoft:{number}" for number in MICROSOFT),
        *(f"google:{name}" for name in GOOGLE),
        *(f"proxy:{name}" for name in PROXY),
    ]


def named_answer(name: str, now: float) -> Answer:
    """The answer called `name`; `KeyError` where there is none (`names()` lists them)."""
    family, _, member = name.partition(":")
    if family == "oauth":
        return json_answer({"error": member, "error_description": "as told by a fault"}, OAUTH[member])
    if family == "microsoft" and member.isdecimal():
        status, error, suberror, text = MICROSOFT[int(member)]
        return json_answer(microsoft_error(error, int(member), text, now, suberror=suberror), status)
    if family == "google":
        status, error, description, subtype = GOOGLE[member]
        return json_answer(google_error(error, description, subtype=subtype), status)
    if family == "proxy":
        return PROXY[member]
    raise KeyError(name)
