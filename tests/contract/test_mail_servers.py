"""A delivered token opens a mailbox: both mail servers, with tokens of our provider and of the certified one."""

import base64
import imaplib
import poplib
import secrets
import smtplib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest

from devstack.errors import PartMissing
from devstack.mail.dovecot import Introspection, find_dovecot
from tests.conftest import ENVIRONMENT, part_missing
from tests.partners.fixtures import only_partners
from tests.partners.mail import HOST, MailServer, dovecot, mail_without_root
from tests.partners.partner import Partner
from tests.waiting import wait_until

MAIL = b"From: alice@example.test\r\nTo: bob@example.test\r\nSubject: hello\r\n\r\n.a line with a dot\r\nthe end\r\n"
MECHANISMS = pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
# One rotating realm of ours and the certified server: what the mail servers see differs in `username` and `sub`.
pytestmark = only_partners(lambda traits: traits.rotation == "strict")


class MailServers:
    """One server per kind and provider, started when first asked for; every test has users of its own."""

    def __init__(self, config: pytest.Config, factory: pytest.TempPathFactory) -> None:
        self._config = config
        self._factory = factory
        self._stack = ExitStack()
        self._running: dict[tuple[str, str], MailServer] = {}

    def get(self, kind: str, partner: Partner) -> MailServer:
        if (kind, partner.name) not in self._running:
            start = mail_without_root if kind == "pymap" else self._dovecot()
            server = start([introspection(partner)], self._factory.mktemp("mail"), ENVIRONMENT)
            self._running[kind, partner.name] = self._stack.enter_context(server)
        return self._running[kind, partner.name]

    def stop(self) -> None:
        self._stack.close()

    def _dovecot(self) -> Callable[..., AbstractContextManager[MailServer]]:
        try:
            find_dovecot()
        except PartMissing as missing:
            part_missing(self._config, str(missing))
        return dovecot


@pytest.fixture(scope="module")
def mail_servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServers]:
    servers = MailServers(request.config, tmp_path_factory)
    yield servers
    servers.stop()


@pytest.fixture(params=["pymap", pytest.param("dovecot", marks=pytest.mark.dovecot)])
def mail_server(request: pytest.FixtureRequest, partner: Partner, mail_servers: MailServers) -> MailServer:
    return mail_servers.get(request.param, partner)


@pytest.fixture
def alice() -> str:
    return f"alice-{secrets.token_hex(4)}@example.test"


@pytest.fixture
def bob() -> str:
    return f"bob-{secrets.token_hex(4)}@example.test"


def introspection(partner: Partner) -> Introspection:
    return Introspection(
        url=partner.metadata["introspection_endpoint"],
        client_id=partner.clients.mail_server,
        client_secret=partner.clients.mail_server_secret,
        scope="mail.imap",
        discovery_url=f"{partner.issuer}/.well-known/openid-configuration",
        username_attribute="username" if partner.name.startswith("stub") else "sub",
    )


def initial_response(mechanism: str, user: str, access_token: str) -> bytes:
    """Written here once more, from the specifications, so that no code of ours vouches for itself."""
    if mechanism == "XOAUTH2":
        return f"user={user}\x01auth=Bearer {access_token}\x01\x01".encode()
    return f"n,a={user},\x01host={HOST}\x01port=143\x01auth=Bearer {access_token}\x01\x01".encode()


def answering(mechanism: str, user: str, access_token: str) -> Callable[[bytes], bytes]:
    """First the response; to the challenge that tells of a failure, what the mechanism prescribes."""
    responses = iter([initial_response(mechanism, user, access_token)])
    return lambda _challenge: next(responses, b"" if mechanism == "XOAUTH2" else b"\x01")


@contextmanager
def imap_login(server: MailServer, mechanism: str, user: str, access_token: str) -> Iterator[imaplib.IMAP4]:
    with imaplib.IMAP4(HOST, server.imap, timeout=10) as imap:
        imap.authenticate(mechanism, answering(mechanism, user, access_token))
        yield imap


@contextmanager
def pop3_login(server: MailServer, mechanism: str, user: str, access_token: str) -> Iterator[poplib.POP3]:
    """In two lines, as Microsoft wants it; poplib itself has no word for AUTH."""
    pop3 = poplib.POP3(HOST, server.pop3, timeout=10)
    response = base64.b64encode(initial_response(mechanism, user, access_token)).decode()
    try:
        pop3._shortcmd(f"AUTH {mechanism}")  # type: ignore[attr-defined]
        answer = pop3._shortcmd(response)  # type: ignore[attr-defined]
        if answer.startswith(b"+ "):
            pop3._shortcmd("" if mechanism == "XOAUTH2" else "AQ==")  # type: ignore[attr-defined]
        yield pop3
    finally:
        pop3.close()


