"""One transaction from begin to commit; whoever lost against another writer decides again on what is stored then."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo import WriteConcern
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern

from grantkeeper.mongo.client import Database, translate
from grantkeeper.process.errors import Unavailable

Session = AsyncIOMotorClientSession
T = TypeVar("T")

_DUPLICATE_KEY = 11000


class Conflict(Exception):
    """Another writer was faster, or the outcome is unknown: nothing of this run counts, look and decide again."""


async def in_transaction(database: Database, work: Callable[[Session], Awaitable[T]]) -> T:
    """Run `work` in a transaction and commit; raises Conflict where it must run again.

    `work` may raise Conflict itself. All its reads see one moment; it must have no effect but in MongoDB. Raises
    Unavailable while MongoDB is away.
    """
    try:
        with translate():
            session = await database.client.start_session()
            async with session, session.start_transaction(ReadConcern("snapshot"), WriteConcern(w="majority", j=True)):
                return await work(session)
    except (DuplicateKeyError, BulkWriteError) as error:
        if _is_duplicate(error):
            raise Conflict from error
        raise
    except Unavailable as error:
        if _was_outrun(error.__cause__):
            raise Conflict from error
        raise


def _is_duplicate(error: DuplicateKeyError | BulkWriteError) -> bool:
    details: Any = error.details or {}
    codes = [error.code, *(failure["code"] for failure in details.get("writeErrors", ()))]
    return _DUPLICATE_KEY in codes


def _was_outrun(cause: BaseException | None) -> bool:
    # A commit of unknown outcome too: the inbox tells next time whether it counted.
    labels = ("TransientTransactionError", "UnknownTransactionCommitResult")
    return isinstance(cause, PyMongoError) and any(cause.has_error_label(label) for label in labels)
