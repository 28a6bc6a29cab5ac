"""A tail sees everything, in order, from the start or from now on, and is blinded by nothing."""

from grantkeeper.bus.received import Place, Principal
from grantkeeper.bus.tail import Tail
from grantkeeper.process.clock import SYSTEM_CLOCK, SYSTEM_IDS
from grantkeeper_client import Envelope, sign
from schemas.principals import PrincipalChanged
from schemas.topics import CONFIG_EVENTS, PRINCIPALS
from tests.integration.bus.installation import Installation, an_event
from tests.waiting import wait_until


async def send(installation: Installation, *numbers: int) -> None:
    publisher = installation.publisher
    events = [(event, event.config_id) for event in map(an_event, numbers)]
    await publisher.publish_many(
        [publisher.event(event, id=str(event.revision), time=installation.now(), key=key) for event, key in events]
    )


async def test_ready_means_that_all_there_was_has_been_read_and_reading_goes_on(installation: Installation) -> None:
    seen: list[str] = []

    async def note(envelope: Envelope, _place: Place) -> None:
        seen.append(envelope.id)

    await send(installation, *range(1, 1200))
    tail = Tail(installation.settings, CONFIG_EVENTS, note, service="test", clock=SYSTEM_CLOCK)
    await tail.start()
    try:
        await tail.ready()
        assert seen == [str(n) for n in range(1, 1200)]
        assert tail.problems() == []
        await send(installation, 1200)
        await wait_until(lambda: seen[-1] == "1200")
    finally:
        await tail.stop()
    assert tail.problems()


async def test_a_tail_from_the_end_sees_only_what_comes_after_its_start(installation: Installation) -> None:
    seen: list[str] = []

    async def note(envelope: Envelope, _place: Place) -> None:
        seen.append(envelope.id)

    await send(installation, 1)
    tail = Tail(installation.settings, CONFIG_EVENTS, note, service="test", clock=SYSTEM_CLOCK, begin="end")
    await tail.start()
    try:
        await send(installation, 2)
        await wait_until(lambda: seen)
    finally:
        await tail.stop()
    assert seen == ["2"]


async def test_a_tail_goes_on_after_what_it_cannot_read_or_digest(installation: Installation) -> None:
    seen: list[str] = []

    async def note(envelope: Envelope, _place: Place) -> None:
        if envelope.id == "2":
            raise KeyError("cannot digest")
        seen.append(envelope.id)

    topic = installation.settings.topic(CONFIG_EVENTS)
    await send(installation, 1)
    await installation.put(topic, b"\xff", [("ce_id", b"\xff"), ("x", None)])
    await send(installation, 2, 3)
    tail = Tail(installation.settings, CONFIG_EVENTS, note, service="test", clock=SYSTEM_CLOCK)
    await tail.start()
    try:
        await tail.ready()
    finally:
        await tail.stop()
    assert seen == ["1", "3"]


async def test_the_directory_believes_config_service_alone_and_forgets_on_a_tombstone(
    installation: Installation,
) -> None:
    publisher, directory = installation.publisher, installation.directory
    await installation.registered("mail-1", "mail", configs=("0199f7a0-0000-7000-8000-000000000001",))
    known = directory.get("mail-1")
    assert known is not None
    assert known.may_get("0199f7a0-0000-7000-8000-000000000001")
    assert not known.may_get("0199f7a0-0000-7000-8000-000000000002")
    change = PrincipalChanged(principal="mail-1", role="admin", version=1, sequence=9)
    forged = publisher.event(change, id=SYSTEM_IDS.uuid7(), time=installation.now(), key="mail-1")
    await installation.send(
        sign(forged, installation.ring.service_key("refresher")),
        sign(forged, installation.ring.principal_key("mail-1", 1)),
        forged,
    )
    await installation.register("mail-1", "viewer", sequence=0 + 1, disabled=False)
    await installation.registered("mail-2", "mail")
    late = directory.get("mail-1")
    assert late is not None
    assert late.role == "viewer", "the same sequence again is the newer record"
    gone = publisher.tombstone(PrincipalChanged, id=SYSTEM_IDS.uuid7(), time=installation.now(), key="mail-2")
    await publisher.publish_many([gone])
    await wait_until(lambda: directory.get("mail-2") is None)
    assert isinstance(directory.get("mail-1"), Principal)
    assert PRINCIPALS in gone.topic


async def test_the_directory_drops_an_older_sequence(installation: Installation) -> None:
    await installation.registered("mail-1", "mail", sequence=5, disabled=True)
    await installation.register("mail-1", "mail", sequence=4)
    await installation.registered("mail-2", "mail")
    known = installation.directory.get("mail-1")
    assert known is not None
    assert known.disabled