@contextmanager
def smtp_login(server: MailServer, mechanism: str, user: str, access_token: str) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(HOST, server.smtp, timeout=10) as smtp:
        smtp.ehlo("localhost")
        response = base64.b64encode(initial_response(mechanism, user, access_token)).decode()
        code, text = smtp.docmd("AUTH", f"{mechanism} {response}")
        if code == 334:
            code, text = smtp.docmd("" if mechanism == "XOAUTH2" else "AQ==")
        if code != 235:
            raise smtplib.SMTPAuthenticationError(code, text)
        yield smtp


def refused(server: MailServer, mechanism: str, user: str, access_token: str) -> bool:
    """By all three protocols; at once, because Dovecot lets each failure wait half a second."""

    def refuses(login: Callable[..., AbstractContextManager[object]], error: type[Exception]) -> bool:
        try:
            with login(server, mechanism, user, access_token):
                return False
        except error:
            return True

    errors = (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPAuthenticationError)
    with ThreadPoolExecutor(3) as pool:
        return all(pool.map(refuses, (imap_login, pop3_login, smtp_login), errors))


@MECHANISMS
def test_the_users_token_opens_the_mailbox_over_imap(
    mail_server: MailServer, partner: Partner, mechanism: str, alice: str
) -> None:
    with imap_login(mail_server, mechanism, alice, partner.tokens(login=alice)["access_token"]) as imap:
        assert imap.select("INBOX")[0] == "OK"
        assert imap.append("INBOX", "", imaplib.Time2Internaldate(0), MAIL)[0] == "OK"
        imap.select("INBOX")
        fetched = imap.fetch("1", "(BODY[])")[1][0]
    assert isinstance(fetched, tuple)
    assert b"a line with a dot" in fetched[1]


@MECHANISMS
def test_the_users_token_opens_the_mailbox_over_pop3(
    mail_server: MailServer, partner: Partner, mechanism: str, alice: str
) -> None:
    with pop3_login(mail_server, mechanism, alice, partner.tokens(login=alice)["access_token"]) as pop3:
        assert pop3.stat() == (0, 0)
        pop3.quit()


@MECHANISMS
async def test_the_users_token_sends_mail(
    mail_server: MailServer, partner: Partner, mechanism: str, alice: str, bob: str
) -> None:
    with smtp_login(mail_server, mechanism, alice, partner.tokens(login=alice)["access_token"]) as smtp:
        smtp.sendmail(alice, [bob], MAIL)
    bobs = partner.tokens(login=bob)["access_token"]

    def arrived() -> bool:
        """Dovecot hands it on; the other server keeps it for its reader."""
        if any(bob in mail["x-rcptto"] for mail in mail_server.relayed):
            return True
        with imap_login(mail_server, mechanism, bob, bobs) as imap:
            return imap.select("INBOX")[1] == [b"1"]

    await wait_until(arrived, 10)


@MECHANISMS
@pytest.mark.parametrize("wrong", ["no token of this provider", "another user's token", "too little scope"])
def test_a_token_that_is_not_good_opens_nothing(
    mail_server: MailServer, partner: Partner, mechanism: str, wrong: str, alice: str, bob: str
) -> None:
    tokens = partner.tokens(login=alice)
    narrow = partner.refresh(tokens["refresh_token"], scope="openid email").json()["access_token"]
    token = {"no token of this provider": "made-up", "too little scope": narrow}.get(wrong, tokens["access_token"])
    assert refused(mail_server, mechanism, bob if wrong == "another user's token" else alice, token)


def test_a_revoked_grant_closes_the_mailbox(mail_server: MailServer, partner: Partner, alice: str) -> None:
    tokens = partner.tokens(login=alice)
    with imap_login(mail_server, "XOAUTH2", alice, tokens["access_token"]):
        pass
    assert partner.revoke(tokens["refresh_token"]).status_code == 200
    assert refused(mail_server, "XOAUTH2", alice, tokens["access_token"])


def test_a_refreshed_token_opens_the_mailbox_as_the_first_did(
    mail_server: MailServer, partner: Partner, alice: str
) -> None:
    tokens = partner.tokens(login=alice)
    newer = partner.refresh(tokens["refresh_token"]).json()
    for token in (tokens["access_token"], newer["access_token"]):
        with imap_login(mail_server, "XOAUTH2", alice, token):
            pass


def test_no_access_token_is_in_the_mail_servers_log(
    mail_server: MailServer, partner: Partner, alice: str, bob: str
) -> None:
    token = partner.tokens(login=alice)["access_token"]
    with imap_login(mail_server, "XOAUTH2", alice, token):
        pass
    assert refused(mail_server, "XOAUTH2", bob, token)
    assert token not in mail_server.log.read_text(errors="replace")
