"""Faults on command: what is to go wrong, for which requests, and how often.

The first fault in the list that fits a request is used up by it. A fault with neither status, name nor body lets the
endpoint do its work and spoils what comes of it; one with an answer of its own replaces the work, unless `processed`.
At the authorization endpoint the answer is the redirect's query: a named error is sent there, fields are spoiled there.
"""

import json
from collections.abc import Mapping
from email.utils import formatdate
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from devstack.provider.answer import JSON, Answer
from devstack.provider.issuing import Twist
from devstack.provider.replies import named_answer, names

Endpoint = Literal[
    "token", "revoke", "introspect", "discovery", "jwks", "userinfo", "authorize", "device_authorization"
]
Wait = Annotated[float, Field(ge=0, le=3600)]


class Delivery(StrEnum):
    """How the answer's bytes leave."""

    WHOLE = "whole"
    HALF = "half"  # the head and half of the body, then the connection closes
    LOST = "lost"  # not one byte, the connection closes
    ENDLESS = "endless"  # a body that goes on until the client gives up


class Fault(BaseModel):
    """One order. Empty conditions fit everything; `next` is how many requests it takes, none: until cleared."""

    model_config = ConfigDict(extra="forbid")

    realm: str | None = None
    endpoint: Endpoint = "token"
    client_id: str | None = None
    grant_type: str | None = None
    next: int | None = Field(default=None, ge=1)

    delay_before: Wait = Field(default=0, description="seconds before the work is done")
    delay: Wait = Field(default=0, description="seconds between the work and the answer")

    named: str | None = Field(default=None, description="a known bad answer, e.g. microsoft:700082 or proxy:forbidden")
    status: int | None = Field(default=None, ge=200, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    retry_after: str | None = Field(default=None, description="seconds or an HTTP date")
    retry_after_date: Wait | None = Field(default=None, description="seconds from the answer, sent as an HTTP date")
    body: str | None = None
    content_type: str = JSON
    processed: bool = Field(default=False, description="do the work although another answer is sent")

    change: dict[str, JsonValue] = Field(default_factory=dict, description="fields set in a good answer")
    drop: tuple[str, ...] = Field(default=(), description="fields left out of a good answer")
    same_access_token: bool = False
    no_rotation: bool = Field(default=False, description="this once the refresh token stays, and none is answered")
    scope: str | None = Field(default=None, description="the scope really granted")

    delivery: Delivery = Delivery.WHOLE

    @field_validator("retry_after", mode="before")
    @classmethod
    def _seconds(cls, value: object) -> object:
        return str(value) if isinstance(value, int | float) else value

    @field_validator("named")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in names():
            raise ValueError(f"no bad answer is called {value!r}; known: {', '.join(names())}")
        return value

    @model_validator(mode="after")
    def _fits_in_a_redirect(self) -> Self:
        if self.endpoint == "authorize" and self.named is not None and self.named.startswith("proxy:"):
            raise ValueError(f"{self.named} is no OAuth error: a redirect cannot carry it")
        return self

    @property
    def replaces_work(self) -> bool:
        return self.has_answer and not self.processed

    @property
    def has_answer(self) -> bool:
        return self.named is not None or self.status is not None or self.body is not None

    @property
    def twist(self) -> Twist:
        return Twist(self.same_access_token, self.scope, self.no_rotation)

    def answer(self, now: float) -> Answer:
        """The answer this fault has of its own."""
        ready = named_answer(self.named, now) if self.named is not None else _plain(self.status or 200)
        status = ready.status if self.status is None else self.status
        body = ready.body if self.body is None else self.body.encode()
        content_type = ready.content_type if self.body is None else self.content_type
        return Answer(status, body, content_type, {**ready.headers, **self._headers(now)})

    def spoil(self, answer: Answer, now: float) -> Answer:
        """The endpoint's own answer with fields changed, dropped, and headers added."""
        body = answer.body
        if answer.ok and (self.change or self.drop):
            body = json.dumps(_spoiled(json.loads(body), self.change, self.drop)).encode()
        return Answer(answer.status, body, answer.content_type, {**answer.headers, **self._headers(now)})

    def redirect(self, answer: Mapping[str, str | None], now: float) -> dict[str, str | None]:
        """The authorization endpoint's answer with a named error in place of the code, and with fields spoiled."""
        told = dict(answer)
        if self.named is not None:
            body = json.loads(self.answer(now).body)
            told.pop("code", None)
            told |= {"error": body["error"], "error_description": body["error_description"]}
        return told | {name: str(value) for name, value in self.change.items()} | dict.fromkeys(self.drop)

    def _headers(self, now: float) -> dict[str, str]:
        after = self.retry_after
        if self.retry_after_date is not None:
            after = formatdate(now + self.retry_after_date, usegmt=True)
        return self.headers if after is None else {**self.headers, "retry-after": after}


class Order(BaseModel):
    """A fault as it is on the list."""

    id: int
    fault: Fault
    hits: int = 0

    def fits(self, endpoint: str, realm: str, client_id: str | None, grant_type: str | None) -> bool:
        fault = self.fault
        wanted = ((fault.realm, realm), (fault.client_id, client_id), (fault.grant_type, grant_type))
        return fault.endpoint == endpoint and all(want is None or want == is_ for want, is_ in wanted)

    @property
    def used_up(self) -> bool:
        return self.fault.next is not None and self.hits >= self.fault.next


class FaultPlan:
    """The orders still open, oldest first."""

    def __init__(self) -> None:
        self._orders: list[Order] = []
        self._last_id = 0

    def add(self, fault: Fault) -> Order:
        self._last_id += 1
        order = Order(id=self._last_id, fault=fault)
        self._orders.append(order)
        return order

    def take(self, endpoint: str, realm: str, client_id: str | None, grant_type: str | None) -> Order | None:
        """The order for this request, counted; used-up orders leave the list."""
        for order in self._orders:
            if order.fits(endpoint, realm, client_id, grant_type):
                order.hits += 1
                if order.used_up:
                    self._orders.remove(order)
                return order
        return None

    def clear(self, order_id: int | None = None) -> int:
        """Take back one order, or all; returns how many."""
        kept = [order for order in self._orders if order_id is not None and order.id != order_id]
        cleared = len(self._orders) - len(kept)
        self._orders = kept
        return cleared

    def open(self) -> list[Order]:
        return list(self._orders)


def _plain(status: int) -> Answer:
    return Answer(status, f"status {status} on command".encode(), "text/plain")


def _spoiled(body: dict[str, Any], change: dict[str, JsonValue], drop: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in (body | change).items() if name not in drop}
