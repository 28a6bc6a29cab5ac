"""Logs go to standard error, one event a line, and never carry a secret.

Secrets have types that hide themselves (`SecretStr`, sealed and encrypted texts); the redaction here is the net under
them: a value whose name says secret, and a text that looks like one, is replaced. Libraries' loggers pass through the
same pipeline.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger
from typing_extensions import override

from grantkeeper.process.settings import LoggingSettings

HIDDEN: Final = "**********"
_SECRET_NAME: Final = re.compile(
    r"(?i)(secret|password|passphrase|credential|authorization$|cookie|private_key|code_verifier|"
    r"(access|refresh|id|bearer)_?token$|^code$|^token$|^key$)"
)
# `name=value`, `"name": "value"` and `Bearer value` inside a longer text, as an exception or a library may say it.
_SECRET_TEXT: Final = re.compile(
    r"""(?ix)
    ((?:access_token|refresh_token|id_token|client_secret|client_assertion|assertion|code|code_verifier|password)
      ["']?\s*[=:]\s*["']?|bearer\s+)
    [^\s"'&,;}]+
    """
)
# Loggers that say on INFO what nobody asked for, or repeat what the bus says better.
_QUIET: Final = {
    "aiokafka": logging.WARNING,
    "httpx": logging.WARNING,
    "pymongo": logging.WARNING,
    "asyncio": logging.WARNING,
}


class OncePerWhile(logging.Filter):
    """Lets a library say the same thing once in SAID_AGAIN_AFTER seconds: an outage must not bury what else happens."""

    SAID_AGAIN_AFTER: Final = 30.0

    def __init__(self, library: str) -> None:
        super().__init__(library)
        self._said: dict[tuple[str, str], float] = {}

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if not super().filter(record) or record.levelno >= logging.CRITICAL:
            return True
        what = (record.name, str(record.msg))  # the text before its arguments: the same for every node and topic
        if record.created - self._said.get(what, 0.0) < self.SAID_AGAIN_AFTER:
            return False
        self._said[what] = record.created
        return True


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide what must not be written; the last processor before the renderer."""
    return {name: _clean(name, value) for name, value in event.items()}


def _clean(name: str, value: Any) -> Any:
    if _SECRET_NAME.search(name):
        return HIDDEN
    if isinstance(value, str):
        return _SECRET_TEXT.sub(rf"\g<1>{HIDDEN}", value)
    if isinstance(value, Mapping):
        return {key: _clean(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(name, item) for item in value]
    return value


def configure(settings: LoggingSettings, service: str) -> None:
    """Send structlog's and the standard library's records through one pipeline to standard error."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _service_name(service),
        redact,
    ]
    renderer = structlog.dev.ConsoleRenderer() if settings.format == "console" else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(OncePerWhile("aiokafka"))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level)
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, root.level))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _service_name(service: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; `name` is its `__name__`."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
