"""How every Kafka client of a process connects: one place for addresses, TLS and SASL.

Without FastStream: a process that only asks (the console) need not import it, a fifth of its start.
"""

import ssl
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiokafka.errors import InvalidSessionTimeoutError, KafkaError
from aiokafka.helpers import create_ssl_context

from grantkeeper.process.clock import Clock
from grantkeeper.process.logging import get_logger
from grantkeeper.process.settings import KafkaSettings, SettingsError

log = get_logger(__name__)

RETRY_PAUSE = 2.0
"""Seconds between two tries to reach Kafka at start: an operator sees it come back, a log is not flooded."""

T = TypeVar("T")


def ssl_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """Return the TLS context of the settings, None where connections are plain."""
    if not settings.security_protocol.endswith("SSL"):
        return None
    password = settings.ssl_keyfile_password
    context: ssl.SSLContext = create_ssl_context(
        cafile=_text(settings.ssl_cafile),
        certfile=_text(settings.ssl_certfile),
        keyfile=_text(settings.ssl_keyfile),
        password=None if password is None else password.get_secret_value(),
    )
    return context


def aiokafka_arguments(settings: KafkaSettings, name: str) -> dict[str, Any]:
    """Return what every client of aiokafka is constructed with; `name` is what brokers see as client id."""
    password = settings.sasl_password
    return {
        "bootstrap_servers": settings.bootstrap_servers,
        "client_id": name,
        "request_timeout_ms": int(settings.request_timeout * 1000),
        "security_protocol": settings.security_protocol,
        "ssl_context": ssl_context(settings),
        "sasl_mechanism": settings.sasl_mechanism or "PLAIN",
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": None if password is None else password.get_secret_value(),
    }


async def until_connected(what: str, settings: KafkaSettings, clock: Clock, connect: Callable[[], Awaitable[T]]) -> T:
    """Repeat `connect` while Kafka is away, and say so each time.

    Raises SettingsError for what waiting does not cure; other errors pass.
    """
    while True:
        try:
            return await connect()
        except InvalidSessionTimeoutError:
            raise SettingsError(
                "GRANTKEEPER_KAFKA__SESSION_TIMEOUT is outside of what the brokers allow: see their "
                "group.min.session.timeout.ms and group.max.session.timeout.ms"
            ) from None
        except (KafkaError, OSError) as error:
            log.warning(
                "Kafka does not serve this yet, will be tried again",
                part=what,
                servers=settings.bootstrap_servers,
                error=str(error) or type(error).__name__,
                hint="start Kafka, or correct GRANTKEEPER_KAFKA__*; aiokafka has logged what it met",
                pause=RETRY_PAUSE,
            )
            await clock.sleep(RETRY_PAUSE)


def _text(path: object) -> str | None:
    return None if path is None else str(path)
