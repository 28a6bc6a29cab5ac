"""The two mail servers the tests log in to: the one without root, and Dovecot; both ask the provider about tokens."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as Keep
from typing_extensions import override

from devstack.child import Child
from devstack.mail.dovecot import Dovecot, Introspection, MailPorts
from devstack.ports import free_ports

HOST = "127.0.0.1"
START_DEADLINE = 20  # seconds


@dataclass(frozen=True, slots=True)
class MailServer:
    """Ports on 127.0.0.1, and what was sent to others where the server hands mail on."""

    imap: int
    pop3: int
    smtp: int
    log: Path
    relayed: list[Message]


@contextmanager
def mail_without_root(
    introspections: Sequence[Introspection],
    folder: Path,
    environment: Mapping[str, str],
    *,
    shared: Sequence[str] = (),
) -> Iterator[MailServer]:
    """`python -m devstack.mail` as a process; `shared` as its option takes it."""
    imap, pop3, smtp = free_ports(3)
    options = [f"--provider-introspection={_with_client(one)}" for one in introspections]
    options += [f"--shared={line}" for line in shared]
    ports = (f"--imap-port={imap}", f"--pop3-port={pop3}", f"--smtp-port={smtp}")
    child = Child(
        "mail server",
        [sys.executable, "-m", "devstack.mail", *options, *ports],
        log=folder / "mail.log",
        environment={"PATH": environment.get("PATH", "")},
    )
    child.start()
    try:
        child.wait_until_ready(lambda: "ready" in child.log.read_text(errors="replace"), START_DEADLINE)
        yield MailServer(imap, pop3, smtp, child.log, [])
    finally:
        child.stop()


@contextmanager
def dovecot(
    introspections: Sequence[Introspection], folder: Path, environment: Mapping[str, str]
) -> Iterator[MailServer]:
    """Dovecot; what is submitted is handed on to a receiver that keeps it."""
    imap, pop3, smtp, relay = free_ports(4)
    keeper = Keeper()
    receiver = Controller(keeper, hostname=HOST, port=relay)
    server = Dovecot(MailPorts(imap, pop3, smtp), introspections, relay_port=relay, log=folder / "dovecot-start.log")
    receiver.start()
    try:
        server.start(environment)
        yield MailServer(imap, pop3, smtp, server.folder / "dovecot.log", keeper.kept)
    finally:
        server.stop()
        receiver.stop()


class Keeper(Keep):
    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Message] = []

    @override
    def handle_message(self, message: Message) -> None:
        self.kept.append(message)


def _with_client(introspection: Introspection) -> str:
    parts = urlsplit(introspection.url)
    client = f"{introspection.client_id}:{introspection.client_secret}"
    return parts._replace(netloc=f"{client}@{parts.netloc}").geturl()
