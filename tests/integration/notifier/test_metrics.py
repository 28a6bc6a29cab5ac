from datetime import timedelta

from grantkeeper.bus.outbox import OutboxRelay
from grantkeeper.bus.publish import Publisher
from grantkeeper.mongo.client import MongoConnection
from grantkeeper.process.clock import SYSTEM_CLOCK
from grantkeeper.process.metrics import Metrics
from services.notifier.messages import changed_message
from services.notifier.reminders import Reminders
from services.notifier.store import NotificationStore
from tests.integration.notifier.service import CONFIG_ID, PUBLIC_URL, Service, recovered, reported


async def test_operators_see_how_many_are_open_by_urgency(service: Service) -> None:
    await service.tell(reported(1), reported(2, kind="config_fault"), reported(3, kind="wrong_account"))
    await service.tell(recovered(4, f"{CONFIG_ID}:config_fault"))
    await service.becomes(f"{CONFIG_ID}:config_fault", "resolved")
    metrics, mongo = Metrics("notifier"), MongoConnection(service.house.mongo, service="test", clock=SYSTEM_CLOCK)
    store = NotificationStore(mongo.database, lambda one: changed_message(one, PUBLIC_URL), timedelta())
    key = service.house.ring.service_key("notifier")
    publisher = Publisher(service.house.kafka, key, service="notifier", clock=SYSTEM_CLOCK, metrics=metrics)
    relay = OutboxRelay(store.outbox, publisher, clock=SYSTEM_CLOCK, metrics=metrics)
    await Reminders(store, relay, clock=SYSTEM_CLOCK, metrics=metrics, interval=1.0).turn()
    await mongo.stop()
    numbers = {
        severity: metrics.registry.get_sample_value("grantkeeper_notifications_open", {"severity": severity})
        for severity in ("red", "yellow")
    }
    assert numbers == {"red": 1.0, "yellow": 1.0}
