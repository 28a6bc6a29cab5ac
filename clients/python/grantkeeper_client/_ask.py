"""Request and reply over Kafka, for one principal.

Where the answer goes follows from who asks: the principal's own reply topic, read without a group from the end it had
before the first question was sent. Replies carry the asker's own signature, so nobody else can answer. A question is
asked again as the same bytes, since its id makes doing it twice the same as once.
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner

from ._codec import Envelope, decode, encode
from ._credentials import Credential
from ._exceptions import MalformedMessage, NoReply, ReplyError
from ._signing import sign, verify

REPLY_TYPE: Final = "grantkeeper.reply.v1"
# Seconds after the first try, each at the next partition: another replica takes it when one is being killed.
ASK_AGAIN_AFTER: Final = (1.0, 2.0, 4.0)
# The contract's bound between time and expirytime.
LONGEST_DEADLINE: Final = timedelta(minutes=10)
_START_DEADLINE: Final = 20.0
# Seconds before a retryable error is asked again where it names none itself; doubled each time up to the last.
_FIRST_PAUSE: Final = 0.1
_LAST_PAUSE: Final = 2.0
_POLL: Final = 0.1
# As Kafka's own clients do: one key goes to one partition whoever sends it, no key to any.
_choose_partition: Final = DefaultPartitioner()


class Answer(dict[str, Any]):
    """The result of a reply, and the correlation id under which it came: what is sealed in it is bound to that."""

    def __init__(self, result: Mapping[str, Any], correlation_id: str) -> None:
        super().__init__(result)
        self.correlation_id = correlation_id


class Asker:
    """Asks services and gets their answers; one connection for any number of questions at once.

    `security` is what `kafka_security` returns; None means plain connections.
    """

    def __init__(
        self,
        credential: Credential,
        *,
        security: Mapping[str, Any] | None = None,
        client_id: str = "grantkeeper-client",
    ) -> None:
        self._credential = credential
        self._key = credential.signer()
        self._connection = {
            "bootstrap_servers": credential.bootstrap_servers,
            "client_id": client_id,
            **(security or {}),
        }
        self._replies = TopicPartition(f"{credential.prefix}replies.{credential.principal}", 0)
        self._waiting: dict[str, asyncio.Future[Mapping[str, Any]]] = {}
        self._topics: frozenset[str] = frozenset()
        self._trouble: BaseException | None = None
        self._running: contextlib.AsyncExitStack | None = None

    async def start(self) -> None:
        """Connect and take the end of the reply topic; raises NoReply where the servers or the topic are not there."""
        async with contextlib.AsyncExitStack() as starting:
            try:
                async with asyncio.timeout(_START_DEADLINE):
                    await self._connect(starting)
            except (KafkaError, TimeoutError) as error:
                raise NoReply(self._why_not_started(error)) from error
            reading = asyncio.create_task(self._read_replies())
            starting.push_async_callback(_end, reading)
            self._running = starting.pop_all()

    async def stop(self) -> None:
        """Close the connection; questions that are still open end with NoReply."""
        running, self._running = self._running, None
        if running is not None:
            await running.aclose()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(NoReply("the asker was stopped before the answer came"))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def ask(
        self,
        topic: str,
        type: str,  # noqa: A002 - CloudEvents calls it so
        data: Mapping[str, Any],
        *,
        key: bytes | None = None,
        subject: str | None = None,
        deadline: timedelta = timedelta(seconds=10),
        actor: str | None = None,
        message_id: str | None = None,
    ) -> Answer:
        """Send a command or request and return its result.

        `topic` is the name without prefix; `actor` the person behind it, where the principal may say so; `message_id`
        makes sending it in two processes the same as once. Raises ReplyError, also for the last refusal that was to
        be asked again; NoReply where nothing was heard until `deadline`.
        """
        if self._running is None:
            raise RuntimeError("not started: use `async with`, or call start() first")
        value = _write(data if actor is None else {**data, "actor": actor})
        now = asyncio.get_running_loop().time
        end = now() + min(deadline, LONGEST_DEADLINE).total_seconds()
        pause = _FIRST_PAUSE
        error: ReplyError | None = None
        while True:
            question = self._question(topic, type, value, key, subject, end - now(), message_id)
            try:
                reply = await self._exchange(question, end)
            except NoReply:
                if error is not None:
                    raise error from None  # a service runs and has said why: no time was left to hear it once more
                raise
            correlation_id = question.correlation_id or ""
            if reply.get("ok") is True:
                return Answer(reply.get("result") or {}, correlation_id)
            error = _reply_error(reply)
            wait = pause if error.retry_after is None else error.retry_after
            if not error.retryable or now() + wait >= end:
                raise error
            await asyncio.sleep(wait)
            pause = min(pause * 2, _LAST_PAUSE)
            message_id = None  # a new question: the answer to the old one stays what it was

    async def _connect(self, starting: contextlib.AsyncExitStack) -> None:
        # Not idempotent: a doubled record is a question asked again, and one round trip is saved.
        self._producer = AIOKafkaProducer(acks="all", **self._connection)
        starting.push_async_callback(self._producer.stop)
        await self._producer.start()
        self._consumer = AIOKafkaConsumer(
            group_id=None, enable_auto_commit=False, auto_offset_reset="earliest", **self._connection
        )
        starting.push_async_callback(self._consumer.stop)
        await self._consumer.start()
        await self._wait_for_topic(self._replies.topic)
        self._consumer.assign([self._replies])
        ends = await self._consumer.end_offsets([self._replies])
        self._consumer.seek(self._replies, ends[self._replies])

    async def _wait_for_topic(self, topic: str) -> None:
        """Wait until a topic is there, by the list of all topics: to ask for one by name may create it."""
        while topic not in self._topics:
            self._topics = frozenset(await self._consumer.topics())
            if topic not in self._topics:
                await asyncio.sleep(_POLL)

    def _question(
        self,
        topic: str,
        type: str,  # noqa: A002 - CloudEvents calls it so
        value: bytes,
        key: bytes | None,
        subject: str | None,
        seconds: float,
        message_id: str | None,
    ) -> Envelope:
        now = datetime.now(UTC)
        envelope = Envelope(
            topic=self._credential.prefix + topic,
            key=key,
            id=message_id or str(uuid4()),
            type=type,
            source=f"/principals/{self._credential.principal}",
            time=now,
            value=value,
            subject=subject,
            expirytime=now + timedelta(seconds=seconds),
            correlation_id=str(uuid4()),
        )
        return sign(envelope, self._key)

    async def _exchange(self, question: Envelope, end: float) -> Mapping[str, Any]:
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        correlation_id = question.correlation_id or ""
        self._waiting[correlation_id] = answer
        try:
            async with asyncio.timeout_at(end):
                await self._send_until_answered(question, answer)
                return await answer
        except TimeoutError:
            raise NoReply(self._why_unanswered(question)) from self._trouble
        finally:
            del self._waiting[correlation_id]

    async def _send_until_answered(self, question: Envelope, answer: "asyncio.Future[Mapping[str, Any]]") -> None:
        await self._wait_for_topic(question.topic)
        partitions = sorted(await self._producer.partitions_for(question.topic))
        first: int = _choose_partition(question.key, partitions, partitions)
        headers = encode(question)
        sent_at = asyncio.get_running_loop().time()
        for number, again in enumerate((*ASK_AGAIN_AFTER, None)):
            await self._send(question, headers, (first + number) % len(partitions))
            if again is None:
                return
            left = sent_at + again - asyncio.get_running_loop().time()
            if left > 0:
                await asyncio.wait([answer], timeout=left)
            if answer.done():
                return

    async def _send(self, question: Envelope, headers: list[tuple[str, bytes]], partition: int) -> None:
        try:
            sent = await self._producer.send(
                question.topic, question.value, question.key, partition=partition, headers=headers
            )
        except MessageSizeTooLargeError:
            raise MalformedMessage("too_large", "the data is longer than a broker takes: send it in parts") from None
        except KafkaError as error:
            self._trouble = error
        else:
            sent.add_done_callback(self._note_trouble)

    def _note_trouble(self, sent: "asyncio.Future[Any]") -> None:
        if not sent.cancelled():
            self._trouble = sent.exception()

    async def _read_replies(self) -> None:
        while True:
            try:
                batches = await self._consumer.getmany(timeout_ms=60_000)
            except KafkaError as error:
                self._trouble = error
                await asyncio.sleep(_LAST_PAUSE)
                continue
            for records in batches.values():
                for record in records:
                    self._take(record)

    def _take(self, record: "ConsumerRecord[bytes, bytes]") -> None:
        correlation_id = (dict(record.headers).get("correlation_id") or b"").decode(errors="replace")
        answer = self._waiting.get(correlation_id)
        if answer is None or answer.done():
            return  # another process of this principal asked, or it was answered before
        reply = self._verified(record)
        if reply is not None:
            answer.set_result(reply)

    def _verified(self, record: "ConsumerRecord[bytes, bytes]") -> Mapping[str, Any] | None:
        try:
            envelope = decode(record.topic, record.key, record.value, record.headers)
            if envelope.type != REPLY_TYPE or envelope.value is None or not verify(envelope, self._key):
                return None
            reply = json.loads(envelope.value)
        except (MalformedMessage, ValueError, RecursionError):
            return None
        return reply if isinstance(reply, dict) else None

    def _why_not_started(self, error: BaseException) -> str:
        where = f"Kafka at {self._credential.bootstrap_servers}"
        if isinstance(error, KafkaError):
            return f"{where} cannot be used ({error}): is it running, and is this the address and the login it wants?"
        return (
            f"{where} has no topic {self._replies.topic} yet: register the principal {self._credential.principal} "
            f"with the configuration service, and check the prefix"
        )

    def _why_unanswered(self, question: Envelope) -> str:
        if question.topic not in self._topics:
            return f"there is no topic {question.topic}: is the service running, and is the prefix the right one?"
        return (
            f"no answer to {question.type} on {question.topic} before the deadline: no service is running, or it "
            f"refused the message without an answer (wrong key, malformed): look at the dead letters"
            + (f"; Kafka says: {self._trouble!r}" if self._trouble else "")
        )


def _write(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _reply_error(reply: Mapping[str, Any]) -> ReplyError:
    error = reply.get("error") or {}
    return ReplyError(
        str(error.get("code", "malformed")),
        str(error.get("message", "the service said no more")),
        retryable=bool(error.get("retryable", False)),
        retry_after=error.get("retry_after"),
        details=error.get("details") or (),
        facts=error.get("facts"),
    )


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
