"""Which of the driver's errors say that the same work may well succeed later."""

import pytest
from bson.errors import InvalidDocument
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DocumentTooLarge,
    DuplicateKeyError,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
    WTimeoutError,
)

from grantkeeper.mongo.client import translate
from grantkeeper.process.errors import Unavailable


def bulk(*codes: int, concerns: tuple[int, ...] = ()) -> BulkWriteError:
    return BulkWriteError(
        {
            "writeErrors": [{"index": index, "code": code} for index, code in enumerate(codes)],
            "writeConcernErrors": [{"code": code} for code in concerns],
        }
    )


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("gone"),
        NotPrimaryError("not primary"),
        WTimeoutError("late", 64),
        WriteConcernError("too few members", 100),
        OperationFailure("stepped down", 189),
        OperationFailure("shuts down", 91),
        OperationFailure("write conflict", 112),
        OperationFailure("no space left on device", 14031),
        OperationFailure("over your space quota", 8000),
        OperationFailure("password changed", 18),
        OperationFailure("role withdrawn", 13),
        bulk(11602, 11602),
        bulk(concerns=(189,)),
        bulk(11600, concerns=(64,)),
    ],
    ids=str,
)
def test_what_is_mended_at_the_server_is_an_outage(error: PyMongoError) -> None:
    with pytest.raises(Unavailable, match=f"MongoDB: {type(error).__name__}"), translate():
        raise error


@pytest.mark.parametrize(
    "error",
    [
        DuplicateKeyError("twice", 11000),
        DocumentTooLarge("17 MB"),
        InvalidDocument("not text"),
        OperationFailure("document failed validation", 121),
        OperationFailure("unknown operator", 9),
        bulk(11602, 11000),
        bulk(),
    ],
    ids=str,
)
def test_what_was_asked_wrongly_passes_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)), translate():
        raise error
