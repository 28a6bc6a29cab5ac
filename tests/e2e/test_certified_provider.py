"""The main job with judges that are not ours: a certified provider in three modes, and Dovecot that asks it.

Everything runs as processes; the login goes through the console's redirect URI; the access token opens the mailbox over
IMAP and POP3; what the user withdraws at the provider is told, and a new login settles it.
"""

import asyncio
import imaplib
import json
import poplib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256

import pytest
import requests
import uuid_utils

from devstack import demo
from devstack.errors import PartMissing
from devstack.layout import Layout
from devstack.mail.dovecot import Introspection, find_dovecot
from devstack.ports import free_ports
from devstack.provider.control_client import ProviderControl
from grantkeeper_client import (
    AccessToken,
    Asker,
    Grantkeeper,
    load_credential,
    oauthbearer,
    pop3_two_lines,
    seal_to_installation,
    xoauth2,
)
from tests.conftest import ENVIRONMENT, part_missing
from tests.e2e.console_session import ConsoleSession
from tests.e2e.running_stack import RunningStack, free_port_base, running_stack
from tests.e2e.stored import stored_refresh_token
from tests.partners import panva as certified
from tests.partners.mail import HOST, MailServer, dovecot
from tests.partners.panva import MODES, Mode, Panva, start_panva
from tests.waiting import wait_until

LIFE = 30  # seconds of an access token: it is refreshed after 10 to 20
REFRESH_DEADLINE = 40.0  # seconds
SCOPE = "openid email mail.imap offline_access"
pytestmark = [pytest.mark.long, pytest.mark.dovecot, pytest.mark.timeout(240)]


@dataclass(frozen=True, slots=True)
class Field:
    """The stack, a provider and a mail server per mode."""

    stack: RunningStack
    providers: Mapping[Mode, Panva]
    mail_servers: Mapping[Mode, MailServer]


