"""Every transition of a grant or a client is an event: one row for each, and what it tells."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from grantkeeper.mongo.outbox import Entry
from grantkeeper.process.clock import SYSTEM_IDS
from schemas.expiry_events import ConfigWentOff, ExpiryRecovered, ExpiryReported
from schemas.token_events import ClientChanged, TokenChanged
from services.refresher.announce import announced
from services.refresher.client_events import (
    breaker_event,
    fault_events,
    recovered,
    recovery_events,
    secret_refused_event,
)
from services.refresher.client_store import Client, Fault
from services.refresher.domain import grant as machine
from services.refresher.domain.record import Attempt, DeviceLogin, Record
from tests.unit.refresher.records import (
    CONFIG_ID,
    HOUR,
    NOW,
    ORIGIN,
    Login,
    changed,
    event,
    failure,
    granted,
    issued,
    new,
)

CHANGED, CLIENT_CHANGED, REPORTED, RECOVERED, OFF = (
    each.TYPE for each in (TokenChanged, ClientChanged, ExpiryReported, ExpiryRecovered, ConfigWentOff)
)
DEVICE = DeviceLogin("d", "code", "ABCD", "https://idp/device", None, ORIGIN, "mail", "admin", 5, NOW, NOW + HOUR)


@dataclass(frozen=True)
class Row:
    function: Callable[..., Record]
    before: Record | None
    after: Record
    tells: tuple[str, ...]
    now: timedelta = timedelta()


def told(record: Record, *kinds: str) -> Record:
    return replace(record, told=dict.fromkeys(kinds, "open"))


DEAD = told(
    machine.settled(machine.failed(granted(), failure("reauthorization"), NOW, 0.5), NOW), "expired_refresh_token"
)
IN_LOGIN = machine.settled(machine.authorization_started(new(), NOW + HOUR), NOW)
ON_DEVICE = machine.settled(machine.device_started(new(), DEVICE), NOW)
OVER = granted(NOW - 2 * HOUR)
ASIDE = told(machine.quarantined(granted(), "kept", "print 2", 2, NOW), "quarantined_refresh_token")
SHARED = told(machine.shared(granted(), "another"), "shared_refresh_token")
STRAGGLER = machine.Straggler("refresh 2", "print 2")

TABLE = (
    Row(machine.config_changed, None, new(), (CHANGED,)),
    Row(machine.config_changed, granted(), changed(granted(), event(2, name="Renamed")), (CHANGED,)),
    Row(machine.config_changed, granted(), changed(granted(), event(2, validity="invalid")), (CHANGED,)),
    Row(machine.config_changed, DEAD, changed(DEAD, event(2, deleted=True)), (CHANGED, OFF)),
    Row(machine.purged, granted(), machine.purged(granted(), 2), (CHANGED,)),
    Row(machine.authorization_started, new(), machine.authorization_started(new(), NOW + HOUR), (CHANGED,)),
    Row(
        machine.authorization_failed,
        IN_LOGIN,
        machine.authorization_failed(IN_LOGIN, failure("policy"), NOW),
        (CHANGED,),
    ),
    Row(machine.device_started, new(), machine.device_started(new(), DEVICE), (CHANGED,)),
    Row(
        machine.device_failed, ON_DEVICE, machine.device_failed(ON_DEVICE, failure("reauthorization"), NOW), (CHANGED,)
    ),
    Row(machine.time_passed, IN_LOGIN, machine.time_passed(IN_LOGIN, NOW + HOUR), (CHANGED, REPORTED), HOUR),
    Row(machine.time_passed, granted(), machine.time_passed(granted(), NOW + HOUR), (CHANGED,), HOUR),
    Row(machine.authorized, IN_LOGIN, machine.authorized(IN_LOGIN, issued(), Login()), (CHANGED,)),
    Row(machine.authorized, DEAD, machine.authorized(DEAD, issued(2), Login()), (CHANGED, RECOVERED)),
    Row(machine.refreshed, granted(), machine.refreshed(granted(), issued(2)), (CHANGED,)),
    Row(machine.failed, granted(), machine.failed(granted(), failure("transient"), NOW, 0.5), (CHANGED,)),
    Row(machine.failed, granted(), machine.failed(granted(), failure("ambiguous"), NOW, 0.5), (CHANGED,)),
    Row(machine.straggled, granted(), machine.straggled(granted(), STRAGGLER), (CHANGED,)),
    Row(machine.failed, granted(), machine.failed(granted(), failure("client_fault"), NOW, 0.5), (CHANGED,)),
    Row(machine.failed, granted(), machine.failed(granted(), failure("config_fault"), NOW, 0.5), (CHANGED, REPORTED)),
    Row(
        machine.failed, granted(), machine.failed(granted(), failure("reauthorization"), NOW, 0.5), (CHANGED, REPORTED)
    ),
    Row(machine.failed, OVER, machine.failed(OVER, failure("transient"), NOW, 0.5), (CHANGED, REPORTED)),
    Row(
        machine.broke_off,
        granted(),
        machine.broke_off(granted(), failure("transient"), NOW, 0.5, sent=True),
        (CHANGED,),
    ),
    Row(machine.quarantined, granted(), machine.quarantined(granted(), "kept", "print 2", 2, NOW), (CHANGED, REPORTED)),
    Row(machine.quarantined, ASIDE, machine.quarantined(ASIDE, "another", "print 3", 2, NOW), (CHANGED,)),
    Row(machine.shared, granted(), machine.shared(granted(), "another"), (CHANGED, REPORTED)),
    Row(machine.shared, SHARED, machine.shared(SHARED, None), (CHANGED, RECOVERED)),
    Row(machine.revoked, granted(), machine.revoked(granted()), (CHANGED,)),
)
"""In the order of a grant's life."""

