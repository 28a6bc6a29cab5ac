"""What a console may have to show: tokens in each state, notifications, templates, reports. All made up."""

from datetime import UTC, datetime, timedelta
from typing import Any

from grantkeeper.crypto.ring import VaultRing
from schemas.admin_notifications import NotificationChanged
from schemas.config_commands import ConfigImport
from schemas.config_results import (
    ConfigHistoryPage,
    ConfigSaved,
    ConfigView,
    HistoryEntry,
    ImportReport,
    RecordOutcome,
    RecordReport,
    TemplatePage,
    TemplateView,
)
from schemas.envelope import Message
from schemas.findings import Finding
from schemas.reasons import NotificationKind
from schemas.token_config import Options, RequestBlock, TokenConfig
from schemas.token_requests import AuthorizationStarted, DeviceAuthorizationStarted, TokenPage, TokenStatusView
from schemas.token_status import Attempt, LastError, TokenStatus, UsedBy

NOW = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
CLIENT = "c" * 64


def installation() -> VaultRing:
    """Rings of an installation of its own."""
    return VaultRing.new("test")


def config(**changes: Any) -> TokenConfig:
    """A config like Google Mail's."""
    values: dict[str, Any] = {
        "name": "Support",
        "template": "Google Mail",
        "client_id": "client-1",
        "scope": "https://mail.google.com/",
        "requests": {
            "AuthorizationCode": RequestBlock(url="https://accounts.google.com/o/oauth2/v2/auth"),
            "TokenByAuthorizationCode": RequestBlock(url="https://oauth2.googleapis.com/token"),
            "TokenByRefreshToken": RequestBlock(url="https://oauth2.googleapis.com/token"),
        },
        "options": Options(mailbox_login="support@example.test", setup_hint="Create an OAuth client of type Web."),
        **changes,
    }
    return TokenConfig(**values)


def config_id(number: int) -> str:
    """A UUIDv7 that says which."""
    return f"0192f000-0000-7000-8000-{number:012x}"


def view(number: int = 1, **changes: Any) -> ConfigView:
    """A stored config."""
    stored = changes.pop("config", config())
    values: dict[str, Any] = {
        "config_id": config_id(number),
        "name": stored.name,
        "template": stored.template,
        "revision": 3,
        "client_secret_set": True,
        "client_secret_set_at": NOW - timedelta(days=21),
        "config": stored,
        "text": "Name: Support\n",
        "created_at": NOW - timedelta(days=30),
        "created_by": "anna",
        "changed_at": NOW - timedelta(days=2),
        "changed_by": "ben",
        **changes,
    }
    return ConfigView(**values)


def status(number: int = 1, **changes: Any) -> TokenStatus:
    """A token's public state: healthy where nothing else is said."""
    values: dict[str, Any] = {
        "config_id": config_id(number),
        "name": "Support",
        "template": "Google Mail",
        "validity": "valid",
        "state": "active",
        "revision": 3,
        "generation": 7,
        "sequence": 20,
        "changed_at": NOW - timedelta(minutes=19),
        "client": CLIENT,
        "client_id": "client-1",
        "account": "support@example.test",
        "mailbox_login": "support@example.test",
        "scope": "https://mail.google.com/",
        "authorized_at": NOW - timedelta(days=12),
        "expires_at": NOW + timedelta(minutes=41),
        "has_refresh_token": True,
        "last_refresh_at": NOW - timedelta(minutes=19),
        "next_refresh_at": NOW + timedelta(minutes=29),
        **changes,
    }
    return TokenStatus(**values)


GONE: dict[str, Any] = {"expires_at": NOW - timedelta(hours=2), "next_refresh_at": None}
NEW: dict[str, Any] = {
    "generation": 0,
    "account": None,
    "expires_at": None,
    "has_refresh_token": False,
    "next_refresh_at": None,
    "last_refresh_at": None,
    "authorized_at": None,
    "scope": None,
}
UNUSED = LastError(
    at=NOW - timedelta(hours=2),
    meaning="reauthorization",
    code="invalid_grant",
    text="invalid_grant (error code 700082): AADSTS700082: the refresh token was unused for 90 days",
    cure_id="sign-in-again",
    cure="Request a new token.",
)
BUSY = LastError(
    at=NOW - timedelta(minutes=1),
    meaning="transient",
    code="503",
    text="the provider answered 503",
    cure_id="none",
    cure="",
)
SECRET_ENDED = LastError(
    at=NOW - timedelta(hours=2),
    meaning="client_fault",
    code="invalid_client",
    text="invalid_client (error code 7000222): the provided client secret keys are expired",
    cure_id="entra-secret-ended",
    cure="Make a new secret.",
)