@pytest.fixture(scope="module")
def field(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    folder = tmp_path_factory.mktemp("certified")
    base, ports = free_port_base(), free_ports(len(MODES))
    console = Layout(folder, base).url("console")
    with ExitStack() as opened:
        providers: dict[Mode, Panva] = {}
        mail_servers: dict[Mode, MailServer] = {}
        try:
            find_dovecot()
            for mode, port in zip(MODES, ports, strict=True):
                came_back = f"{console}/oauth2/callback/{slug(f'http://{HOST}:{port}')}"
                providers[mode] = start_panva(
                    mode, folder, ENVIRONMENT, port=port, redirect_uris=(came_back,), access_token_life=LIFE
                )
                opened.callback(providers[mode].child.stop)
        except PartMissing as missing:
            part_missing(request.config, str(missing))
        for mode, provider in providers.items():
            (folder / mode).mkdir()
            mail_servers[mode] = opened.enter_context(dovecot([asks(provider)], folder / mode, ENVIRONMENT))
        hosts = {"GRANTKEEPER_OAUTH2__ALLOW_HOSTS": json.dumps([f"{HOST}:{port}" for port in ports])}
        running = running_stack(folder / "stack", hosts, base)
        yield Field(opened.enter_context(running), providers, mail_servers)


def slug(issuer: str) -> str:
    """The last part of the redirect URI, as docs and contract say it: template, and 8 hex of the issuer's hash."""
    return f"openid-connect-{sha256(issuer.encode()).hexdigest()[:8]}"


def asks(provider: Panva) -> Introspection:
    return Introspection(
        url=f"{provider.issuer}/token/introspection",
        client_id=certified.MAIL_SERVER_ID,
        client_secret=certified.MAIL_SERVER_SECRET,
        scope="mail.imap",
        discovery_url=provider.discovery_url,
        username_attribute="sub",
    )


@pytest.mark.parametrize("mode", MODES)
async def test_a_token_is_added_used_refreshed_lost_told_and_cured_at_a_certified_provider(
    field: Field, mode: Mode
) -> None:
    layout, provider, mail_server = field.stack.layout, field.providers[mode], field.mail_servers[mode]
    user = f"{mode}@example.test"
    credential = load_credential(layout.credential("admin"))
    console = await asyncio.to_thread(ConsoleSession, layout)
    async with Asker(credential) as admin, Grantkeeper(load_credential(layout.credential("mail"))) as mail:
        control = ProviderControl(layout.url("provider"))
        stage = demo.Stage(layout, admin, credential, mail, control, str(uuid_utils.uuid7()), f"Mail of {mode}")
        await add(stage, provider, user)
        assert user in await asyncio.to_thread(console.connect, stage.config_id, user)

        first = await mail.get_access_token(stage.name, min_validity=1)
        await opens(mail_server, user, first)

        before = await stage.status()
        await wait_until(lambda: generation_after(stage, before["generation"]), REFRESH_DEADLINE)
        async with Grantkeeper(load_credential(layout.credential("mail"))) as another:
            second = await another.get_access_token(stage.name, min_validity=1)
        assert second.value != first.value
        await opens(mail_server, user, second)

        await asyncio.to_thread(withdraw, layout, provider, stage.config_id)
        await closed(mail_server, user, second)
        told = await wait_until(lambda: demo.find_notification(stage), REFRESH_DEADLINE)
        assert told is not None
        assert told["url"].endswith(f"/tokens/{stage.config_id}/authorize")
        assert (await stage.status())["state"] == "reauthorization_required"

        assert user in await asyncio.to_thread(console.connect, stage.config_id, user)
        await wait_until(lambda: settled(stage), REFRESH_DEADLINE)
        async with Grantkeeper(load_credential(layout.credential("mail"))) as another:
            await opens(mail_server, user, await another.get_access_token(stage.name, min_validity=1))


async def add(stage: demo.Stage, provider: Panva, user: str) -> None:
    bound = {"client_id": certified.CLIENT_ID, "host": provider.issuer.removeprefix("http://")}
    secret = seal_to_installation(
        stage.credential.installation_key, certified.CLIENT_SECRET, use="client_secret", bound=bound
    )
    options = {"issuer": provider.issuer, "discovery": True, "rotation": "strict", "mailbox_login": user}
    fields = {
        "name": stage.name,
        "client_id": certified.CLIENT_ID,
        "client_secret": secret,
        "scope": SCOPE,
        "options": options,
    }
    data = {"config_id": stage.config_id, "template": "OpenID Connect", "fields": fields}
    await stage.command("config.create", data)


async def generation_after(stage: demo.Stage, generation: int) -> bool:
    return bool((await stage.status())["generation"] > generation)


async def settled(stage: demo.Stage) -> bool:
    return await demo.find_notification(stage) is None


def withdraw(layout: Layout, provider: Panva, config_id: str) -> None:
    """As the user does who removes the app: the refresh token ends at the provider, nobody tells us."""
    mongo = f"mongodb://{HOST}:{layout.port('MongoDB')}/?directConnection=true"
    answer = requests.post(
        f"{provider.issuer}/token/revocation",
        {
            "token": stored_refresh_token(layout, mongo, config_id),
            "client_id": certified.CLIENT_ID,
            "client_secret": certified.CLIENT_SECRET,
        },
        timeout=10,
    )
    answer.raise_for_status()


async def opens(server: MailServer, user: str, token: AccessToken) -> None:
    """The mailbox opens by both mechanisms over IMAP, and over POP3."""
    assert token.user == user
    bearer = oauthbearer(user, token.value, HOST, server.imap)
    await asyncio.to_thread(imap_login, server, "XOAUTH2", xoauth2(user, token.value))
    await asyncio.to_thread(imap_login, server, "OAUTHBEARER", bearer)
    await asyncio.to_thread(pop3_login, server, user, token.value)


async def closed(server: MailServer, user: str, token: AccessToken) -> None:
    with pytest.raises(imaplib.IMAP4.error):
        await asyncio.to_thread(imap_login, server, "XOAUTH2", xoauth2(user, token.value))


def imap_login(server: MailServer, mechanism: str, response: bytes) -> None:
    responses = iter([response])
    with imaplib.IMAP4(HOST, server.imap, timeout=10) as imap:
        imap.authenticate(mechanism, lambda _: next(responses, b""))
        assert imap.select("INBOX")[0] == "OK"


def pop3_login(server: MailServer, user: str, access_token: str) -> None:
    pop3 = poplib.POP3(HOST, server.pop3, timeout=10)
    try:
        for line in pop3_two_lines(user, access_token):
            pop3._shortcmd(line)  # type: ignore[attr-defined]  # poplib has no word for AUTH
        assert pop3.stat()[0] == 0
    finally:
        pop3.close()
