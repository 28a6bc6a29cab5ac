"""Every page of the console and how to reach it: what is swept for accessibility and policy, and what is pictured.

A page that a button leads to has its `steps`, one after the other; one that shows a state of the bus has `given`. A
unit test fails for a route that no stop covers.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, TypeAlias

from schemas.config_commands import (
    ConfigGet,
    ConfigHistory,
    ConfigImport,
    PrincipalAdd,
    PrincipalDisable,
    PrincipalList,
    TemplateList,
)
from schemas.config_results import ConfigView
from schemas.envelope import Message
from schemas.token_config import Options
from schemas.token_requests import (
    AuthorizationComplete,
    AuthorizationCompleted,
    AuthorizationDevice,
    AuthorizationStart,
    EngineResume,
    EngineStatusGet,
    EngineStop,
    TokenList,
    TokenPage,
    TokenStatusGet,
)
from schemas.token_status import TokenStatus
from services.console.board import Board
from services.console.routes.device_logins import last_login
from tests.console_app import Kafka
from tests.console_double import Answer, AnsweringBus, refusal
from tests.console_samples import (
    NOW,
    attempts,
    config,
    config_id,
    device_started,
    fleet,
    history,
    import_report,
    known,
    notifications,
    page,
    started,
    status,
    templates_of_all,
    view,
)
from tests.console_system_samples import engine, held, lags, letter, letter_event, principals, registered, stopped

TOKEN: Final = f"/tokens/{config_id(3)}"
EXPORT: Final = b"- Name: A\n- Name: B\n- Name: C\n- {Name: [\n"

Answers: TypeAlias = Mapping[type[Message], Answer | None]


@dataclass(frozen=True, slots=True)
class Click:
    """Press a button or follow a link."""

    selector: str


@dataclass(frozen=True, slots=True)
class Fill:
    """Type into a field."""

    selector: str
    text: str


@dataclass(frozen=True, slots=True)
class Choose:
    """Choose a file."""

    selector: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until something is there."""

    selector: str


Step: TypeAlias = Click | Fill | Choose | Await


@dataclass(frozen=True, slots=True)
class Stop:
    """One page in one state."""

    name: str
    path: str
    steps: Sequence[Step] = ()
    given: Answers = field(default_factory=dict)
    """Answers of the bus that differ from the usual ones; None = nobody answers."""
    logged_in: bool = True
    notices: bool = False
    """Whether anything needs a person: the bar is on every page then."""


def _connected(**changes: Any) -> AuthorizationCompleted:
    done = status(3, **{"name": "Orders", "account": "orders@example.test", **changes})
    return AuthorizationCompleted(status=done, refresh_token_received=True, account=done.account)


WRONG_ACCOUNT: Final = _connected(account="anna@example.test", mailbox_login="orders@example.test", wrong_account=True)
NO_REFRESH_TOKEN: Final = _connected(has_refresh_token=False)
WAITING: Final = known(status(3, name="Orders", state="authorizing", authorizing_until=NOW + timedelta(minutes=14)))
BEFORE: Final = last_login(status())
SAVE: Final = Click("main form > .gk-buttons .btn-primary")


def by_code() -> ConfigView:
    """A token whose provider takes logins by code."""
    options = Options(mailbox_login="orders@example.test", device_authorization_endpoint="https://idp.test/device")
    return view(3, config=config(name="Orders", options=options))


def _saved_meanwhile() -> Callable[[Message], ConfigView]:
    """A token that somebody else saves between any two looks at it."""
    looks = itertools.count()
    scope = "https://mail.google.com/ openid"

    def answer(_message: Message) -> ConfigView:
        if next(looks) % 2 == 0:
            return view(3, name="Orders", text="Name: Orders\nConfig:\n  Scope: https://mail.google.com/\n")
        text = f"Name: Orders\nConfig:\n  Scope: {scope}\n"
        return view(3, config=config(name="Orders", scope=scope), revision=8, text=text)

    return answer


CONFLICT: Final[Answers] = {ConfigGet: _saved_meanwhile()}
PASTED: Final = (
    Click("main button"),
    Click("details summary"),
    Fill("#url", "https://keeper.test/oauth2/callback/x?state=s&code=c"),
    Click("details form button"),
)

