from grantkeeper.process.failpoints import Hook
from schemas.topics import DEAD_LETTERS
from tests.integration.notifier.service import CONFIG_ID, PUBLIC_URL, Service, recovered, reported, went_off
from tests.waiting import wait_until

CAUSE = f"{CONFIG_ID}:expired_refresh_token"


async def test_a_report_opens_a_notification_that_leads_to_the_cure(service: Service) -> None:
    await service.tell(reported(1, text="invalid_grant"))
    one = await service.becomes(CAUSE, "open")
    assert (one.name, one.text, one.cure_id, one.count) == ("Support mailbox", "invalid_grant", "log_in_again", 1)
    assert one.url == f"{PUBLIC_URL}/tokens/{CONFIG_ID}/authorize"


async def test_the_same_report_twice_is_told_once(service: Service) -> None:
    await service.tell(reported(1), reported(1))
    await service.handled()
    assert [one and one.sequence for one in await service.published(CAUSE)] == [1]


async def test_a_recovery_resolves_and_a_recurrence_opens_again(service: Service) -> None:
    await service.tell(reported(1), recovered(2, CAUSE))
    await service.becomes(CAUSE, "resolved")
    await service.tell(reported(3))
    again = await service.becomes(CAUSE, "open")
    assert (again.sequence, again.resolved_at) == (3, None)


async def test_a_recovery_that_overtook_its_report_leaves_nothing_open(service: Service) -> None:
    await service.tell(recovered(2, CAUSE), reported(1))
    await service.handled()
    assert await service.published(CAUSE) == []


async def test_one_recovery_settles_several_causes(service: Service) -> None:
    other = f"{CONFIG_ID}:config_fault"
    await service.tell(reported(1), reported(2, kind="config_fault"), recovered(3, CAUSE, other))
    await service.becomes(CAUSE, "resolved")
    await service.becomes(other, "resolved")


async def test_a_config_that_went_off_has_nothing_open_and_nothing_older_opens(service: Service) -> None:
    await service.tell(reported(1), went_off(5), reported(4, kind="config_fault"))
    await service.becomes(CAUSE, "resolved")
    await service.handled()
    assert await service.published(f"{CONFIG_ID}:config_fault") == []


async def test_a_config_that_came_back_can_have_trouble_again(service: Service) -> None:
    await service.tell(reported(1), went_off(2), reported(3))
    await service.handled()
    one = await service.state(CAUSE)
    assert one is not None
    assert (one.state, one.sequence) == ("open", 3)


async def test_a_switch_that_is_off_keeps_it_silent(service: Service) -> None:
    await service.tell(reported(1, notify_expired_refresh_token=False), reported(2, kind="expired_token"))
    await service.handled()
    assert await service.published(CAUSE) == []
    assert await service.published(f"{CONFIG_ID}:expired_token") == []


async def test_a_process_that_dies_after_storing_publishes_later(idle: Service) -> None:
    await idle.tell(reported(1))
    async with idle.running(hook=_dies_once_at("outbox.stored")):
        one = await idle.becomes(CAUSE, "open")
    assert one.sequence == 1
    assert {one and one.sequence for one in await idle.published(CAUSE)} == {1}


async def test_a_process_that_dies_after_publishing_tells_the_same_again(idle: Service) -> None:
    await idle.tell(reported(1))
    async with idle.running(hook=_dies_once_at("outbox.published")):
        await idle.handled()
    assert {one and one.sequence for one in await idle.published(CAUSE)} == {1}


async def test_an_event_of_a_stranger_is_a_dead_letter(service: Service) -> None:
    await service.house.send(service.house.event(reported(1), "config_service", CONFIG_ID))
    await wait_until(lambda: service.house.read(DEAD_LETTERS))
    assert await service.published(CAUSE) == []


def _dies_once_at(point: str) -> Hook:
    passed: list[str] = []

    async def hook(reached: str) -> None:
        if reached == point and not passed:
            passed.append(reached)
            raise RuntimeError(f"died at {point}")

    return hook
