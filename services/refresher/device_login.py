"""Logins on another device (RFC 8628): the attempt loop fetches a code, shows it, and asks whether it was entered.

The login lies in the grant's own document: a restart loses nothing, and the lease makes sure that one process asks at a
time. The old grant stays until the new one is stored.
"""

from datetime import timedelta
from typing import Final

from grantkeeper.bus.reply import failure as failed_reply
from grantkeeper.bus.reply import success
from grantkeeper.oauth2.device import DeviceAuthorization, next_interval
from grantkeeper.oauth2.discovery import endpoints
from grantkeeper.oauth2.errors import Failure, cure
from grantkeeper.process.logging import get_logger
from schemas.replies import Reply
from schemas.token_requests import DeviceAuthorizationStarted
from services.refresher.access import Asked
from services.refresher.answers import refusal
from services.refresher.clients import Clients
from services.refresher.domain.grant import device_failed, device_started, device_waits
from services.refresher.domain.record import Attempt, DeviceLogin, Record, Wish
from services.refresher.domain.serving import Refuse
from services.refresher.login import START_AGAIN
from services.refresher.login_start import unfit
from services.refresher.provider_calls import ProviderCalls
from services.refresher.returned import hashed
from services.refresher.secrets_at_rest import Secrets
from services.refresher.store import GrantStore
from services.refresher.storing import Ending, Storing
from services.refresher.taking import Taking
from services.refresher.telling import Telling
from services.refresher.wishes import Wishes

log = get_logger(__name__)

_NEW_CODE: Final = "new-device-code"


class DeviceRequests:
    """Takes requests in; None = the attempt loop answers."""

    def __init__(self, wishes: Wishes) -> None:
        self._wishes = wishes

    async def start(self, asked: Asked) -> Reply | None:
        """Have a code fetched; the same question asked again gets the same code."""
        waiter = asked.waiter()
        login_id = hashed(f"device:{waiter.id}")
        device = asked.record.device
        if device is not None and device.id == login_id:
            return started_reply(asked.record, device)
        wish = Wish(id=login_id, kind="device", actor=asked.received.actor, askers=(waiter,))
        refused = await self._wishes.add(asked.record, wish, lambda record, _: _unfit(record))
        return None if refused is None else refusal(refused)


