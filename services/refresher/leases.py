"""The lease as the documents of `grants` keep it: who may take it, what taking it, giving it back and waiting change.

All by the database's own clock, in updates that need no look before: `$$NOW` is the same for every process.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from services.refresher.document import Document, waiter_document
from services.refresher.domain.record import ATTEMPTS_KEPT, LOST_ATTEMPT, Waiter
from services.refresher.domain.serving import WAITERS_MAX

LEASE_SECONDS: Final = 20
"""The whole POST may take 15 s; the rest is for storing its result."""

_FREE: Final = {"$lte": [{"$ifNull": ["$lease.until", "$$NOW"]}, "$$NOW"]}


def claimable() -> Document:
    """Due by the database's clock, and free."""
    due = {"$and": [{"$gt": ["$due", None]}, {"$lte": ["$due", "$$NOW"]}, _FREE]}
    return {"$expr": due}


def lease_update(token: str) -> list[Document]:
    """Take the lease; one that is found there means that an outcome is unknown, as the history then says."""
    until = _lease_end()
    is_lost = {"$ifNull": ["$lease.token", False]}
    was_due = {"$ifNull": ["$lease.due", "$due"]}
    return [
        {
            "$set": {
                "grant.unknown": {"$add": ["$grant.unknown", {"$cond": [is_lost, 1, 0]}]},
                "attempts": {"$cond": [is_lost, _with_lost_attempt(), "$attempts"]},
                "lease": {"token": {"$literal": token}, "until": until, "due": was_due},
                "due": until,
                "sequence": {"$add": ["$sequence", 1]},
            }
        }
    ]


def released() -> list[Document]:
    """Give the lease back, under which nothing was sent, and with it the place among what is due."""
    was_due = {"$ifNull": ["$lease.due", "$$NOW"]}
    return [{"$set": {"lease": None, "due": was_due, "sequence": {"$add": ["$sequence", 1]}}}]


def put_off() -> list[Document]:
    """Give the lease of what cannot be worked on here back, for another process to try.

    Not at once: it would be claimed again and again before all others.
    """
    return [{"$set": {"lease": None, "due": _lease_end(), "sequence": {"$add": ["$sequence", 1]}}}]


def _lease_end() -> Document:
    return {"$add": ["$$NOW", LEASE_SECONDS * 1000]}  # milliseconds


def _with_lost_attempt() -> Document:
    """Return the history with the attempt of which only the lease is left; it began when that was taken."""
    began = {"$subtract": ["$lease.until", LEASE_SECONDS * 1000]}
    lost = {name: {"$literal": value} for name, value in asdict(LOST_ATTEMPT).items()} | {"at": began}
    return {"$slice": [{"$concatArrays": [{"$ifNull": ["$attempts", []]}, [lost]]}, -ATTEMPTS_KEPT]}


def waiter_update(waiters: Sequence[Waiter]) -> list[Document]:
    """Append, each id once, up to the limit; due at the next allowed moment where no lease lives.

    Who does not listen any more makes room: the limit is for those who do.
    """
    ids = [waiter.id for waiter in waiters]
    asks_again = {"$in": ["$$this.id", {"$literal": ids}]}
    is_gone = {"$lte": [{"$ifNull": ["$$this.deadline", datetime.max.replace(tzinfo=UTC)]}, "$$NOW"]}
    others = {"$filter": {"input": "$waiters", "cond": {"$not": [{"$or": [asks_again, is_gone]}]}}}
    added = {"$literal": [waiter_document(waiter) for waiter in waiters]}
    soonest = {"$max": ["$$NOW", "$not_before"]}
    earlier = {"$min": [soonest, "$due"]}
    return [
        {
            "$set": {
                "waiters": {"$slice": [{"$concatArrays": [others, added]}, WAITERS_MAX]},
                "due": {"$cond": [_FREE, earlier, "$due"]},
                "sequence": {"$add": ["$sequence", {"$cond": [_FREE, 1, 0]}]},
            }
        }
    ]
