"""Topic `token.requests`: what mail modules and admins ask; a batch is committed when all is answered or stored."""

import asyncio
from collections.abc import Callable, Sequence

from grantkeeper.bus.received import Received, ReplyTo
from grantkeeper.bus.reply import Replier
from grantkeeper.process.failpoints import Failpoints
from schemas.replies import Reply
from schemas.token_requests import (
    AuthorizationComplete,
    AuthorizationDevice,
    AuthorizationStart,
    CredentialIssue,
    EngineResume,
    EngineStatusGet,
    EngineStop,
    GrantAdopt,
    TokenGet,
    TokenList,
    TokenRefresh,
    TokenReportRejected,
    TokenRevoke,
    TokenStatusGet,
)
from services.refresher.access import Asked, admit
from services.refresher.adoption import AdoptionRequests
from services.refresher.answers import refusal, status_reply
from services.refresher.authorizations import Returns, Starts
from services.refresher.clients import Clients
from services.refresher.credentials import Credentials
from services.refresher.device_login import DeviceRequests
from services.refresher.domain.serving import Refuse
from services.refresher.engine_requests import EngineRequest, EngineRequests
from services.refresher.gets import Gets
from services.refresher.overview import Overview
from services.refresher.requested import Requested
from services.refresher.store import GrantStore

AboutOne = (
    TokenReportRejected
    | TokenRefresh
    | TokenRevoke
    | TokenStatusGet
    | AuthorizationStart
    | AuthorizationComplete
    | AuthorizationDevice
    | GrantAdopt
)


class TokenRequests:
    """The handler of the topic; `wake` starts the attempt loop at once."""

    def __init__(
        self,
        store: GrantStore,
        gets: Gets,
        about_one: "AboutOneGrant",
        about_all: "AboutAll",
        replier: Replier,
        wake: Callable[[], None],
        failpoints: Failpoints,
    ) -> None:
        self._store = store
        self._gets = gets
        self._about_one = about_one
        self._about_all = about_all
        self._replier = replier
        self._wake = wake
        self._failpoints = failpoints

    async def handle(self, batch: Sequence[Received]) -> None:
        """Answer the requests for access tokens first, then everything else."""
        gets = [(received, received.message) for received in batch]
        hits = [(received, message) for received, message in gets if isinstance(message, TokenGet)]
        if hits and await self._gets.answer(hits):
            self._wake()
        others = [received for received, message in gets if not isinstance(message, TokenGet)]
        replies = await asyncio.gather(*(self._one(received) for received in others))
        await self._failpoints.reach("refresher.requested")
        ready: list[tuple[Received | ReplyTo, Reply]] = [
            (received, reply) for received, reply in zip(others, replies, strict=True) if reply is not None
        ]
        if ready:
            await self._replier.many(ready)
        if len(ready) < len(others):
            self._wake()

    async def _one(self, received: Received) -> Reply | None:
        message = received.message
        match message:
            case TokenList() | CredentialIssue() | EngineStatusGet() | EngineStop() | EngineResume():
                return await self._about_all.answer(received, message)
            case (
                TokenReportRejected()
                | TokenRefresh()
                | TokenRevoke()
                | TokenStatusGet()
                | AuthorizationStart()
                | AuthorizationComplete()
                | AuthorizationDevice()
                | GrantAdopt()
            ):
                records = await self._store.resolve([message.config])
                asked = admit(received, message, message.config, records.get(message.config))
                return refusal(asked) if isinstance(asked, Refuse) else await self._about_one.answer(asked, message)
            case _:
                raise TypeError(f"{type(message).__name__} is no request of this topic")


class AboutAll:
    """Requests about no single grant."""

    def __init__(self, overview: Overview, credentials: Credentials, engine: EngineRequests) -> None:
        self._overview = overview
        self._credentials = credentials
        self._engine = engine

    async def answer(self, received: Received, message: TokenList | CredentialIssue | EngineRequest) -> Reply:
        """Return the reply."""
        match message:
            case TokenList():
                return await self._overview.page(message)
            case CredentialIssue():
                return self._credentials.issue(received, message)
            case EngineStatusGet() | EngineStop() | EngineResume():
                return await self._engine.answer(received, message)


class AboutOneGrant:
    """Requests about one grant, by what they ask."""

    def __init__(self, requested: Requested, logins: "LoginRequests", clients: Clients) -> None:
        self._requested = requested
        self._logins = logins
        self._clients = clients

    async def answer(self, asked: Asked, message: AboutOne) -> Reply | None:
        """Return the reply; None = the attempt loop answers."""
        match message:
            case TokenStatusGet():
                faulty = self._clients.is_faulty(asked.record.client)
                return status_reply(asked.record, renamed=asked.renamed, client_faulty=faulty)
            case TokenReportRejected():
                return await self._requested.report_rejected(asked, message)
            case TokenRefresh():
                return await self._requested.refresh(asked, message)
            case TokenRevoke():
                return await self._requested.revoke(asked, message)
            case AuthorizationStart() | AuthorizationComplete() | AuthorizationDevice() | GrantAdopt():
                return await self._logins.answer(asked, message)


class LoginRequests:
    """Requests by which a person brings a grant."""

    def __init__(self, starts: Starts, returns: Returns, devices: DeviceRequests, adoptions: AdoptionRequests) -> None:
        self._starts = starts
        self._returns = returns
        self._devices = devices
        self._adoptions = adoptions

    async def answer(
        self, asked: Asked, message: AuthorizationStart | AuthorizationComplete | AuthorizationDevice | GrantAdopt
    ) -> Reply | None:
        """Return the reply; None = the attempt loop answers."""
        match message:
            case AuthorizationStart():
                return await self._starts.start(asked, message)
            case AuthorizationComplete():
                return await self._returns.complete(asked, message)
            case AuthorizationDevice():
                return await self._devices.start(asked)
            case GrantAdopt():
                return await self._adoptions.adopt(asked, message)
