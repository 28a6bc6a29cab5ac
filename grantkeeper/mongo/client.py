"""The one door to MongoDB: how a process connects, and what of the driver's errors others see."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import ReadPreference, WriteConcern
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern

from grantkeeper.process.clock import Clock
from grantkeeper.process.errors import Unavailable
from grantkeeper.process.logging import get_logger
from grantkeeper.process.settings import MongoSettings, SettingsError

log = get_logger(__name__)

Document = dict[str, Any]
Database = AsyncIOMotorDatabase[Document]

RETRY_PAUSE: Final = 2.0
"""Seconds between two tries to reach MongoDB at start."""
PING_EVERY: Final = 5.0
"""Seconds between two questions whether it still answers, for /readyz."""
_TRANSIENT: Final = ("TransientTransactionError", "UnknownTransactionCommitResult", "RetryableWriteError")
_AWAY: Final = frozenset(
    {
        *(6, 7, 24, 64, 89, 91, 100, 112, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436),
        *(13, 18, 391),
        *(8000, 14031),
    }
)
"""Codes of errors that say nothing about what was asked (src/mongo/base/error_codes.yml): the server stops, changes
roles, cannot replicate or is late; the login was withdrawn or changed; there is no room. All of it is mended there."""


def connect(settings: MongoSettings, *, service: str) -> Database:
    """Make a client and return its database: majority writes that reached the journal, aware times. No IO yet."""
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
        settings.uri.get_secret_value(),
        appname=f"grantkeeper-{service}",
        serverSelectionTimeoutMS=int(settings.server_selection_timeout * 1000),
        tz_aware=True,
        retryWrites=True,
        retryReads=True,
        **_tls(settings),
    )
    return client.get_database(
        settings.database,
        write_concern=WriteConcern(w="majority", j=True),
        read_concern=ReadConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )


def _tls(settings: MongoSettings) -> dict[str, Any]:
    files = {"tlsCAFile": settings.tls_cafile, "tlsCertificateKeyFile": settings.tls_certificate_key_file}
    given = {name: str(path) for name, path in files.items() if path is not None}
    return {"tls": True, **given} if given else {}


@contextmanager
def translate() -> Iterator[None]:
    """Turn the driver's "away, not in time, or not now" into Unavailable; every other error passes as it is."""
    try:
        yield
    except (ConnectionFailure, ExecutionTimeout, WaitQueueTimeoutError, WTimeoutError) as error:
        raise Unavailable(f"MongoDB: {type(error).__name__}") from error
    except PyMongoError as error:
        if any(error.has_error_label(label) for label in _TRANSIENT) or _is_away(error):
            raise Unavailable(f"MongoDB: {type(error).__name__}") from error
        raise


def _is_away(error: PyMongoError) -> bool:
    codes = _codes(error)
    return bool(codes) and codes <= _AWAY


def _codes(error: PyMongoError) -> set[int | None]:
    """Return what a server complained of; a bulk write of many operations may have met several things."""
    if isinstance(error, BulkWriteError):
        met = (*error.details.get("writeErrors", ()), *error.details.get("writeConcernErrors", ()))
        return {one.get("code") for one in met}
    return {error.code} if isinstance(error, OperationFailure) else set()


class MongoConnection:
    """The database of a process, as a part of it (start, stop, problems)."""

    def __init__(self, settings: MongoSettings, *, service: str, clock: Clock) -> None:
        self.database = connect(settings, service=service)
        self._clock = clock
        self._problem: str | None = "MongoDB has not answered yet"
        self._pinging: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when MongoDB answers; waits while it is away. Raises SettingsError where it is no replica set."""
        while not await self._ping():
            log.warning("MongoDB is away, will be tried again", error=self._problem, pause=RETRY_PAUSE)
            await self._clock.sleep(RETRY_PAUSE)
        await self._refuse_standalone()
        self._pinging = asyncio.create_task(self._keep_asking(), name="mongo ping")

    async def stop(self) -> None:
        """Close all connections."""
        if self._pinging is not None:
            self._pinging.cancel()
            await asyncio.wait([self._pinging])
        self.database.client.close()

    def problems(self) -> list[str]:
        """Say whether the last question was answered."""
        return [] if self._problem is None else [self._problem]

    async def _refuse_standalone(self) -> None:
        with translate():
            hello = await self.database.client.admin.command("hello")
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise SettingsError(
                "GRANTKEEPER_MONGO__URI names a server that is no replica set, and transactions need one: "
                "start mongod with --replSet, initiate it, and add ?replicaSet=NAME to the URI"
            )

    async def _keep_asking(self) -> None:
        while True:
            await self._clock.sleep(PING_EVERY)
            await self._ping()

    async def _ping(self) -> bool:
        try:
            await self.database.command("ping")
        except PyMongoError as error:
            self._problem = f"MongoDB does not answer: {type(error).__name__}"
        else:
            self._problem = None
        return self._problem is None
