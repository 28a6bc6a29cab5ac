"""Access tokens for mail programs: asked for once, kept until they near their end, in memory alone."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from ._ask import Answer, Asker
from ._codec import format_time
from ._credentials import Credential, load_credential
from ._exceptions import SealError
from ._sealing import open_for_principal

_TOPIC: Final = "token.requests"
_GET: Final = "grantkeeper.token.get.v1"
_REPORT_REJECTED: Final = "grantkeeper.token.report_rejected.v1"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """One access token and what a login needs beside it; `value` is never shown.

    `user` is the SASL login, None where Grantkeeper does not know it. `name` is the token config's name of today,
    `renamed` says that it was asked for by an older one. `servers` holds host:port of imap, pop3 and smtp, where known.
    """

    value: str = field(repr=False)
    expires_at: datetime
    config_id: str
    generation: int
    user: str | None
    name: str
    renamed: bool = False
    mechanism: str = "XOAUTH2"
    servers: Mapping[str, str | None] = field(default_factory=dict)

    def is_good_for(self, seconds: float, now: datetime) -> bool:
        """Tell whether it lasts at least so many seconds more."""
        return (self.expires_at - now).total_seconds() >= seconds


@dataclass(frozen=True, slots=True)
class _Flight:
    min_validity: int
    task: asyncio.Task[AccessToken]


class Grantkeeper:
    """Gets access tokens by a token config's name or id; one object for a whole program.

    `security` is what `kafka_security` returns; None means plain connections.
    """

    def __init__(self, credential: Credential | str | Path, *, security: Mapping[str, Any] | None = None) -> None:
        self._credential = credential if isinstance(credential, Credential) else load_credential(credential)
        self._asker = Asker(self._credential, security=security)
        self._kept: dict[str, AccessToken] = {}
        self._flights: dict[str, _Flight] = {}

    async def start(self) -> None:
        """Connect; raises NoReply where the servers are not there."""
        await self._asker.start()

    async def stop(self) -> None:
        """Close the connection and forget every access token."""
        await self._asker.stop()
        self._kept.clear()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def get_access_token(
        self, name: str, *, min_validity: int = 60, deadline: timedelta = timedelta(seconds=10)
    ) -> AccessToken:
        """Return an access token that lasts at least `min_validity` seconds; raises ReplyError or NoReply.

        Any number of callers that want the same one at the same time ask once.
        """
        while True:
            kept = self._kept.get(name)
            if kept is not None and kept.is_good_for(min_validity, datetime.now(UTC)):
                return kept
            flight = self._flights.get(name)
            if flight is None:
                flight = self._depart(name, min_validity, deadline)
            if flight.min_validity >= min_validity:
                return await asyncio.shield(flight.task)
            # Somebody asks already, but for less: see what comes, then decide.
            await asyncio.wait([flight.task])

    async def report_rejected(
        self, name: str, generation: int, *, deadline: timedelta = timedelta(seconds=30)
    ) -> AccessToken:
        """Say that a mail server refused the access token of this generation, and return a newer one.

        A newer one that is there already is returned at once, else one refresh is made. Raises ReplyError:
        `retry_later` or `refresh_failed` with `retry_after` where none can be had now, `generation_conflict` for a
        generation that never was.
        """
        kept = self._kept.get(name)
        if kept is not None and kept.generation == generation:
            del self._kept[name]
        data = {"config": name, "generation": generation}
        return self._keep(name, await self._asker.ask(_TOPIC, _REPORT_REJECTED, data, deadline=deadline))

    def _depart(self, name: str, min_validity: int, deadline: timedelta) -> "_Flight":
        # A task of its own: who asked first may be cancelled, and those who joined still get their answer.
        flight = _Flight(min_validity, asyncio.create_task(self._fetch(name, min_validity, deadline)))
        self._flights[name] = flight
        flight.task.add_done_callback(lambda _: self._land(name, flight))
        return flight

    def _land(self, name: str, flight: "_Flight") -> None:
        del self._flights[name]
        if not flight.task.cancelled():
            flight.task.exception()  # seen here, should every caller be gone

    async def _fetch(self, name: str, min_validity: int, deadline: timedelta) -> AccessToken:
        data = {"config": name, "min_validity": min_validity}
        return self._keep(name, await self._asker.ask(_TOPIC, _GET, data, deadline=deadline))

    def _keep(self, name: str, answer: Answer) -> AccessToken:
        token = open_access_token(self._credential, answer)
        kept = self._kept.get(name)
        # Answers may overtake each other: one that is older in both ways must not replace what was got since.
        if kept is None or token.generation >= kept.generation or token.expires_at >= kept.expires_at:
            self._kept[name] = token
        return token


def open_access_token(credential: Credential, answer: Answer) -> AccessToken:
    """Open the sealed access token of an answer, bound to config, generation, expiry and question; raises SealError."""
    try:
        expires_at = datetime.fromisoformat(answer["expires_at"])
        bound = {
            "config_id": answer["config_id"],
            "generation": str(answer["generation"]),
            "expires_at": format_time(expires_at),
            "correlation_id": answer.correlation_id,
        }
        return AccessToken(
            value=open_for_principal(credential.sealing_key, answer["access_token"], bound=bound),
            expires_at=expires_at,
            config_id=answer["config_id"],
            generation=int(answer["generation"]),
            user=answer.get("user"),
            name=answer["name"],
            renamed=bool(answer.get("renamed", False)),
            mechanism=answer.get("mechanism", "XOAUTH2"),
            servers=answer.get("servers") or {},
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SealError("secret_unreadable", "the reply is not an access token") from None