def fleet() -> list[TokenStatus]:
    """One token of each state, as an admin may find them."""
    return [
        status(1, used_by=(UsedBy(principal="mail-1", day=NOW.date()),)),
        of("billing", 2, state="retrying", failures=3, last_error=BUSY, next_refresh_at=NOW + timedelta(seconds=40)),
        of(
            "orders",
            3,
            template="Microsoft Exchange Online",
            state="reauthorization_required",
            last_error=UNUSED,
            **GONE,
        ),
        status(4, **{**NEW, "name": "HR intake", "state": "not_authorized", "mailbox_login": None}),
        of("archive", 5, state="off", validity="invalid", next_refresh_at=None),
        of("sales", 6, **{**NEW, "state": "authorizing"}),
        of("payroll", 7, state="expired", failures=12, last_error=BUSY, **{**GONE, "next_refresh_at": NOW}),
        of("contoso", 8, state="client_fault", last_error=SECRET_ENDED, **GONE),
        of("press", 9, **{**NEW, "state": "revoked", "generation": 4}),
        wrong_mailbox(10),
    ]


def of(mailbox: str, number: int, **changes: Any) -> TokenStatus:
    """A token named after its mailbox."""
    address = f"{mailbox}@example.test"
    return status(number, **{"name": mailbox.capitalize(), "account": address, "mailbox_login": address, **changes})


def wrong_mailbox(number: int) -> TokenStatus:
    """Somebody logged in with her own account; its scope and its secret need a look too."""
    return status(
        number,
        name="Legal",
        account="anna@example.test",
        mailbox_login="legal@example.test",
        wrong_account=True,
        new_login_needed=True,
        client_secret_ends=(NOW + timedelta(days=7)).date(),
    )


def page(rows: list[TokenStatus], total: int | None = None) -> TokenPage:
    """A page of the overview."""
    states: dict[Any, int] = {}
    for one in rows:
        states[one.state] = states.get(one.state, 0) + 1
    return TokenPage(rows=tuple(rows), total=len(rows) if total is None else total, states=states)


def template(**changes: Any) -> TemplateView:
    """The template Google Mail."""
    of = config(name="Google Mail", client_id=None, options=Options(setup_hint="Create an OAuth client of type Web."))
    values: dict[str, Any] = {
        "slug": "google-mail",
        "name": "Google Mail",
        "auth_flow": "AuthorizationCode",
        "scope": of.scope,
        "redirect_slug": "google-mail",
        "needs": ("client_id", "client_secret"),
        "config": of,
        **changes,
    }
    return TemplateView(**values)


def templates(*found: TemplateView) -> TemplatePage:
    """All templates."""
    return TemplatePage(templates=found or (template(),))


def known(one: TokenStatus) -> TokenStatusView:
    """The answer about one token."""
    return TokenStatusView(status=one)


def saved(number: int = 1, **changes: Any) -> ConfigSaved:
    """The answer to a save."""
    values: dict[str, Any] = {
        "config_id": config_id(number),
        "name": "Support",
        "revision": 4,
        "validity": "valid",
        **changes,
    }
    return ConfigSaved(**values)


def notification(cause: str, kind: NotificationKind, name: str, hours: int, **changes: Any) -> NotificationChanged:
    """Something that needs a person since some hours."""
    values: dict[str, Any] = {
        "cause": f"{cause}:{kind}",
        "kind": kind,
        "severity": "yellow",
        "state": "open",
        "name": name,
        "title": f"{kind}: {name}",
        "cure_id": "sign-in-again",
        "cure": "Request a new token.",
        "url": f"https://grantkeeper.example.test/{_cure_page(changes.get('config_id'))}",
        "opened_at": NOW - timedelta(hours=hours),
        "sequence": 1,
        **changes,
    }
    return NotificationChanged(**values)


def _cure_page(of_token: str | None) -> str:
    return f"tokens?client={CLIENT}" if of_token is None else f"tokens/{of_token}/authorize"


