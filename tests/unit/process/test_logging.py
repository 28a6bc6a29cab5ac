"""The net under the types that hide secrets: names and texts that look like one are not written."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator

import pytest
import structlog
from pydantic import SecretStr

from grantkeeper.process.logging import configure, get_logger
from grantkeeper.process.settings import LoggingSettings

PLANTED = "s3cr3t"
Written = Callable[[], list[dict[str, object]]]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[Written]:
    """A configured process; what it has written, line by line."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", stream)
    configure(LoggingSettings(), "refresher")
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "field", ["access_token", "refresh_token", "client_secret", "password", "Authorization", "code", "code_verifier"]
)
def test_a_field_that_is_called_a_secret_is_hidden(written: Written, field: str) -> None:
    get_logger("test").info("answered", **{field: PLANTED}, nested={field: PLANTED}, status=200)
    (line,) = written()
    assert PLANTED not in str(line)
    assert (line["status"], line["service"], line["event"]) == (200, "refresher", "answered")


@pytest.mark.parametrize(
    "text",
    [
        f"grant_type=refresh_token&refresh_token={PLANTED}&x=1",
        f"Authorization: Bearer {PLANTED}",
        f'{{"access_token": "{PLANTED}", "expires_in": 3599}}',
        f"https://app.example/callback?code={PLANTED}&state=1",
        f"client_secret={PLANTED}",
    ],
)
def test_a_text_that_carries_a_secret_is_written_without_it(written: Written, text: str) -> None:
    get_logger("test").warning(text, detail=text)
    logging.getLogger("some.library").warning("said %s", text)
    assert len(written()) == 2
    assert PLANTED not in str(written())


def test_an_exception_is_written_without_the_secret_in_its_words(written: Written) -> None:
    get_logger("test").error("failed", exc_info=ValueError(f"refused refresh_token={PLANTED}"))
    (line,) = written()
    assert "ValueError" in str(line["exception"])
    assert PLANTED not in str(line)


def test_a_secret_type_hides_itself(written: Written) -> None:
    get_logger("test").info("x", value=str(SecretStr(PLANTED)))
    assert PLANTED not in str(written())


def test_words_about_secrets_are_not_hidden(written: Written) -> None:
    get_logger("test").info("refresh token rotated", error_code="invalid_grant", keys=3)
    (line,) = written()
    assert (line["event"], line["error_code"], line["keys"]) == ("refresh token rotated", "invalid_grant", 3)


def test_a_library_that_repeats_itself_in_an_outage_is_heard_once_in_a_while(written: Written) -> None:
    aiokafka, ours = logging.getLogger("aiokafka.client"), logging.getLogger("grantkeeper.bus")
    for node in range(50):
        aiokafka.error("Unable connect to node with id %s", node)
        ours.error("not repeated by a library")
    aiokafka.error("Another thing")
    late = aiokafka.makeRecord("aiokafka.client", logging.ERROR, "", 0, "Unable connect to node with id %s", (1,), None)
    late.created += 31
    aiokafka.handle(late)
    events = [line["event"] for line in written()]
    assert events.count("not repeated by a library") == 50
    others = [event for event in events if event != "not repeated by a library"]
    assert others == ["Unable connect to node with id 0", "Another thing", "Unable connect to node with id 1"]