class DeviceLogins:
    """Fetches codes, and asks whether they were entered."""

    def __init__(
        self,
        store: GrantStore,
        calls: ProviderCalls,
        secrets: Secrets,
        taking: Taking,
        storing: Storing,
        telling: Telling,
        clients: Clients,
    ) -> None:
        self._store = store
        self._calls = calls
        self._secrets = secrets
        self._taking = taking
        self._storing = storing
        self._telling = telling
        self._clients = clients

    async def start(self, claimed: Record, wish: Wish, send_by: float) -> None:
        """Fetch a code and tell it; raises TooLate."""
        given = await self._calls.start_device(claimed, send_by)
        if isinstance(given, Failure):
            await self._clients.failed(claimed, given)
            await self._not_started(claimed, wish, given)
            return
        device = self._login(claimed, wish, given)
        ending = Ending(
            lambda record, _: device_started(record, device), "authorization_started", wish=wish.id, actor=wish.actor
        )
        written = await self._storing.end(claimed, ending)
        if written is None:
            await self._telling.tell(wish.askers, failed_reply("authorization_failed", START_AGAIN))
            return
        await self._telling.ended(written)
        await self._telling.tell(wish.askers_in(written.before), started_reply(written.record, device))

    async def poll(self, claimed: Record, device: DeviceLogin, send_by: float) -> None:
        """Ask for the outcome once; raises TooLate."""
        refused = _over(claimed, device) if device.expires_at > self._store.time.now() else _expired()
        if refused is not None:
            await self._end(claimed, device, refused)
            return
        code = self._secrets.device_code(claimed.config_id, device.device_code)
        called = await self._calls.poll_device(claimed, send_by, code)
        if not isinstance(called.outcome, Failure):
            taken = await self._taking.take(claimed, called.outcome, called, device, actor=device.actor)
            if isinstance(taken, str):
                await self._end(claimed, device, _shared(taken), called.attempt)
            elif taken is not None:
                await self._telling.ended(taken)
            return
        interval = next_interval(device.interval, called.outcome)
        if interval is not None:
            await self._wait(claimed, interval)
            return
        kept = await self._taking.failed(claimed, called.outcome)
        await self._end(kept, device, called.outcome, called.attempt)

    def _login(self, claimed: Record, wish: Wish, given: DeviceAuthorization) -> DeviceLogin:
        now = self._store.time.now()
        return DeviceLogin(
            id=wish.id,
            device_code=self._secrets.keep_device_code(claimed.config_id, given.device_code),
            user_code=given.user_code,
            verification_uri=given.verification_uri,
            verification_uri_complete=given.verification_uri_complete,
            origin=claimed.origin,
            scope=claimed.config.scope,
            actor=wish.actor,
            interval=given.interval,
            poll_at=now + timedelta(seconds=given.interval),
            expires_at=now + timedelta(seconds=given.expires_in),
        )

    async def _not_started(self, claimed: Record, wish: Wish, failure: Failure) -> None:
        written = await self._storing.end(claimed, Ending(lambda record, _: record, "reported", wish=wish.id))
        if written is not None:
            await self._telling.ended(written, failed=True)
        facts = {"code": failure.code, "cure_id": failure.cure_id}
        reply = failed_reply("authorization_failed", f"{failure.text} {failure.cure}", facts=facts)
        await self._telling.tell(wish.askers if written is None else wish.askers_in(written.before), reply)

    async def _wait(self, claimed: Record, interval: int) -> None:
        written = await self._storing.end(
            claimed, Ending(lambda record, now: device_waits(record, interval, now), "reported")
        )
        if written is not None:
            await self._telling.ended(written, failed=True)

    async def _end(
        self, claimed: Record, device: DeviceLogin, failure: Failure, attempt: Attempt | None = None
    ) -> None:
        log.info("device login failed", config_id=claimed.config_id, error=failure.code)
        ending = Ending(
            lambda record, now: device_failed(record, failure, now),
            "authorization_failed",
            attempt=attempt,
            actor=device.actor,
        )
        written = await self._storing.end(claimed, ending)
        if written is not None:
            await self._telling.ended(written, failed=True)


def started_reply(record: Record, device: DeviceLogin) -> Reply:
    """Make the reply that tells the code."""
    started = DeviceAuthorizationStarted(
        config_id=record.config_id,
        name=record.config.name,
        user_code=device.user_code,
        verification_uri=device.verification_uri,
        verification_uri_complete=device.verification_uri_complete,
        expected_account=record.config.options.mailbox_login,
        expires_at=device.expires_at,
        interval=device.interval,
    )
    return success(started.model_dump(mode="json", exclude_none=True))


def _unfit(record: Record) -> Refuse | None:
    if not record.deleted and record.config.validity == "invalid":
        return Refuse("off", "this token config is off: set it valid first")
    known = endpoints(record.config).device_authorization is not None or record.config.options.discovery
    if not known:
        text = "the config names no device authorization address: add DeviceAuthorizationEndpoint, or use discovery"
        return unfit(record) or Refuse("authorization_failed", text)
    return unfit(record)


def _over(record: Record, device: DeviceLogin) -> Failure | None:
    if record.deleted:
        return _failure("config_deleted", "the token config was deleted since this login was started")
    if record.config.validity == "invalid":
        return _failure("config_off", "the token config was set invalid since this login was started")
    if device.origin == record.origin:
        return None
    return _failure("client_changed", "the config names another client or server since this login was started")


def _expired() -> Failure:
    return _failure("expired_token", "the code was not entered in time")


def _shared(sentence: str) -> Failure:
    return Failure("config_fault", "config", "grant_shared", _NEW_CODE, cure(_NEW_CODE), sentence)


def _failure(code: str, text: str) -> Failure:
    return Failure("reauthorization", "grant", code, _NEW_CODE, cure(_NEW_CODE), text)
