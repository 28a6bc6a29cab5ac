"""Services are replaced one by one: what a newer one says besides is passed over, what it says differently is not."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from grantkeeper.bus.admission import ServiceAdmission, Skipped, Unattributed
from grantkeeper.bus.messages import types_of
from grantkeeper.bus.received import ReceivedEvent
from grantkeeper.crypto.ring import AuthRing
from grantkeeper_client import Envelope, sign
from schemas import principals  # noqa: F401 - registers its message
from schemas.config_events import ConfigChanged
from schemas.token_config import TokenConfig
from schemas.topics import CONFIG_EVENTS
from tests.unit.bus.doubles import Record

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
RING = AuthRing.new("r1")
EVENT = ConfigChanged(
    config_id="0199f7a0-0000-7000-8000-000000000001",
    revision=1,
    sequence=1,
    config=TokenConfig(name="one", template="generic"),
    actor="admin",
)


def decided(value: Any, name: str = ConfigChanged.TYPE) -> ReceivedEvent | Skipped | Unattributed:
    body = json.dumps(value).encode()
    envelope = Envelope("t.config.events", b"k", "i1", name, "/services/config_service", NOW, body)
    admission = ServiceAdmission(RING, frozenset({"@config_service"}), types_of(CONFIG_EVENTS))
    return admission.decide(Record.of(sign(envelope, RING.service_key("config_service"))), NOW)


def test_fields_that_a_newer_service_added_are_passed_over_at_any_depth() -> None:
    value = EVENT.model_dump(mode="json") | {"added": 1}
    value["config"] |= {"added": {"deep": True}}
    value["config"]["options"]["servers"] |= {"jmap": "mail.example:443"}
    decision = decided(value)
    assert isinstance(decision, ReceivedEvent)
    assert decision.message == EVENT


def test_a_field_that_does_not_fit_is_still_told() -> None:
    decision = decided(EVENT.model_dump(mode="json") | {"revision": "new"})
    assert isinstance(decision, Unattributed)
    assert (decision.reason, decision.detail) == ("malformed_value", "fields: revision")


@pytest.mark.parametrize("name", ["grantkeeper.config.archived.v1", "grantkeeper.made.up.v3"])
def test_an_event_of_a_new_type_is_passed_over(name: str) -> None:
    decision = decided({"whatever": 1}, name)
    assert isinstance(decision, Skipped)
    assert decision.type == name


@pytest.mark.parametrize(
    "name",
    [
        "grantkeeper.config.changed.v2",  # another version of what is known: to skip it would lose states
        "grantkeeper.principal.changed.v1",  # another topic's
        "com.example.made.up.v1",
    ],
)
def test_an_event_that_must_not_be_missed_is_told(name: str) -> None:
    decision = decided({"whatever": 1}, name)
    assert isinstance(decision, Unattributed)
    assert decision.reason == "unknown_type"
