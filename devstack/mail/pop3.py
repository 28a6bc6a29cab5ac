"""A small POP3 server (RFC 1939, 5034): enough for a client to log in by token, list, fetch and delete its mail."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from devstack.mail.sasl import MECHANISMS, MalformedSasl, failure_challenge, read_response
from devstack.mail.token_check import SCOPES, TokenCheck

LONGEST_LINE = 2_000_000  # bytes
CAPABILITIES = ("TOP", "UIDL", "PIPELINING", f"SASL {' '.join(MECHANISMS)}")


class Mailboxes:
    """The mail POP3 offers, by user. Deleting here is not seen over IMAP, which keeps its own."""

    def __init__(self) -> None:
        self._mails: dict[str, list[bytes]] = {}

    def add(self, user: str, mail: bytes) -> None:
        self._mails.setdefault(user.lower(), []).append(mail)

    def of(self, user: str) -> list[bytes]:
        return list(self._mails.get(user.lower(), []))

    def keep(self, user: str, mails: list[bytes]) -> None:
        self._mails[user.lower()] = mails


class Conversation:
    """One connection, from greeting to QUIT."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mailboxes: Mailboxes, check: TokenCheck
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._mailboxes = mailboxes
        self._check = check
        self._user: str | None = None
        self._mails: list[bytes] = []
        self._deleted: set[int] = set()
        self._commands: dict[str, Callable[[list[str]], Awaitable[None]]] = {
            "STAT": self._stat,
            "LIST": self._list,
            "UIDL": self._uidl,
            "RETR": self._retrieve,
            "TOP": self._top,
            "DELE": self._delete,
            "RSET": self._reset,
            "NOOP": self._noop,
        }

    async def run(self) -> None:
        await self._say("+OK ready")
        while (line := await self._line()) is not None:
            verb, *words = line.split() or [""]
            verb = verb.upper()
            if verb == "QUIT":
                await self._quit()
                return
            await self._answer(verb, words)

    async def _answer(self, verb: str, words: list[str]) -> None:
        if verb == "CAPA":
            await self._say("+OK", *CAPABILITIES, ".")
        elif verb == "AUTH" and self._user is None:
            await self._auth(words)
        elif self._user is None or verb not in self._commands:
            await self._say("-ERR not possible now")
        else:
            await self._commands[verb](words)

    async def _auth(self, words: list[str]) -> None:
        mechanism = words[0].upper() if words else ""
        if mechanism not in MECHANISMS:
            await self._say("-ERR [AUTH] unknown mechanism")
            return
        encoded = words[1] if len(words) > 1 else await self._challenge(b"")
        try:
            presented = read_response(mechanism, base64.b64decode(encoded or "", validate=True))
        except (binascii.Error, MalformedSasl):
            await self._say("-ERR [AUTH] malformed response")
            return
        refusal = await self._check.refusal(presented, "pop3")
        if refusal is not None:
            await self._challenge(failure_challenge(mechanism, refusal, SCOPES["pop3"][0]))
            await self._say("-ERR [AUTH] authentication failed")
            return
        self._user, self._mails = presented.user, self._mailboxes.of(presented.user)
        await self._say("+OK logged in")

    async def _stat(self, _: list[str]) -> None:
        left = self._left()
        await self._say(f"+OK {len(left)} {sum(len(mail) for _, mail in left)}")

    async def _list(self, words: list[str]) -> None:
        await self._listing(words, lambda number, mail: f"{number} {len(mail)}")

    async def _uidl(self, words: list[str]) -> None:
        await self._listing(words, lambda number, _: f"{number} mail-{number}")

    async def _listing(self, words: list[str], row: Callable[[int, bytes], str]) -> None:
        rows = [(number, row(number, mail)) for number, mail in self._left()]
        if words:
            found = [text for number, text in rows if str(number) == words[0]]
            await self._say(f"+OK {found[0]}" if found else "-ERR no such mail")
        else:
            await self._say("+OK", *(text for _, text in rows), ".")

    async def _retrieve(self, words: list[str]) -> None:
        mail = self._named(words)
        if mail is None:
            await self._say("-ERR no such mail")
        else:
            await self._say("+OK", *_stuffed(mail.decode("utf-8", "surrogateescape").splitlines()), ".")

    async def _top(self, words: list[str]) -> None:
        mail = self._named(words)
        if mail is None or len(words) < 2 or not words[1].isdecimal():  # noqa: PLR2004 - mail and number of lines
            await self._say("-ERR no such mail")
            return
        head, _, body = mail.decode("utf-8", "surrogateescape").replace("\r\n", "\n").partition("\n\n")
        await self._say("+OK", *_stuffed([*head.split("\n"), "", *body.split("\n")[: int(words[1])]]), ".")

    async def _delete(self, words: list[str]) -> None:
        if self._named(words) is None:
            await self._say("-ERR no such mail")
        else:
            self._deleted.add(int(words[0]))
            await self._say("+OK")

    async def _reset(self, _: list[str]) -> None:
        self._deleted.clear()
        await self._say("+OK")

    async def _noop(self, _: list[str]) -> None:
        await self._say("+OK")

    async def _quit(self) -> None:
        if self._user is not None and self._deleted:
            self._mailboxes.keep(self._user, [mail for _, mail in self._left()])
        await self._say("+OK bye")

    def _left(self) -> list[tuple[int, bytes]]:
        return [(number, mail) for number, mail in enumerate(self._mails, 1) if number not in self._deleted]

    def _named(self, words: list[str]) -> bytes | None:
        return next((mail for number, mail in self._left() if words and str(number) == words[0]), None)

    async def _challenge(self, text: bytes) -> str | None:
        await self._say(f"+ {base64.b64encode(text).decode()}")
        return await self._line()

    async def _line(self) -> str | None:
        try:
            return (await self._reader.readuntil(b"\n")).decode("utf-8", "surrogateescape").rstrip("\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            return None

    async def _say(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape"))
        await self._writer.drain()


async def start_pop3(mailboxes: Mailboxes, check: TokenCheck, host: str, port: int, stack: AsyncExitStack) -> None:
    """Listen until `stack` is closed."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Conversation(reader, writer, mailboxes, check).run()
        except ConnectionError:
            pass
        finally:
            writer.close()

    await stack.enter_async_context(await asyncio.start_server(converse, host, port, limit=LONGEST_LINE))


def _stuffed(lines: list[str]) -> list[str]:
    """RFC 1939 section 3: a line that begins with a dot gets another."""
    return [f".{line}" if line.startswith(".") else line for line in lines]
