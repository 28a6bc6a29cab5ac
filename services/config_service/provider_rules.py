"""What is known about Google and Microsoft: settings without which a login is refused or does not last.

Google, "Using OAuth 2.0 for Web Server Applications" (access_type, prompt); Microsoft, "Authenticate an IMAP, POP or
SMTP connection using OAuth" (scopes, tenants).
"""

from typing import Final

from grantkeeper.oauth2.discovery import endpoints, host
from schemas.token_config import RequestType, TokenConfig
from services.config_service.notes import Notes
from services.config_service.znuny import yaml_path

_GOOGLE: Final = frozenset({"accounts.google.com", "oauth2.googleapis.com"})
_MICROSOFT: Final = frozenset(
    {"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"}
)
_SHARED_TENANTS: Final = frozenset({"common", "consumers", "organizations"})
_SCOPE: Final = yaml_path(("scope",))


def check_provider(config: TokenConfig, notes: Notes) -> None:
    """Note what the providers' own documentation warns of."""
    known = endpoints(config)
    urls = (known.authorization, known.token_by_code, known.token_by_client_credentials, config.options.issuer)
    hosts = {host(url) for url in urls if url is not None}
    if config.auth_flow == "JWTBearer":
        _check_service_account(config, notes)
    elif config.auth_flow == "ClientCredentials":
        _check_client_credentials(config, notes, microsoft=not hosts.isdisjoint(_MICROSOFT))
    elif not hosts.isdisjoint(_GOOGLE):
        _check_google(config, notes)
    elif not hosts.isdisjoint(_MICROSOFT):
        _check_microsoft(config, notes)


def _check_google(config: TokenConfig, notes: Notes) -> None:
    block = config.requests.get("AuthorizationCode")
    given = {} if block is None else {**block.parameters, **block.autofill}
    path = yaml_path(("requests", "AuthorizationCode", "parameters"))
    if given.get("access_type") != "offline":
        message = "Google gives no refresh token without it: the login lasts one hour."
        notes.warning("google_access_type", path, message, "Add `access_type: offline`.")
    if "consent" not in given.get("prompt", ""):
        message = "Google gives a refresh token at the first login only, unless it is asked to ask."
        notes.warning("google_prompt", path, message, "Add `prompt: consent`.")


def _check_microsoft(config: TokenConfig, notes: Notes) -> None:
    if "offline_access" not in (config.scope or "").split():
        message = "Microsoft gives no refresh token without it: the login lasts one hour."
        notes.warning("microsoft_offline_access", _SCOPE, message, "Add offline_access to the scope.")
    types: tuple[RequestType, ...] = ("TokenByAuthorizationCode", "TokenByRefreshToken")
    for kind in types:
        block = config.requests.get(kind)
        if block is not None and "scope" not in {*block.parameters, *block.autofill}:
            message = "Microsoft asks for the scope in this request (AADSTS900144)."
            path = yaml_path(("requests", kind, "autofill"))
            notes.warning("microsoft_scope", path, message, "Add `scope: Scope`.")
    refresh = config.requests.get("TokenByRefreshToken")
    if refresh is not None and refresh.response and "RefreshToken" not in refresh.response.values():
        message = "Microsoft replaces the refresh token at every refresh; it is read all the same."
        path = yaml_path(("requests", "TokenByRefreshToken", "response"))
        notes.warning("microsoft_refresh_token", path, message, "Add `refresh_token: RefreshToken`.")


def _check_service_account(config: TokenConfig, notes: Notes) -> None:
    if config.options.mailbox_login is None and not notes.template:
        message = "A service account has no mailbox of its own: whose mail it opens is not said."
        path = yaml_path(("options", "mailbox_login"))
        notes.warning("jwt_subject_missing", path, message, "Write the mailbox as MailboxLogin.")


def _check_client_credentials(config: TokenConfig, notes: Notes, *, microsoft: bool) -> None:
    if not microsoft:
        return
    url = endpoints(config).token_by_client_credentials or config.options.issuer or ""
    if not _SHARED_TENANTS.isdisjoint(url.split("/")) and not notes.template:
        message = "A program logs in to one tenant; common, consumers and organizations are refused."
        path = yaml_path(("requests", "TokenByClientCredentials", "url"))
        notes.warning("microsoft_tenant", path, message, "Put the tenant's id into the address.")
    if any(not scope.endswith("/.default") for scope in (config.scope or "").split()):
        message = "A program gets what its app registration has; single permissions and offline_access are refused."
        notes.warning("microsoft_default_scope", _SCOPE, message, "Write `https://outlook.office365.com/.default`.")
