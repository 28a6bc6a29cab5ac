"""What the mail server without root does beyond Dovecot's part: shared mailboxes, and tokens of any length."""

import base64
import imaplib
import poplib
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.mail.dovecot import Introspection
from devstack.provider.server import ProviderThread
from devstack.provider.settings import DEMO_CLIENT_ID, MAIL_SERVER_ID, MAIL_SERVER_SECRET
from tests.conftest import ENVIRONMENT
from tests.partners.mail import HOST, MailServer, mail_without_root

ALICE, BOB, TEAM = "alice@example.test", "bob@example.test", "team@example.test"
MAIL = b"Subject: report\r\n\r\nfirst\r\n..dots\r\n"


@pytest.fixture
def mail_server(provider: ProviderThread, tmp_path: Path) -> Iterator[MailServer]:
    """Knows two realms; the team's mailbox is open to Alice and to the demo application."""
    realms = [
        Introspection(
            url=f"{provider.issuer(realm)}/introspect",
            client_id=MAIL_SERVER_ID,
            client_secret=MAIL_SERVER_SECRET,
            scope="mail.imap",
            discovery_url="",
        )
        for realm in ("google", "strict")
    ]
    with mail_without_root(realms, tmp_path, ENVIRONMENT, shared=[f"{TEAM}={ALICE},{DEMO_CLIENT_ID}"]) as server:
        yield server


def token(provider: ProviderThread, login: str, realm: str = "strict", scope: str = "mail.imap") -> str:
    minted = provider.control.mint(realm, [login], client_id=DEMO_CLIENT_ID, scope=scope)
    access_token: str = minted[0]["access_token"]
    return access_token


def response(user: str, access_token: str) -> bytes:
    return f"user={user}\x01auth=Bearer {access_token}\x01\x01".encode()


def opens(server: MailServer, user: str, access_token: str) -> bool:
    with imaplib.IMAP4(HOST, server.imap, timeout=10) as imap:
        try:
            return imap.authenticate("XOAUTH2", lambda _: response(user, access_token))[0] == "OK"
        except imaplib.IMAP4.error:
            return False


def test_a_shared_mailbox_opens_to_those_it_is_shared_with(provider: ProviderThread, mail_server: MailServer) -> None:
    alices = token(provider, ALICE)
    assert opens(mail_server, TEAM, alices)
    assert opens(mail_server, ALICE, alices)
    assert not opens(mail_server, TEAM, token(provider, BOB))
    assert not opens(mail_server, BOB, alices)


def test_each_provider_is_asked_until_one_knows_the_token(provider: ProviderThread, mail_server: MailServer) -> None:
    assert opens(mail_server, ALICE, token(provider, ALICE, "google", "https://mail.google.com/"))
    assert opens(mail_server, ALICE, token(provider, ALICE, "strict"))
    assert not opens(mail_server, ALICE, token(provider, ALICE, "grace"))  # a provider it was not told of


def test_a_token_of_forty_thousand_letters_logs_in_everywhere(
    provider: ProviderThread, mail_server: MailServer
) -> None:
    provider.control.change_realm("strict", access_token_length=40_000)
    long = token(provider, ALICE)
    assert opens(mail_server, ALICE, long)
    encoded = base64.b64encode(response(ALICE, long)).decode()
    with smtplib.SMTP(HOST, mail_server.smtp, timeout=10) as smtp:
        smtp.ehlo("localhost")
        assert smtp.docmd("AUTH", "XOAUTH2")[0] == 334
        assert smtp.docmd(encoded)[0] == 235
    pop3 = poplib.POP3(HOST, mail_server.pop3, timeout=10)
    assert pop3._shortcmd(f"AUTH XOAUTH2 {encoded}").startswith(b"+OK")  # type: ignore[attr-defined] # no word for AUTH
    pop3.close()


def test_delivered_mail_is_listed_fetched_and_deleted_over_pop3(
    provider: ProviderThread, mail_server: MailServer
) -> None:
    encoded = base64.b64encode(response(ALICE, token(provider, ALICE))).decode()
    with smtplib.SMTP(HOST, mail_server.smtp, timeout=10) as smtp:
        smtp.ehlo("localhost")
        assert smtp.docmd("AUTH", f"XOAUTH2 {encoded}")[0] == 235
        smtp.sendmail(ALICE, [ALICE], MAIL)
    for left in (1, 0):
        pop3 = poplib.POP3(HOST, mail_server.pop3, timeout=10)
        pop3._shortcmd(f"AUTH XOAUTH2 {encoded}")  # type: ignore[attr-defined]
        assert pop3.stat()[0] == left
        if left:
            assert pop3.retr(1)[1][-2:] == [b"first", b"..dots"]
            pop3.dele(1)
        pop3.quit()


def test_nothing_is_sent_without_a_login(mail_server: MailServer) -> None:
    with smtplib.SMTP(HOST, mail_server.smtp, timeout=10) as smtp:
        smtp.ehlo("localhost")
        with pytest.raises(smtplib.SMTPSenderRefused):
            smtp.sendmail(ALICE, [BOB], MAIL)


def test_a_provider_that_is_away_opens_nothing_and_the_server_lives_on(
    provider: ProviderThread, mail_server: MailServer
) -> None:
    alices = token(provider, ALICE)
    provider.stop()
    assert not opens(mail_server, ALICE, alices)
    assert not opens(mail_server, ALICE, alices)
    assert alices not in mail_server.log.read_text()
