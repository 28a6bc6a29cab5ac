"""The page System: the engine and its switches, who is behind, what was given up."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from httpx import AsyncClient

from grantkeeper.bus.errors import Unavailable
from grantkeeper.bus.lag import Lag
from schemas.token_requests import EngineResume, EngineStatusGet, EngineStop, KeyUse
from services.console.bus_view import KEPT, KEPT_FOR, DeadLetters, SharedLags
from services.console.engine_view import client, overdue
from services.console.words import load_catalogue
from tests.clock import FakeClock
from tests.console_app import Kafka
from tests.console_double import AnsweringBus
from tests.console_samples import CLIENT, NOW
from tests.console_system_samples import engine, engine_client, held, lags, letter, letter_event, stopped

ENGLISH = load_catalogue().choose("en", "")


async def test_the_page_asks_the_refresher_once_and_kafka_once(
    admin: AsyncClient, bus: AnsweringBus, kafka: Kafka
) -> None:
    bus.answers[EngineStatusGet], kafka.found = engine(), lags()
    text = (await admin.get("/system")).text
    assert [type(one) for one in bus.asked] == [EngineStatusGet]
    for said in ("Runs", "the first has waited for 95 s", "contoso-mail", "Refused by the provider", "expiry.events"):
        assert said in text
    assert text.count("nobody reads") == 2
    assert f'href="/tokens?client={CLIENT}"' in text


async def test_the_switch_asks_once_more_and_then_stops(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers |= {EngineStatusGet: engine(), EngineStop: stopped()}
    assert 'action="/system/stop"' in (await admin.get("/system/stop")).text
    answer = await admin.post("/system/stop")
    assert answer.headers["location"] == "/system"
    assert bus.actors[-1] == "anna"
    bus.answers[EngineStatusGet] = stopped()
    text = (await admin.get("/system")).text
    assert "by anna, 2026-11-24 10:03 UTC" in text
    assert 'href="/system/resume"' in text
    assert 'href="/system/stop"' not in text


async def test_what_a_resume_confirms_is_said_before(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers |= {EngineStatusGet: held(), EngineResume: engine()}
    assert "another Kafka cluster" in (await admin.get("/system")).text
    asked = (await admin.get("/system/resume")).text
    assert "no other installation runs with a copy of this database" in asked
    assert (await admin.post("/system/resume")).headers["location"] == "/system"
    assert isinstance(bus.asked[-1], EngineResume)


async def test_where_one_is_silent_the_page_shows_the_other(
    admin: AsyncClient, bus: AnsweringBus, kafka: Kafka
) -> None:
    kafka.found = lags()
    without_refresher = await admin.get("/system")
    assert without_refresher.status_code == 200
    assert "No refresher answers." in without_refresher.text
    assert "expiry.events" in without_refresher.text
    bus.answers[EngineStatusGet], kafka.found = engine(), None
    without_kafka = await admin.get("/system")
    assert "Kafka does not answer." in without_kafka.text
    assert "contoso-mail" in without_kafka.text


async def test_a_viewer_sees_it_and_switches_nothing(viewer: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[EngineStatusGet] = engine()
    text = (await viewer.get("/system")).text
    assert "contoso-mail" in text
    assert "/system/stop" not in text
    assert (await viewer.post("/system/stop")).status_code == 403
    assert [type(one) for one in bus.asked] == [EngineStatusGet]


async def test_while_keys_rotate_the_page_says_which_are_needed(admin: AsyncClient, bus: AnsweringBus) -> None:
    bus.answers[EngineStatusGet] = engine()
    assert "vault ring" not in (await admin.get("/system")).text
    keys = (
        KeyUse(ring_id="r3", current=True, stored=120, sealed=80),
        KeyUse(ring_id="r2", current=False, stored=0, sealed=41),
        KeyUse(ring_id="r1", current=False, stored=0, sealed=0),
    )
    bus.answers[EngineStatusGet] = engine(keys=keys, keys_counted_at=NOW)
    text = (await admin.get("/system")).text
    said = [text.index(one) for one in ("r3", "In use", "r2", "Still needed", "r1", "No longer needed by tokens")]
    assert said == sorted(said)


async def test_dead_letters_say_place_and_reason(admin: AsyncClient, bus: AnsweringBus, kafka: Kafka) -> None:
    bus.answers[EngineStatusGet] = engine()
    assert "None in the last 30 days." in (await admin.get("/system")).text
    kafka.dead_letters.take(letter_event(letter(detail="<script>alert(1)</script>")))
    text = (await admin.get("/system")).text
    assert "grantkeeper.token.requests/3@4711" in text
    assert "Its signature is wrong" in text
    assert "<script>alert" not in text


def test_the_newest_dead_letters_are_kept_and_all_are_counted() -> None:
    letters = DeadLetters()
    for offset in range(KEPT + 5):
        letters.take(letter_event(letter(offset)))
    letters.take(replace(letter_event(letter(9_999)), value=b"{}"))
    assert [one.offset for one in letters.newest] == list(range(KEPT + 4, 4, -1))
    assert letters.total == KEPT + 5


async def test_many_open_pages_are_one_look_at_kafka() -> None:
    clock, looks = FakeClock(), 0

    async def read() -> list[Lag]:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise Unavailable("Kafka is away")
        await asyncio.sleep(0)
        return lags()[:looks]

    shared = SharedLags(read, clock)
    assert [len(found) for found in await asyncio.gather(*(shared() for _ in range(5)))] == [1] * 5
    clock.advance(KEPT_FOR)
    assert len(await shared()) == 2
    clock.advance(KEPT_FOR)
    with pytest.raises(Unavailable):
        await shared()
    assert len(await shared()) == 4, "what failed is asked again at once"


@pytest.mark.parametrize(
    ("changes", "state", "notes"),
    [
        ({}, "Works", ()),
        ({"fault": "client_fault", "cure_id": "x", "cure": "Do it."}, "Refused by the provider", ()),
        ({"breaker_until": NOW + timedelta(seconds=40)}, "Provider does not answer", ("asked again in 40 s",)),
        ({"held_until": NOW + timedelta(minutes=4)}, "Provider asks for patience", ("asked again in 4 min",)),
        ({"held_until": NOW - timedelta(minutes=4)}, "Works", ()),
        ({"candidate_secret": True}, "Works", ("A new client secret has not worked yet; the old one is kept.",)),
        ({"secret_ends_at": NOW.date()}, "Works", ("Client secret ends on 2026-11-24",)),
        ({"secret_ends_at": (NOW + timedelta(days=90)).date()}, "Works", ()),
    ],
)
def test_a_client_is_said_in_words(changes: dict[str, object], state: str, notes: tuple[str, ...]) -> None:
    shown = client(engine_client(**changes), NOW, ENGLISH)
    assert (shown.state, shown.notes) == (state, notes)
    assert shown.cure == changes.get("cure")


def test_a_cure_is_said_in_the_readers_language_by_its_id() -> None:
    german = load_catalogue().choose("de", "")
    shown = client(engine_client(fault="client_fault", cure_id="entra-secret-ended", cure="English"), NOW, german)
    assert shown.cure == german("cure.entra-secret-ended") != "English"


def test_who_waits_not_even_a_second_is_not_overdue() -> None:
    assert overdue(0.4, ENGLISH) == ""
    assert overdue(7_300, ENGLISH) == "the first has waited for 2 h"