WALK: Final[Sequence[Stop]] = (
    Stop("login", "/login", logged_in=False),
    Stop("tokens", "/tokens", notices=True),
    Stop("tokens-empty", "/tokens", given={TokenList: page([])}),
    Stop("tokens-unanswered", "/tokens", given={TokenList: None}),
    Stop("token", TOKEN, notices=True),
    Stop("token-unanswered", TOKEN, given={ConfigGet: None, TokenStatusGet: None}),
    Stop("edit", f"{TOKEN}/edit"),
    Stop("edit-conflict", f"{TOKEN}/edit", (Fill("#field-name", "Mine"), SAVE), CONFLICT),
    Stop("edit-text", f"{TOKEN}/yaml"),
    Stop("edit-text-error", f"{TOKEN}/yaml", (Fill("#text", "Name: Orders\nConfig: ["), SAVE)),
    Stop("edit-text-conflict", f"{TOKEN}/yaml", (SAVE,), CONFLICT),
    Stop("validity", f"{TOKEN}/validity"),
    Stop("history", f"{TOKEN}/history"),
    Stop("delete", f"{TOKEN}/delete"),
    Stop("revoke", f"{TOKEN}/revoke"),
    Stop("template-choice", "/tokens/new"),
    Stop("add", "/tokens/new?template=google-mail"),
    Stop("duplicate", f"/tokens/new?copy_of={config_id(3)}"),
    Stop("authorize-ask", f"{TOKEN}/authorize"),
    Stop("authorize", f"{TOKEN}/authorize", (Click("main button"),)),
    Stop("authorize-device-ask", f"{TOKEN}/authorize", given={ConfigGet: by_code()}),
    Stop("authorize-device", f"{TOKEN}/authorize", (Click("form[action$=device] button"),), {ConfigGet: by_code()}),
    Stop("authorize-device-waiting", f"{TOKEN}/authorize/device?before={BEFORE}", given={TokenStatusGet: WAITING}),
    Stop("authorize-device-ended", f"{TOKEN}/authorize/device?before={BEFORE}"),
    Stop("authorize-device-connected", f"{TOKEN}/authorize/device?before="),
    Stop("authorize-no-refresh-token", f"{TOKEN}/authorize", PASTED, {AuthorizationComplete: NO_REFRESH_TOKEN}),
    Stop("authorize-connected", f"{TOKEN}/authorize", PASTED, {AuthorizationComplete: _connected()}),
    Stop("authorize-wrong-account", f"{TOKEN}/authorize", PASTED, {AuthorizationComplete: WRONG_ACCOUNT}),
    Stop(
        "authorize-failed",
        f"{TOKEN}/authorize",
        PASTED,
        {AuthorizationComplete: refusal("authorization_failed")},
        notices=True,
    ),
    Stop("authorize-elsewhere", "/oauth2/callback/google-mail?code=c&state=s"),
    Stop("notifications", "/notifications", notices=True),
    Stop("templates", "/templates"),
    Stop("mail-modules", "/mail-modules"),
    Stop("mail-module", "/mail-modules/mail-2"),
    Stop("mail-module-add", "/mail-modules/new"),
    Stop("mail-module-edit", "/mail-modules/mail-2/edit"),
    Stop("mail-module-disable", "/mail-modules/mail-1/disable"),
    Stop("mail-module-renew", "/mail-modules/mail-1/renew"),
    Stop("mail-module-credential", "/mail-modules/mail-1/renew", (Click("main form button"), Await(".gk-edge-warn"))),
    Stop("transfer", "/transfer"),
    Stop("import", "/transfer", (Choose("#file", EXPORT), Click("#import button"), Await("#report table"))),
    Stop("system", "/system"),
    Stop("system-stopped", "/system", given={EngineStatusGet: stopped()}, notices=True),
    Stop("system-stop", "/system/stop"),
    Stop("system-resume", "/system/resume", given={EngineStatusGet: held()}),
    Stop("preferences", "/preferences"),
    Stop("not-found", "/nowhere"),
)
NO_PAGES: Final = frozenset(
    {
        "/",
        "/tokens/next-login",
        "/transfer/export",
        "/notifications.json",
        "/notifications/bar",
        "/events",
        "/healthz",
        "/readyz",
    }
)
"""Paths that answer with no page of their own: redirects, files, parts, streams."""
PATHS: Final = tuple(dict.fromkeys(stop.path for stop in WALK if not stop.steps and not stop.given))
"""What can be opened as it is."""


def overview(rows: Sequence[TokenStatus]) -> Callable[[Message], TokenPage]:
    """Answer with all tokens, or with those that a principal got lately."""

    def answer(message: Message) -> TokenPage:
        wanted = getattr(message, "used_by", None)
        return page([one for one in rows if wanted is None or wanted in {use.principal for use in one.used_by}])

    return answer


def quiet(board: Board) -> None:
    """Let nothing need a person."""
    for one in board.open():
        event = letter_event(letter())
        board.take(replace(event, key=one.cause.encode(), value=None))


def fill(bus: AnsweringBus, board: Board, kafka: Kafka, **changes: Any) -> None:
    """Give every page something to show; `changes` go into every name that a person chose (a hostile one)."""
    name = changes.get("name")
    named: Callable[[Any], Any] = lambda one: one.model_copy(update={"name": name}) if name else one  # noqa: E731
    rows = [named(one) for one in fleet()]
    bus.answers = {
        TokenList: overview(rows),
        ConfigGet: named(view(3, name="Orders")),
        TokenStatusGet: known(rows[2].model_copy(update={"attempts": attempts()})),
        TemplateList: templates_of_all(),
        ConfigHistory: named(history()),
        AuthorizationStart: named(started()).model_copy(update={"expires_at": NOW + timedelta(minutes=10)}),
        AuthorizationComplete: _connected(),
        AuthorizationDevice: named(device_started()),
        ConfigImport: import_report,
        PrincipalList: principals(),
        PrincipalAdd: registered("mail-1"),
        PrincipalDisable: registered("mail-1", disabled=True),
        EngineStatusGet: engine(),
        EngineStop: stopped(),
        EngineResume: engine(),
    }
    for one in notifications():
        board.put(named(one))
    kafka.found = lags()
    if not kafka.dead_letters.total:
        for offset in (4711, 4712, 4713):
            kafka.dead_letters.take(letter_event(letter(offset)))
