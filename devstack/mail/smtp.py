"""SMTP submission by aiosmtpd: needs a login by access token, then delivers into this machine's mailboxes alone."""

import asyncio
import base64
import binascii
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session, auth_mechanism

from devstack.mail.sasl import MalformedSasl, Presented, failure_challenge, read_response
from devstack.mail.token_check import SCOPES, TokenCheck

Deliver = Callable[[str, bytes], Awaitable[None]]  # mailbox, mail
LONGEST_LINE = 2_000_000  # bytes; RFC 4954 asks for 12,288, real tokens are longer than many servers think
REFUSED = AuthResult(success=False, handled=False)


class Submission(SMTP):
    def __init__(self, deliver: Deliver, check: TokenCheck, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            Handler(deliver),
            loop=loop,
            auth_required=True,
            auth_require_tls=False,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],
            hostname="localhost",
        )
        self.command_size_limits = defaultdict(
            lambda: LONGEST_LINE
        )  # theirs is 512: less than one token of Microsoft's
        self._check = check

    line_length_limit = LONGEST_LINE

    @auth_mechanism("XOAUTH2")
    async def auth_XOAUTH2(self, _: SMTP, args: list[str]) -> AuthResult:  # noqa: N802 - aiosmtpd finds it by name
        return await self._log_in("XOAUTH2", args)

    @auth_mechanism("OAUTHBEARER")
    async def auth_OAUTHBEARER(self, _: SMTP, args: list[str]) -> AuthResult:  # noqa: N802 - as above
        return await self._log_in("OAUTHBEARER", args)

    async def _log_in(self, mechanism: str, args: list[str]) -> AuthResult:
        presented = await self._presented(mechanism, args)
        if presented is None:
            return REFUSED
        refusal = await self._check.refusal(presented, "smtp")
        if refusal is None:
            return AuthResult(success=True, auth_data=presented.user)
        await self.challenge_auth(failure_challenge(mechanism, refusal, SCOPES["smtp"][0]))
        return REFUSED

    async def _presented(self, mechanism: str, args: list[str]) -> Presented | None:
        response = await self.challenge_auth(b"") if len(args) < 2 else args[1]  # noqa: PLR2004 - mechanism, response
        try:
            if isinstance(response, str):
                response = base64.b64decode(response, validate=True)
            return None if not isinstance(response, bytes) else read_response(mechanism, response)
        except (binascii.Error, MalformedSasl):
            return None


class Handler:
    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        content = envelope.content
        mail = content.encode() if isinstance(content, str) else content or b""
        for recipient in envelope.rcpt_tos:
            await self._deliver(recipient, mail)
        return "250 OK"


async def start_smtp(deliver: Deliver, check: TokenCheck, host: str, port: int, stack: AsyncExitStack) -> None:
    """Listen until `stack` is closed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Submission(deliver, check, loop), host, port)
    await stack.enter_async_context(server)
