"""`make demo`: the whole story against the running stack, step by step, each step shown by what it made happen.

It uses what anybody else would: the admin's and the mail module's credential files, the bus, the provider's pages and
the mail server. A step that does not come true within its deadline ends the demo with what was seen instead.
"""

import asyncio
import imaplib
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import requests
import uuid_utils

from devstack.errors import DevstackError
from devstack.layout import Layout
from devstack.login import log_in
from devstack.provider.control_client import ProviderControl
from devstack.provider.settings import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from grantkeeper_client import (
    AccessToken,
    Asker,
    Credential,
    Grantkeeper,
    GrantkeeperError,
    load_credential,
    seal_to_installation,
    xoauth2,
)

REALM = "strict"  # the hardest rule: a refresh token used twice ends the grant
LIFETIME = 30  # seconds of an access token while the demo runs, so that a refresh can be watched
USUAL_LIFETIME = 300
MAILBOX = "orders@example.test"
SCOPE = "openid email mail.imap offline_access"
STEP_DEADLINE = 40.0  # seconds
POLL = 0.25  # seconds
WAIT = timedelta(seconds=15)  # for one answer of a service

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stage:
    """What every step needs."""

    layout: Layout
    admin: Asker
    credential: Credential
    mail: Grantkeeper
    provider: ProviderControl
    config_id: str
    name: str
    client_id: str = DEMO_CLIENT_ID
    client_secret: str = field(default=DEMO_CLIENT_SECRET, repr=False)
    browser: Callable[..., str] = log_in

    async def command(self, type_: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """One command or request as the admin."""
        topic = "config.commands" if type_.startswith("config.") else "token.requests"
        topic = "notification.commands" if type_.startswith("notification.") else topic
        key = self.config_id.encode()
        return await self.admin.ask(
            topic, f"grantkeeper.{type_}.v1", data, key=key, subject=self.config_id, deadline=WAIT
        )

    async def status(self) -> Mapping[str, Any]:
        """The public state of the demo's token."""
        answer: Mapping[str, Any] = (await self.command("token.status", {"config": self.config_id}))["status"]
        return answer


def play(layout: Layout, tell: Callable[[str], None]) -> None:
    """Play the story; raise DevstackError where it does not come true."""
    if not layout.credential("admin").exists():
        raise DevstackError("no stack runs here: start `make run` in another terminal, then `make demo`")
    provider = ProviderControl(layout.url("provider"))
    began = time.monotonic()
    try:
        provider.change_realm(REALM, access_token_life=LIFETIME)
        asyncio.run(_play(layout, provider, tell))
    except requests.ConnectionError:
        raise DevstackError("the provider does not answer: is `make run` still running?") from None
    except (GrantkeeperError, OSError) as error:
        raise DevstackError(f"the demo stopped: {error}") from error
    finally:
        with suppress(requests.ConnectionError):
            provider.change_realm(REALM, access_token_life=USUAL_LIFETIME)
    tell(f"that was the whole story, in {time.monotonic() - began:.0f} s; see it in {layout.url('console')}")


async def _play(layout: Layout, provider: ProviderControl, tell: Callable[[str], None]) -> None:
    credential = load_credential(layout.credential("admin"))
    mail = Grantkeeper(load_credential(layout.credential("mail")))
    async with Asker(credential) as admin, mail:
        config_id = str(uuid_utils.uuid7())
        stage = Stage(layout, admin, credential, mail, provider, config_id, f"Demo {config_id[-6:]}")
        for number, step in enumerate(STEPS, start=1):
            began = time.monotonic()
            said = await step(stage)
            tell(f"{number}  {said}  ({time.monotonic() - began:.1f} s)")


async def add(stage: Stage) -> str:
    """The admin adds a token from a template; the client secret leaves this process sealed."""
    issuer = f"{stage.layout.url('provider')}/{REALM}"
    bound = {"client_id": stage.client_id, "host": issuer.split("/")[2]}
    secret = seal_to_installation(
        stage.credential.installation_key, stage.client_secret, use="client_secret", bound=bound
    )
    options = {"issuer": issuer, "discovery": True, "rotation": "strict", "mailbox_login": MAILBOX}
    fields = {
        "name": stage.name,
        "client_id": stage.client_id,
        "client_secret": secret,
        "scope": SCOPE,
        "options": options,
    }
    data = {"config_id": stage.config_id, "template": "OpenID Connect", "fields": fields}
    await stage.command("config.create", data)
    return f'added the token "{stage.name}" from a template; its client secret went over the bus sealed'


async def authorize(stage: Stage) -> str:
    """The admin's browser logs in at the provider and comes back with a code."""
    started = await stage.command("authorization.start", {"config": stage.config_id, "min_revision": 1})
    returned = await asyncio.to_thread(stage.browser, started["url"], login=MAILBOX)
    sealed = seal_to_installation(
        stage.credential.installation_key, returned, use="redirect_url", bound={"config_id": stage.config_id}
    )
    await stage.command("authorization.complete", {"config": stage.config_id, "redirect_url": sealed})
    status = await until(stage.status, lambda found: found["state"] == "active")
    return f"logged in at {started['host']} as {status['account']}: the grant is stored, encrypted"


async def first_login(stage: Stage) -> str:
    """The mail module asks over the bus and logs in to a real IMAP server, which checks the access token."""
    token = await stage.mail.get_access_token(stage.name, min_validity=1)
    return f"the mail module got the access token over the bus and logged in: {await imap_login(stage, token)}"


async def see_refreshed(stage: Stage) -> str:
    """Nobody asks: the refresher renews the access token before it ends."""
    before = await stage.status()
    after = await until(stage.status, lambda found: found["generation"] > before["generation"])
    return f"the access token was refreshed before its end ({before['expires_at']} -> {after['expires_at']})"


async def second_login(stage: Stage) -> str:
    """The next login works with the new access token."""
    token = await stage.mail.get_access_token(stage.name, min_validity=LIFETIME // 2)
    return f"a second login works: {await imap_login(stage, token)}"


async def revoke_at_provider(stage: Stage) -> str:
    """The user removes the app at the provider; the next refresh finds out."""
    await asyncio.to_thread(stage.provider.revoke, REALM, login=MAILBOX)
    status = await until(stage.status, lambda found: found["state"] == "reauthorization_required")
    return f"the user withdrew the grant at the provider; the next refresh noticed: {status['last_error']['text']}"


async def be_told(stage: Stage) -> str:
    """One notification, with its cure."""
    notification = await until(lambda: find_notification(stage), bool)
    assert notification is not None  # noqa: S101 - what `until` waited for
    return f"notification: {notification['title']} - {notification['cure']} {notification['url']}"


async def cure(stage: Stage) -> str:
    """A new authorization settles the notification by itself."""
    await authorize(stage)
    await until(lambda: find_notification(stage), lambda found: found is None)
    token = await stage.mail.get_access_token(stage.name, min_validity=LIFETIME // 2)
    return f"a new login resolved the notification; {await imap_login(stage, token)}"


STEPS = (add, authorize, first_login, see_refreshed, second_login, revoke_at_provider, be_told, cure)


async def find_notification(stage: Stage) -> Mapping[str, Any] | None:
    """The open notification about the refresh token of the demo's grant."""
    page = await stage.command("notification.list", {"limit": 200})
    cause = f"{stage.config_id}:expired_refresh_token"
    return next((one for one in page["notifications"] if one["cause"] == cause), None)


async def imap_login(stage: Stage, token: AccessToken) -> str:
    """Log in with SASL XOAUTH2 and select the inbox; the server asks the provider about the access token."""
    return await asyncio.to_thread(_imap_login, stage.layout.port("IMAP"), token)


def _imap_login(port: int, token: AccessToken) -> str:
    user = token.user or MAILBOX
    with imaplib.IMAP4("127.0.0.1", port) as imap:
        imap.authenticate("XOAUTH2", lambda _: xoauth2(user, token.value))
        _, counts = imap.select("INBOX")
        return f"IMAP LOGIN of {user} ok, INBOX holds {(counts[0] or b'?').decode()} messages"


async def until(look: Callable[[], Awaitable[T]], holds: Callable[[T], object]) -> T:
    """Look until it holds; raise DevstackError with what was seen last."""
    seen: object = None
    give_up = time.monotonic() + STEP_DEADLINE
    while time.monotonic() < give_up:
        seen = await look()
        if holds(seen):
            return seen
        await asyncio.sleep(POLL)
    raise DevstackError(f"waited {STEP_DEADLINE:.0f} s in vain; seen last: {seen}")
