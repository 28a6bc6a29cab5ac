"""One golden sample of every message and result: what a consumer in another language tests itself with.

Written by hand and typed, so that a change of a model is a change here; all times are one time, all ids are made up.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from schemas import config_commands as config
from schemas import config_results, expiry_events, notification_commands, replies, token_events, token_status
from schemas import token_requests as token
from schemas.admin_notifications import NotificationChanged
from schemas.config_events import ConfigChanged, ConfigPurged
from schemas.dead_letters import DeadLetter
from schemas.envelope import Message, Model
from schemas.findings import Finding
from schemas.principals import PrincipalChanged
from schemas.token_config import MailServers, Options, RequestBlock, TokenConfig

AT: Final = datetime(2026, 11, 24, 8, 0, 0, 123_000, tzinfo=UTC)
CONFIG_ID: Final = "019ab5a1-7c00-7000-8000-000000000001"
OTHER_ID: Final = "019ab5a1-7c00-7000-8000-000000000002"
NAME: Final = "Support mailbox"
CLIENT: Final = "9f86d081884c7d659a2feaa0c55ad015"
SEALED: Final = "sealed:eyJhbGciOiJFQ0RILUVTIn0..aXY.Y2lwaGVydGV4dA.dGFn"
HOUR: Final = timedelta(hours=1)
TEXT: Final = "Name: Support mailbox\nTemplateName: Microsoft 365\nConfig:\n  ClientID: client-1\n"

_CONFIG: Final = TokenConfig(
    name=NAME,
    template="Microsoft 365",
    client_id="client-1",
    client_secret=SEALED,
    scope="https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
    requests={
        "AuthorizationCode": RequestBlock(
            url="https://login.example/authorize",
            parameters={"response_type": "code"},
            autofill={"client_id": "ClientID", "scope": "Scope"},
        ),
        "TokenByRefreshToken": RequestBlock(
            url="https://login.example/token",
            parameters={"grant_type": "refresh_token"},
            response={"access_token": "Token", "expires_in": "ExpiresIn"},
        ),
    },
    options=Options(mailbox_login="support@example.com", servers=MailServers(imap="imap.example.com:993")),
)
_FINDING: Final = Finding(
    level="warning",
    code="unknown_key",
    field="Config.Colour",
    line=7,
    column=3,
    message="unknown key",
    cure="remove it",
)
_PRINCIPAL: Final = PrincipalChanged(
    principal="mail-1", role="mail", version=1, configs=(CONFIG_ID,), description="Help desk", sequence=1
)
_SAVED: Final = config_results.ConfigSaved(
    config_id=CONFIG_ID, name=NAME, revision=2, validity="valid", changed=("scope",), new_login="advised"
)
_STATUS: Final = token_status.TokenStatus(
    config_id=CONFIG_ID,
    name=NAME,
    template="Microsoft 365",
    validity="valid",
    state="retrying",
    revision=2,
    generation=3,
    sequence=9,
    changed_at=AT,
    client=CLIENT,
    client_id="client-1",
    account="support@example.com",
    servers=MailServers(imap="imap.example.com:993"),
    scope="https://outlook.office.com/IMAP.AccessAsUser.All",
    authorized_at=AT,
    expires_at=AT + HOUR,
    has_refresh_token=True,
    client_secret_ends=date(2027, 1, 31),
    failures=1,
    last_error=token_status.LastError(
        at=AT,
        meaning="transient",
        code="temporarily_unavailable",
        text="temporarily_unavailable: try again later",
        cure_id="provider_busy",
        cure="Nothing to do: it is tried again.",
    ),
    used_by=(token_status.UsedBy(principal="mail-1", day=date(2026, 11, 24)),),
)
_ATTEMPT: Final = token_status.Attempt(
    at=AT, outcome="transient", latency_ms=310, code="temporarily_unavailable", http_status=503, correlation_id="7f0c"
)
_NOTIFICATION: Final = NotificationChanged(
    cause=f"{CONFIG_ID}:expired_refresh_token",
    kind="expired_refresh_token",
    severity="red",
    state="open",
    config_id=CONFIG_ID,
    name=NAME,
    title="Support mailbox needs a new login",
    cure_id="login_again",
    cure="Request a new token.",
    url=f"https://grantkeeper.example/tokens/{CONFIG_ID}/authorize",
    opened_at=AT,
    sequence=1,
)

MESSAGES: Final[tuple[Message, ...]] = (
    config.ConfigCreate(
        config_id=CONFIG_ID,
        template="Microsoft 365",
        fields=config.FieldEdits(name=NAME, client_id="client-1", client_secret=SEALED),
        actor="jo",
    ),
    config.ConfigUpdate(
        config_id=CONFIG_ID, expected_revision=1, fields=config.FieldEdits(scope="Mail.Read", clear=("client_secret",))
    ),
    config.ConfigSetValidity(config_id=CONFIG_ID, validity="invalid-temporarily", expected_revision=2),
    config.ConfigDelete(config_id=CONFIG_ID, expected_revision=2),
    config.ConfigUndelete(config_id=CONFIG_ID),
    config.ConfigReleaseName(config_id=CONFIG_ID, name="Old name"),
    config.ConfigGet(config=NAME),
    config.ConfigHistory(config=CONFIG_ID, before_revision=9, limit=20),
    config.ConfigValidate(text=TEXT),
    config.TemplateList(),
    config.ConfigImport(
        import_id=OTHER_ID,
        chunk=0,
        overwrite=True,
        records=(config.ImportRecord(index=0, line=1, config_id=CONFIG_ID, text=TEXT),),
    ),
    config.ConfigExport(configs=(NAME,)),
    config.PrincipalAdd(
        principal="mail-1", role="mail", configs=(CONFIG_ID,), description="Help desk", expected_sequence=0
    ),
    config.PrincipalDisable(principal="mail-1", expected_sequence=1),
    config.PrincipalList(),
    ConfigChanged(config_id=CONFIG_ID, revision=2, sequence=5, config=_CONFIG, former_names=("Old name",), actor="jo"),
    ConfigPurged(config_id=CONFIG_ID, revision=3, sequence=6),
    _PRINCIPAL,
    token.TokenGet(config=NAME, min_validity=120, min_revision=2),
    token.TokenReportRejected(config=NAME, generation=3),
    token.TokenRefresh(config=CONFIG_ID, generation=3),
    token.TokenRevoke(config=CONFIG_ID, generation=3),
    token.TokenStatusGet(config=NAME),
    token.TokenList(search="support", states=("expired", "retrying"), sort="expires_at", limit=20),
    token.AuthorizationStart(config=CONFIG_ID, nonce_hash="ab" * 32),
    token.AuthorizationComplete(
        config=CONFIG_ID, code=SEALED, state="c3RhdGU", iss="https://login.example", nonce="bm9uY2U"
    ),
    token.AuthorizationDevice(config=NAME),
    token.GrantAdopt(config=CONFIG_ID, refresh_token=SEALED, generation=3),
    token.EngineStatusGet(),
    token.EngineStop(actor="jo"),
    token.EngineResume(actor="jo"),
    token.CredentialIssue(principal="mail-1"),
    token_events.TokenChanged(happened="refresh_failed", status=_STATUS),
    token_events.ClientChanged(
        client=CLIENT,
        client_id="client-1",
        server="https://login.example/token",
        ok=False,
        tokens=12,
        meaning="client_fault",
        code="invalid_client",
        text="invalid_client: AADSTS7000222",
        cure_id="client_secret_expired",
        cure="Make a new client secret at the provider and enter it.",
        sequence=4,
        changed_at=AT,
    ),
    expiry_events.ExpiryReported(
        cause=f"{CONFIG_ID}:expired_refresh_token",
        kind="expired_refresh_token",
        config_id=CONFIG_ID,
        name=NAME,
        template="Microsoft 365",
        cure_id="login_again",
        cure="Request a new token.",
        text="invalid_grant: revoked",
        at=AT,
        sequence=9,
    ),
    expiry_events.ExpiryRecovered(
        causes=(f"{CONFIG_ID}:expired_refresh_token",), config_id=CONFIG_ID, at=AT, sequence=10
    ),
    expiry_events.ConfigWentOff(config_id=CONFIG_ID, why="config_deleted", at=AT, sequence=11),
    _NOTIFICATION,
    notification_commands.NotificationList(states=("open",)),
    notification_commands.NotificationAcknowledge(cause=_NOTIFICATION.cause, sequence=1),
    DeadLetter(
        topic="grantkeeper.token.requests",
        partition=3,
        offset=4711,
        reason="wrong_signature",
        detail="the signature does not fit the message",
        service="refresher",
        at=AT,
    ),
    replies.Reply(ok=True, result={"config_id": CONFIG_ID, "name": NAME, "revision": 2}),
)

REFUSAL: Final = replies.Reply(
    ok=False,
    error=replies.ErrorBody(
        code="revision_conflict",
        message="the config is at revision 3 by now",
        facts={"revision": 3},
        details=(replies.Detail(field="expected_revision", problem="it is 3 by now", cure="read it again"),),
    ),
)

RESULTS: Final[tuple[Model, ...]] = (
    _SAVED,
    config_results.ConfigView(
        config_id=CONFIG_ID,
        name=NAME,
        renamed=True,
        former_names=("Old name",),
        template="Microsoft 365",
        revision=2,
        client_secret_set=True,
        client_secret_set_at=AT,
        config=_CONFIG.model_copy(update={"client_secret": None}),
        text=TEXT,
        created_at=AT,
        created_by="jo",
        changed_at=AT,
        changed_by="jo",
        findings=(_FINDING,),
    ),
    config_results.ConfigHistoryPage(
        config_id=CONFIG_ID,
        name=NAME,
        entries=(
            config_results.HistoryEntry(
                revision=2, at=AT, actor="jo", principal="console", action="update", changed=("scope",)
            ),
        ),
    ),
    config_results.ConfigValidated(ok=True, config=_CONFIG, findings=(_FINDING,)),
    config_results.TemplatePage(
        templates=(
            config_results.TemplateView(
                slug="microsoft-365",
                name="Microsoft 365",
                auth_flow="AuthorizationCode",
                redirect_slug="microsoft-365",
                needs=("client_id", "client_secret"),
                config=_CONFIG.model_copy(update={"client_id": None, "client_secret": None}),
            ),
        )
    ),
    config_results.ImportReport(
        import_id=OTHER_ID,
        chunk=0,
        dry_run=False,
        records=(
            config_results.RecordReport(index=0, line=1, name=NAME, outcome="added", config_id=CONFIG_ID, revision=1),
        ),
    ),
    config_results.ExportPage(records=(TEXT,)),
    config_results.PrincipalView(principal=_PRINCIPAL),
    config_results.PrincipalPage(principals=(_PRINCIPAL,)),
    token.AccessTokenView(
        config_id=CONFIG_ID,
        name=NAME,
        revision=2,
        generation=3,
        access_token="eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVydGV4dA.dGFn",
        expires_at=AT + HOUR,
        user="support@example.com",
        servers=MailServers(imap="imap.example.com:993"),
    ),
    token.TokenStatusView(status=_STATUS.model_copy(update={"attempts": (_ATTEMPT,)})),
    token.TokenPage(rows=(_STATUS,), total=1, states={"retrying": 1}),
    token.AuthorizationStarted(
        config_id=CONFIG_ID,
        name=NAME,
        url="https://login.example/authorize?response_type=code&client_id=client-1&state=c3RhdGU",
        redirect_uri="https://grantkeeper.example/oauth2/callback/microsoft-365",
        host="login.example",
        expires_at=AT + timedelta(minutes=10),
    ),
    token.AuthorizationCompleted(status=_STATUS, refresh_token_received=True, account="support@example.com"),
    token.DeviceAuthorizationStarted(
        config_id=CONFIG_ID,
        name=NAME,
        user_code="WDJB-MJHT",
        verification_uri="https://login.example/device",
        verification_uri_complete="https://login.example/device?user_code=WDJB-MJHT",
        expected_account="support@example.com",
        expires_at=AT + timedelta(minutes=15),
        interval=5,
    ),
    token.EngineStatus(
        stopped=True,
        stopped_by="jo",
        stopped_at=AT,
        due_now=3,
        overdue_seconds=1.5,
        in_flight=1,
        clients=(
            token.EngineClient(
                client=CLIENT,
                client_id="client-1",
                server="https://login.example/token",
                tokens=12,
                fault="client_fault",
                code="invalid_client",
                text="invalid_client: AADSTS7000222",
                cure_id="client_secret_expired",
                cure="Make a new client secret at the provider and enter it.",
                secret_ends_at=date(2027, 1, 31),
            ),
        ),
        keys=(token.KeyUse(ring_id="r1", current=True, stored=12, sealed=12),),
        keys_counted_at=AT,
    ),
    token.Revoked(status=_STATUS, at_provider="no_endpoint"),
    token.CredentialIssued(principal="mail-1", version=1, credential="eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVydGV4dA.dGFn"),
    notification_commands.NotificationPage(notifications=(_NOTIFICATION,), total=1),
    notification_commands.NotificationView(notification=_NOTIFICATION),
)
