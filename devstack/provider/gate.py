"""The way into the form endpoints: read, note in the journal, apply a fault, answer, note the end."""

from collections.abc import Callable

import orjson
from starlette.types import Receive, Scope, Send

from devstack.provider.answer import Answer
from devstack.provider.client_auth import caller, claimed_client_id
from devstack.provider.delivery import deliver, hold
from devstack.provider.errors import Reason, Refused, refusal
from devstack.provider.faults import Delivery, Fault, FaultPlan
from devstack.provider.form import FormRequest, parse_form
from devstack.provider.issuing import Twist
from devstack.provider.journal import Entry, Journal
from devstack.provider.provider import Provider
from devstack.provider.records import fingerprint

Work = Callable[[FormRequest, Twist], Answer]
LONGEST_BODY = 2_000_000  # bytes: tokens of a megabyte are tried out too
NO_FAULT = Fault()


class Gate:
    """An ASGI endpoint below `/{realm}` around the rules of one endpoint."""

    def __init__(self, endpoint: str, work: Work, provider: Provider, plan: FaultPlan, journal: Journal) -> None:
        self._endpoint = endpoint
        self._work = work
        self._provider = provider
        self._plan = plan
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        realm = scope["path_params"]["realm"]
        if realm not in self._provider.realms:
            await deliver(Answer(404, b"no such realm", "text/plain"), Delivery.WHOLE, scope, receive, send)
            return
        try:
            request = FormRequest(realm, parse_form(await _body(receive)), _header(scope, b"authorization"))
        except Refused as refused:
            answer = self._refusal(refused.reason, realm)
            await deliver(answer, Delivery.WHOLE, scope, receive, send)
            return
        await self._answer(request, scope, receive, send)

    async def _answer(self, request: FormRequest, scope: Scope, receive: Receive, send: Send) -> None:
        client_id = claimed_client_id(request)
        entry = self._journal.begin(self._endpoint, request, client_id, self._provider.clock())
        order = self._plan.take(self._endpoint, request.realm, client_id, entry.grant_type)
        fault = NO_FAULT if order is None else order.fault
        entry.fault = None if order is None else order.id
        entry.caller = caller(_header(scope, b"proxy-authorization"))
        try:
            await hold(fault.delay_before, receive)  # a request once received is worked on, client or not
            answer = self._result(request, fault, entry)
            note_result(entry, answer)
            await hold(self._provider.realms[request.realm].answer_after + fault.delay, receive)
            entry.ending = await deliver(answer, fault.delivery, scope, receive, send)
        finally:
            entry.finished_at = self._provider.clock()

    def _result(self, request: FormRequest, fault: Fault, entry: Entry) -> Answer:
        if fault.replaces_work:
            return fault.answer(self._provider.clock())
        entry.processed = True
        answer = self._worked(request, fault.twist)
        self._provider.store.flush()
        entry.issued = _issued(answer)
        now = self._provider.clock()
        return fault.answer(now) if fault.has_answer else fault.spoil(answer, now)

    def _worked(self, request: FormRequest, twist: Twist) -> Answer:
        try:
            return self._work(request, twist)
        except Refused as refused:
            return self._refusal(refused.reason, request.realm)

    def _refusal(self, reason: Reason, realm: str) -> Answer:
        return refusal(reason, self._provider.realms[realm].flavour, self._provider.clock())


def note_result(entry: Entry, answer: Answer) -> None:
    entry.status = answer.status
    entry.outcome = "ok" if answer.ok else answer.error or f"http_{answer.status}"


def _issued(answer: Answer) -> str | None:
    """The fingerprint of the refresh token that the work yielded, whether or not it will arrive."""
    if not answer.ok or not answer.content_type.startswith("application/json"):
        return None
    refresh_token = orjson.loads(answer.body).get("refresh_token")
    return None if refresh_token is None else fingerprint(refresh_token)


async def _body(receive: Receive) -> bytes:
    pieces, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(Reason.MALFORMED)
        piece = message.get("body", b"")
        pieces.append(piece)
        size += len(piece)
        if size > LONGEST_BODY:
            raise Refused(Reason.MALFORMED)
        more = message.get("more_body", False)
    return b"".join(pieces)


def _header(scope: Scope, wanted: bytes) -> str | None:
    for name, value in scope["headers"]:
        if name == wanted:
            return str(value, "latin-1")
    return None
