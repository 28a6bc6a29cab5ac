"""Named bad answers for faults on command: what providers really say when something is wrong.

A name is `oauth:<error>`, `microsoft:<AADSTS number>`, `google:<name>`, `other:<provider>_<what>` or `proxy:<name>`;
`names()` lists them all. Sources: RFC 6749 section 5.2, RFC 8628 section 3.5; Microsoft's AADSTS list; the providers'
documents and what their users report.
"""

from typing import Any

from devstack.provider.answer import Answer, json_answer
from devstack.provider.wording import google_error, microsoft_error

HTML = "text/html; charset=utf-8"


def _json(status: int, /, **body: Any) -> Answer:
    return json_answer(body, status)


# error -> status
OAUTH = {
    "invalid_request": 400,
    "invalid_client": 401,
    "invalid_grant": 400,
    "unauthorized_client": 400,
    "unsupported_grant_type": 400,
    "invalid_scope": 400,
    "invalid_target": 400,
    "invalid_resource": 400,
    "interaction_required": 400,
    "login_required": 400,
    "consent_required": 400,
    "access_denied": 400,
    "temporarily_unavailable": 503,
    "server_error": 500,
    "authorization_pending": 400,
    "slow_down": 400,
    "expired_token": 400,
    "use_dpop_nonce": 400,
}

# AADSTS number -> status, error, suberror, text
MICROSOFT: dict[int, tuple[int, str, str | None, str]] = {
    50020: (
        400,
        "interaction_required",
        None,
        "User account does not exist in tenant and cannot access the application",
    ),
    50034: (400, "invalid_grant", None, "The user account does not exist in the directory"),
    50053: (400, "invalid_grant", None, "The account is locked"),
    50055: (400, "invalid_grant", None, "The password is expired"),
    50057: (400, "invalid_grant", None, "The user account is disabled"),
    50076: (400, "invalid_grant", "basic_action", "You must use multi-factor authentication"),
    50079: (400, "interaction_required", "basic_action", "You must enroll in multi-factor authentication"),
    50105: (400, "invalid_grant", None, "The signed in user is not assigned to a role for the application"),
    50173: (400, "invalid_grant", "bad_token", "The provided grant has expired due to it being revoked"),
    50194: (400, "invalid_request", None, "Application is not configured as a multi-tenant application"),
    50196: (
        400,
        "invalid_grant",
        None,
        "The server terminated an operation because it encountered a client request loop",
    ),
    53003: (400, "invalid_grant", "message_only", "Access has been blocked by Conditional Access policies"),
    530032: (400, "access_denied", None, "User blocked due to risk on home tenant"),
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
    70019: (400, "expired_token", None, "Verification code expired"),
    70043: (400, "invalid_grant", "token_expired", "The refresh token has expired due to sign-in frequency checks"),
    90002: (400, "invalid_request", None, "Tenant not found"),
    90033: (503, "temporarily_unavailable", None, "A transient error has occurred"),
    90055: (429, "temporarily_unavailable", None, "The tenant is throttled"),
    90092: (400, "server_error", None, "Non-retryable error has occurred"),
    90094: (403, "access_denied", None, "Admin consent is required for the permissions requested"),
    650052: (400, "invalid_client", None, "The app needs access to a service your organization has not subscribed to"),
    700016: (400, "unauthorized_client", None, "Application was not found in the directory"),
    700025: (401, "invalid_client", None, "Client is public so no client_secret should be presented"),
    700027: (401, "invalid_client", None, "The certificate used to sign the client assertion is not registered"),
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
    "disabled_client": (401, "disabled_client", "The OAuth client was disabled.", None),
    "invalid_scope": (400, "invalid_scope", "Some requested scopes were invalid.", None),
    "invalid_jwt_signature": (400, "invalid_grant", "Invalid JWT Signature.", None),
    "org_internal": (403, "org_internal", "Restricted to users within its organization.", None),
    "not_a_test_user": (403, "access_denied", "The developer has not given you access to this app.", None),
    "redirect_uri_mismatch": (400, "redirect_uri_mismatch", "Bad Request", None),
    "quota": (403, "quota_exceeded", "Quota exceeded.", None),
    "rate_limit": (403, "rate_limit_exceeded", "Too many new users for this project", None),
    "internal_failure": (500, "internal_failure", "Backend Error", None),
}

# What is no provider of the four, and says no in its own way: name -> answer
OTHER: dict[str, Answer] = {
    "github_bad_refresh_token": _json(200, error="bad_refresh_token", error_description="incorrect or expired"),
    "slack_invalid_refresh_token": _json(200, ok=False, error="invalid_refresh_token"),
    "atlassian_rotated": _json(403, error="invalid_grant", error_description="Unknown or invalid refresh token."),
    "keycloak_reused": _json(
        400, error="invalid_grant", error_description="Maximum allowed refresh token reuse exceeded"
    ),
    "keycloak_wrong_secret": _json(401, error="unauthorized_client", error_description="Invalid client credentials"),
    "zoho_too_many": _json(400, error="Access Denied", error_description="Too many requests", status="failure"),
    "yahoo_refresh_token": _json(
        400, error="INVALID_REFRESH_TOKEN", error_description="Failed to decode refresh token"
    ),
    "unheard_of": _json(400, error="something_new", error_description="of a provider of tomorrow"),
    "api_error": _json(403, error={"code": 403, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}),
}

PROXY: dict[str, Answer] = {
    "bad_gateway": Answer(502, b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", HTML),
    "forbidden": Answer(403, b"<html><body><h1>Request blocked</h1><p>Incident 4711</p></body></html>", HTML),
    "unavailable": Answer(
        503, b"<html><body><h1>503 Service Unavailable</h1></body></html>", HTML, {"retry-after": "5"}
    ),
    "time_out": Answer(504, b"<html><head><title>504 Gateway Time-out</title></head></html>", HTML),
    "login": Answer(407, b"<html><body>Proxy Authentication Required</body></html>", HTML),
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
        *(f"other:{name}" for name in OTHER),
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
    if family == "other":
        return OTHER[member]
    if family == "proxy":
        return PROXY[member]
    raise KeyError(name)
