"""IMAP by pymap, with its password mechanisms taken out and OAuth2 put in."""

from argparse import Namespace
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from pymap.backend.dict import Config, DictBackend, Identity, Login
from pymap.exceptions import InvalidAuth
from pymap.imap import IMAPService
from pymap.parsing.message import AppendMessage
from pymap.user import UserMetadata
from pysasl import SASLAuth
from pysasl.creds.external import ExternalCredentials
from pysasl.creds.server import ServerCredentials
from pysasl.exception import InvalidResponse
from pysasl.mechanism import ChallengeResponse, ServerChallenge, ServerMechanism
from typing_extensions import override

from devstack.mail.sasl import MECHANISMS, MalformedSasl, Presented, read_response
from devstack.mail.token_check import TokenCheck


class BearerMechanism(ServerMechanism):
    """One of the two mechanisms; the token is checked in `OAuthLogin`, which may wait for the provider."""

    def __init__(self, name: str) -> None:
        super().__init__(name.encode())
        self._mechanism = name

    @override
    def server_attempt(self, responses: Sequence[ChallengeResponse]) -> tuple[ExternalCredentials, None]:
        if not responses:
            raise ServerChallenge(b"")
        try:
            presented = read_response(self._mechanism, responses[0].response)
        except MalformedSasl as error:
            raise InvalidResponse from error
        return ExternalCredentials(presented.user, presented.access_token), None


class OAuthConfig(Config):
    @property
    @override
    def tls_auth(self) -> SASLAuth:
        return SASLAuth([BearerMechanism(name) for name in MECHANISMS])


class OAuthLogin(Login):
    """Opens the mailbox named by the client; it springs into being at its first login or mail."""

    def __init__(self, config: OAuthConfig, check: TokenCheck) -> None:
        super().__init__(config)
        self._check = check

    @override
    async def authenticate(self, credentials: ServerCredentials) -> Identity:
        if not isinstance(credentials, ExternalCredentials):
            raise InvalidAuth
        presented = Presented(credentials.authzid or "", str(credentials._token))  # noqa: SLF001 - it has no other door
        if await self._check.refusal(presented, "imap") is not None:
            raise InvalidAuth
        return self.mailbox(presented.user)

    def mailbox(self, user: str) -> Identity:
        self.users_dict.setdefault(user, UserMetadata(self.config, user))
        return Identity(user, self, None, frozenset())


class Imap:
    def __init__(self, check: TokenCheck, host: str, port: int) -> None:
        self._config = OAuthConfig.from_args(_arguments(host, port))
        self._login = OAuthLogin(self._config, check)

    async def start(self, stack: AsyncExitStack) -> None:
        """Listen until `stack` is closed."""
        backend = DictBackend(self._login, self._config)
        await backend.start(stack)
        await IMAPService(backend, self._config).start(stack)

    async def deliver(self, user: str, mail: bytes) -> None:
        message = AppendMessage(mail, datetime.now(UTC), frozenset())
        async with self._login.mailbox(user).new_session() as session:
            await session.append_messages("INBOX", [message])


def _arguments(host: str, port: int) -> Namespace:
    return Namespace(
        demo_data=False,
        demo_user="nobody",
        demo_password="",
        host=host,
        port=port,
        debug=False,
        cert=None,
        key=None,
        passlib_cfg=None,
        tls=False,
        proxy_protocol=None,
        inherited_sockets=None,
    )
