"""The stop switch and the guard against a second installation."""

from dataclasses import replace
from datetime import timedelta

from services.refresher.domain.engine import HEARD_MAX, Engine, met, passed_over, refusal, resumed, stopped
from services.refresher.domain.grant import settled, tries_again_at_once
from tests.unit.refresher.records import NOW, granted

HERE, THERE = "cluster-1/grantkeeper.", "cluster-2/grantkeeper."
OWNED = met(Engine(), HERE)


def test_the_first_bus_that_meets_a_database_owns_it() -> None:
    assert OWNED.bus == HERE
    assert refusal(OWNED, HERE) is None
    assert met(OWNED, HERE) == OWNED


def test_a_database_that_meets_another_bus_is_held_for_it_and_for_nobody_else() -> None:
    cloned = met(OWNED, THERE)
    assert (cloned.bus, cloned.held(THERE), cloned.held(HERE)) == (HERE, "another_cluster", None)
    refused = refusal(cloned, THERE)
    assert refused is not None
    assert refused.code == "stopped"
    assert refusal(cloned, HERE) is None
    assert cloned.open_causes() == ("another_cluster",)
    assert met(cloned, THERE) == cloned, "told once"


def test_another_prefix_on_the_same_cluster_is_another_installation() -> None:
    assert met(OWNED, "cluster-1/staging.").held("cluster-1/staging.") == "another_cluster"


def test_a_resume_makes_the_bus_that_brought_it_the_owner() -> None:
    confirmed = resumed(met(OWNED, THERE), THERE, "m1")
    assert (refusal(confirmed, THERE), confirmed.open_causes()) == (None, ())
    assert confirmed.held(HERE) == "another_cluster", "the other one must not go on beside it"


def test_who_stopped_first_stays_on_record() -> None:
    first = stopped(OWNED, "jo", NOW, "m1")
    second = stopped(first, "mia", NOW + timedelta(hours=1), "m2")
    assert (second.stopped_by, second.stopped_at) == ("jo", NOW)
    refused = refusal(second, HERE)
    assert refused is not None
    assert "jo" in refused.message


def test_a_stop_that_comes_again_after_the_resume_changes_nothing() -> None:
    running = resumed(stopped(OWNED, "jo", NOW, "m1"), HERE, "m2")
    assert stopped(running, "jo", NOW, "m1") == running
    again = stopped(running, "jo", NOW, "m3")
    assert resumed(again, HERE, "m2") == again


def test_commands_are_forgotten_at_last() -> None:
    engine = OWNED
    for number in range(HEARD_MAX + 1):
        engine = resumed(engine, HERE, f"m{number}")
    assert engine.heard == tuple(f"m{number}" for number in range(1, HEARD_MAX + 1))


def test_a_second_try_that_was_to_come_at_once_waits_for_the_end_of_the_stop() -> None:
    record = granted()
    lost = replace(record, failures=1, grant=replace(record.grant, unknown=1))
    assert tries_again_at_once(lost)
    over = settled(passed_over(lost, NOW), NOW)
    assert not tries_again_at_once(over)
    assert over.due == NOW