def notifications() -> list[NotificationChanged]:
    """Five that need a person."""
    orders, new, wrong, client = config_id(3), config_id(4), config_id(10), f"client:{CLIENT}"
    ended = {"severity": "red", "config_id": orders, "text": "AADSTS700082: unused for 90 days"}
    refused = {"severity": "red", "client": CLIENT, "count": 41, "cure": "Make a new client secret and enter it."}
    ending = {"client": CLIENT, "count": 12, "ends_at": NOW + timedelta(days=7)}
    return [
        notification(orders, "expired_refresh_token", "Orders", 2, **ended),
        notification(client, "client_fault", "Contoso", 5, cure_id="entra-secret-ended", **refused),
        notification(client, "client_secret_ends", "Fabrikam", 30, cure="Make a new one before it ends.", **ending),
        notification(new, "never_authorized", "HR intake", 40, config_id=new),
        notification(wrong, "wrong_account", "Legal", 50, config_id=wrong),
    ]


def templates_of_all() -> TemplatePage:
    """Some providers."""
    microsoft = "offline_access https://outlook.office.com/IMAP.AccessAsUser.All"
    scopes = {
        "Google Mail": "https://mail.google.com/",
        "Microsoft Exchange Online": microsoft,
        "Microsoft Outlook (organizations)": microsoft,
        "Generic OIDC": "openid offline_access",
    }
    made = [template(name=name, slug=_slug(name), scope=scope) for name, scope in scopes.items()]
    return templates(*made)


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-").strip("()")


def history() -> ConfigHistoryPage:
    """Two revisions."""
    entries = (
        HistoryEntry(
            revision=2,
            at=NOW - timedelta(days=2),
            actor="ben",
            principal="console",
            action="edited",
            changed=("Config.Scope",),
            difference=("--- revision 1", "+++ revision 2", "@@ -3 +3 @@", "-  Scope: old", "+  Scope: new"),
        ),
        HistoryEntry(revision=1, at=NOW - timedelta(days=9), actor="anna", principal="console", action="created"),
    )
    return ConfigHistoryPage(config_id=config_id(3), name="Orders", entries=entries)


def started() -> AuthorizationStarted:
    """A login that can begin."""
    return AuthorizationStarted(
        config_id=config_id(3),
        name="Orders",
        url="https://login.microsoftonline.com/common/oauth2/v2.0/authorize?client_id=client-1&state=" + "s" * 43,
        redirect_uri="http://127.0.0.1:8090/oauth2/callback/microsoft-exchange-online",
        host="login.microsoftonline.com",
        expected_account="orders@example.test",
        expires_at=NOW + timedelta(minutes=10),
    )


def device_started() -> DeviceAuthorizationStarted:
    """A login by code that can begin."""
    return DeviceAuthorizationStarted(
        config_id=config_id(3),
        name="Orders",
        user_code="WDJB-MJHT",
        verification_uri="https://idp.test/activate",
        verification_uri_complete="https://idp.test/activate?user_code=WDJB-MJHT",
        expected_account="orders@example.test",
        expires_at=NOW + timedelta(minutes=15),
        interval=5,
    )


def attempts() -> tuple[Attempt, ...]:
    """What the provider answered lately."""
    refused = Attempt(
        at=NOW - timedelta(hours=2),
        outcome="reauthorization",
        latency_ms=212,
        code="invalid_grant",
        http_status=400,
        correlation_id="b6f1c0de-0000-4000-8000-000000000001",
    )
    busy = Attempt(at=NOW - timedelta(hours=3), outcome="transient", latency_ms=15_000, code="timeout")
    good = Attempt(at=NOW - timedelta(hours=4), outcome="success", latency_ms=187, http_status=200)
    return (refused, busy, good)


def import_report(message: Message) -> ImportReport:
    """What an import would do: added, overwritten, refused in turn."""
    assert isinstance(message, ConfigImport)
    outcomes: tuple[RecordOutcome, ...] = ("added", "overwritten", "refused")
    finding = Finding(
        level="error", code="no_token_url", field="Config.Requests", line=9, message="no token URL", cure="Add it."
    )
    records = tuple(
        RecordReport(
            index=record.index,
            line=record.line,
            name=f"Record {record.index}",
            outcome=outcomes[number % 3],
            config_id=record.config_id,
            findings=(finding,) if outcomes[number % 3] == "refused" else (),
        )
        for number, record in enumerate(message.records)
    )
    return ImportReport(import_id=message.import_id, chunk=message.chunk, dry_run=message.dry_run, records=records)
