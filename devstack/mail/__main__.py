"""`python -m devstack.mail`: run the mail server until a signal ends it; prints "ready" when it listens."""

import asyncio
import signal
from contextlib import AsyncExitStack
from typing import Annotated

import typer

from devstack.mail.imap import Imap
from devstack.mail.pop3 import Mailboxes, start_pop3
from devstack.mail.smtp import start_smtp
from devstack.mail.token_check import TokenCheck

HOST = "127.0.0.1"


def main(
    provider_introspection: Annotated[list[str], typer.Option(help="Introspection endpoint; may be repeated.")],
    imap_port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 19143,
    smtp_port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 19025,
    pop3_port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 19110,
    shared: Annotated[list[str] | None, typer.Option(help="mailbox=login,login: who may open it too.")] = None,
) -> None:
    """Serve mailboxes that open by OAuth2 access tokens alone."""
    check = TokenCheck(provider_introspection, dict(_shared(line) for line in shared or []))
    asyncio.run(serve(check, imap_port, smtp_port, pop3_port))


async def serve(check: TokenCheck, imap_port: int, smtp_port: int, pop3_port: int) -> None:
    mailboxes, imap = Mailboxes(), Imap(check, HOST, imap_port)

    async def deliver(user: str, mail: bytes) -> None:
        mailboxes.add(user, mail)
        await imap.deliver(user, mail)

    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with AsyncExitStack() as stack:
        await imap.start(stack)
        await start_smtp(deliver, check, HOST, smtp_port, stack)
        await start_pop3(mailboxes, check, HOST, pop3_port, stack)
        print("ready", flush=True)
        await ended.wait()


def _shared(line: str) -> tuple[str, frozenset[str]]:
    mailbox, found, logins = line.partition("=")
    if not found:
        raise typer.BadParameter(f"{line!r} is not of the form mailbox=login,login")
    return mailbox, frozenset(logins.split(","))


if __name__ == "__main__":
    typer.run(main)
