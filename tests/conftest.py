"""What every test may ask for: the real servers, a topic prefix and a database of its own, and a clean environment.

Servers start at the first test that asks, once per session. Where a part is missing the test is skipped and the end of
the run says so; with CI=true a missing part is a failure.
"""

import logging
import os
import secrets
import signal
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NoReturn

import hypothesis
import pytest
import structlog

from tests.waiting import wait_until as wait_until_true

pytest_plugins = ("tests.partners.fixtures",)

if TYPE_CHECKING:
    from tests.servers import KafkaServer, MongoServer

ENVIRONMENT = dict(os.environ)  # as it was before any test was kept from seeing it
QUICK_EXAMPLES = 20  # of each property in `make check`, a fifth of Hypothesis' own number
MISSING = pytest.StashKey[set[str]]()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests decides one."""
    for name in ENVIRONMENT:
        if name.startswith("GRANTKEEPER_"):
            monkeypatch.delenv(name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """A test that runs a program in this process leaves logging and signals as they were for the next test.

    A hook, not a fixture: the program may run in a fixture of the module, which is set up before any of a test.
    """
    levels = {name: one.level for name, one in _loggers().items()}
    level, handlers = logging.root.level, logging.root.handlers[:]
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        return (yield)
    finally:
        for name, one in _loggers().items():
            one.setLevel(levels.get(name, logging.NOTSET))
        logging.root.setLevel(level)
        logging.root.handlers[:] = handlers
        structlog.reset_defaults()
        for number, handler in signals.items():
            signal.signal(number, handler)


def _loggers() -> dict[str, logging.Logger]:
    known = logging.root.manager.loggerDict
    return {name: one for name, one in known.items() if isinstance(one, logging.Logger)}


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator["KafkaServer"]:
    """A real broker: `.bootstrap_servers`."""
    from devstack.errors import PartMissing
    from tests.servers import running_kafka

    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_kafka(ENVIRONMENT, tmp_path_factory.mktemp("kafka")))
        except PartMissing as missing:
            part_missing(request.config, str(missing))
        yield server


@pytest.fixture(scope="session")
def mongo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator["MongoServer"]:
    """A real replica set of one: `.uri`."""
    from devstack.errors import PartMissing
    from tests.servers import running_mongo

    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_mongo(ENVIRONMENT, tmp_path_factory.mktemp("mongo")))
        except PartMissing as missing:
            part_missing(request.config, str(missing))
        yield server


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> Iterator[str]:
    """A topic prefix of this test alone; its topics are deleted afterwards."""
    name = f"t{secrets.token_hex(4)}."
    yield name
    if "kafka" in request.fixturenames:
        request.getfixturevalue("kafka").delete_topics(name)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database name of this test alone; it is dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    yield name
    if "mongo" in request.fixturenames:
        request.getfixturevalue("mongo").drop(name)


@pytest.fixture
def wait_until() -> Callable[..., Awaitable[Any]]:
    """`await wait_until(condition, deadline)`: see tests/waiting.py."""
    return wait_until_true


def pytest_configure() -> None:
    """End a session that is asked to end as Ctrl-C does: with its servers. Judge no property by the time it takes."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    hypothesis.settings.register_profile(
        "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("house")
    hypothesis.settings.register_profile("quick", max_examples=QUICK_EXAMPLES)


def part_missing(config: pytest.Config, message: str) -> NoReturn:
    """Skip the test and remember why; fail it where CI=true."""
    if ENVIRONMENT.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    config.stash.setdefault(MISSING, set()).add(message)
    pytest.skip(message)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what was missing to the process that prints the end, where this one is a worker of it."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        missing: set[str] = session.config.stash.setdefault(MISSING, set())
        output["missing"] = sorted(missing)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what was missing in a worker."""
    output = getattr(node, "workeroutput", {})
    node.config.stash.setdefault(MISSING, set()).update(output.get("missing", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    missing: set[str] = config.stash.setdefault(MISSING, set())
    for message in sorted(missing):
        terminalreporter.write_line(f"NOT TESTED, a part is missing: {message}", red=True, bold=True)