PARTS_OF_OTHERS = {
    machine.with_attempt: machine.with_attempt(granted(), Attempt(NOW, "success", 1)),
    machine.with_error: machine.with_error(granted(), failure("transient"), NOW),
    machine.settled: machine.settled(granted(), NOW),
    machine.device_waits: machine.device_waits(ON_DEVICE, 10, NOW),
}
"""No states of their own: notes that an ending carries, and the pace of the questions about a login."""


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.function.__name__)
def test_a_transition_is_told(row: Row) -> None:
    record, entries = announced(row.before, row.after, now=NOW + row.now, happened="reported", ids=SYSTEM_IDS)
    assert tuple(each.type for each in entries) == row.tells
    assert {each.key for each in entries} == {CONFIG_ID}
    assert announced(record, record, now=NOW + row.now, happened="reported", ids=SYSTEM_IDS)[1] == [], "once"


def test_the_table_holds_every_transition_of_the_machine() -> None:
    functions = {
        each
        for _, each in inspect.getmembers(machine, inspect.isfunction)
        if each.__module__ == machine.__name__ and not each.__name__.startswith("_")
        if inspect.signature(each).return_annotation is Record
    }
    assert {row.function for row in TABLE} | PARTS_OF_OTHERS.keys() == functions


CLIENT_HASH = "0" * 32
CLIENT = Client(CLIENT_HASH, "https://idp.example.test/token", "app", sequence=3)
FAULT = Fault("client_fault", "invalid_client", "", "c", "Cure it.", NOW)
WHY = failure("client_fault")


@pytest.mark.parametrize(
    ("entries", "tells"),
    [
        (fault_events(replace(CLIENT, fault=FAULT), FAULT, 2, NOW, SYSTEM_IDS), (CLIENT_CHANGED, REPORTED)),
        (recovery_events(replace(CLIENT, fault=FAULT), 2, NOW, SYSTEM_IDS), (CLIENT_CHANGED, RECOVERED)),
        ([breaker_event(replace(CLIENT, openings=1), 2, NOW, SYSTEM_IDS)], (CLIENT_CHANGED,)),
        (recovery_events(replace(CLIENT, openings=3), 2, NOW, SYSTEM_IDS), (CLIENT_CHANGED,)),
        ([secret_refused_event(CLIENT, WHY, NOW, SYSTEM_IDS)], (REPORTED,)),
        ([recovered(CLIENT, "client_secret_refused", NOW, SYSTEM_IDS)], (RECOVERED,)),
    ],
)
def test_a_transition_of_a_client_is_told(entries: list[Entry], tells: tuple[str, ...]) -> None:
    assert tuple(each.type for each in entries) == tells
    assert {each.key for each in entries} == {CLIENT_HASH}
    if tells[0] == CLIENT_CHANGED:
        assert ClientChanged.model_validate_json(entries[0].value or "").ok is (REPORTED not in tells)
