"""What an operator does from the console, before real services: mail modules, the stop switch, a look at the bus."""

from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer

from grantkeeper_client import Credential, Grantkeeper, ReplyError, parse_credential
from schemas.topics import TOKEN_REQUESTS
from tests.e2e.console_session import ConsoleSession
from tests.e2e.running_stack import RunningStack, running_stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("operates")) as running:
        yield running


@pytest.fixture
def console(stack: RunningStack) -> ConsoleSession:
    return ConsoleSession(stack.layout)


async def answer(credential: Credential) -> str:
    """The code with which a token that nobody has is refused: it tells how far a credential gets."""
    async with Grantkeeper(credential) as client:
        with pytest.raises(ReplyError) as refused:
            await client.get_access_token("Nobody")
    return refused.value.code


async def test_a_mail_module_is_registered_shut_out_and_let_in_again(console: ConsoleSession) -> None:
    shown = console.send("mail-modules", {"principal": "mail-9", "role": "mail", "may_get": "all", "sequence": "0"})
    assert "offered this one time" in shown
    first = parse_credential(console.send("mail-modules/mail-9/credential", {}))
    assert (first.principal, first.version) == ("mail-9", 1)
    assert await answer(first) == "not_found"

    console.send("mail-modules/mail-9/disable", {"sequence": "1"})
    assert await answer(first) == "principal_disabled"

    console.send("mail-modules/mail-9/enable", {"sequence": "2"})
    second = parse_credential(console.send("mail-modules/mail-9/credential", {}))
    assert second.version == 2
    assert await answer(second) == "not_found"

    console.send("mail-modules/mail-9/renew", {"sequence": "3"})
    third = parse_credential(console.send("mail-modules/mail-9/credential", {}))
    assert third.version == 3
    assert await answer(third) == "not_found"
    assert "mail-9" in console.read("mail-modules")


def test_the_engine_is_stopped_and_resumed(console: ConsoleSession) -> None:
    assert "Stopped" not in console.read("system")
    stopped = console.send("system/stop", {})
    assert "Stopped. No refresher sends anything to a provider." in stopped
    assert "by admin" in stopped
    resumed = console.send("system/resume", {})
    assert "Resumed." in resumed
    assert "Runs" in resumed


async def test_the_bus_is_looked_at_itself(stack: RunningStack, console: ConsoleSession) -> None:
    page = console.read("system")
    for topic in ("config.commands", "config.events", "token.requests", "expiry.events", "notification.commands"):
        assert topic in page
    assert "nobody reads" not in page
    servers = f"127.0.0.1:{stack.layout.port('Kafka')}"
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        await producer.send_and_wait(f"grantkeeper.{TOKEN_REQUESTS}", b"canary-nonsense")
    await wait_until(lambda: "grantkeeper.token.requests/" in console.read("system"))
    assert "canary-nonsense" not in console.read("system")
